#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

ValueId enlarge(Builder& b, ValueId x, float factor, const char* coordinates = "asymmetric",
                const char* rounding = "floor") {
    return b.op("Resize", {x, no_value, b.constant(Tensor::from<float>({4}, {1, 1, factor, factor}))},
                {{"mode", std::string("nearest")},
                 {"coordinate_transformation_mode", std::string(coordinates)},
                 {"nearest_mode", std::string(rounding)}});
}

TEST(UpsampleConvToPhases, ConvolutionAndActivationRunOnTheSmallImage) {
    Builder b;
    const ValueId x = enlarge(b, b.input({1, 5, 3, 4}), 2);
    const Graph before = b.finish({b.op("Sigmoid", {b.op("HardSwish", {b.conv(x, 5, 2, 3, true)})})});
    const Graph after = expect_rewrites(upsample_conv_to_phases, before, 1);
    EXPECT_EQ(count(after, "Resize"), 0);
    EXPECT_EQ(count(after, "DepthToSpace"), 1);
    for (const NodeId id : after.topological_order()) {
        const Node& node = after.node(id);
        if (node.op == "HardSwish") EXPECT_EQ(*after.value(node.outputs[0]).shape, (Shape{1, 8, 3, 4}));
    }
}

TEST(UpsampleConvToPhases, AsOtherExportersWriteTheUpsampling) {
    Builder b;
    const ValueId x = enlarge(b, b.input({1, 3, 2, 5}), 2, "half_pixel", "round_prefer_floor");
    expect_rewrites(upsample_conv_to_phases, b.finish({b.conv(x, 3, 4, 3, false)}), 1);
}

TEST(UpsampleConvToPhases, LeavesTheOthersAlone) {
    const auto untouched = [](auto make) {
        Builder b;
        const ValueId x = b.input({1, 3, 4, 4});
        expect_rewrites(upsample_conv_to_phases, b.finish(make(b, x)), 0);
    };
    using Values = std::vector<ValueId>;
    untouched([](Builder& b, ValueId x) { return Values{b.conv(enlarge(b, x, 3), 3, 2, 3, true)}; });
    untouched([](Builder& b, ValueId x) { return Values{b.conv(enlarge(b, x, 2), 3, 2, 1, true)}; });
    untouched([](Builder& b, ValueId x) { return Values{b.conv(enlarge(b, x, 2), 3, 8, 3, true)}; });
    untouched([](Builder& b, ValueId x) {
        const ValueId large = enlarge(b, x, 2);
        return Values{b.conv(large, 3, 2, 3, true), b.op("Relu", {large})};
    });
}

}  // namespace
}  // namespace octet::test
