#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

ValueId upsample(Builder& b, ValueId x, const std::string& mode = "nearest") {
    return b.op("Resize", {x, no_value, b.constant(Tensor::from<float>({4}, {1, 1, 2, 2}))},
                {{"mode", mode},
                 {"coordinate_transformation_mode", std::string("asymmetric")},
                 {"nearest_mode", std::string("floor")}});
}

ValueId upsample_to(Builder& b, ValueId x, std::initializer_list<std::int64_t> sizes) {
    return b.op("Resize", {x, no_value, no_value, b.integers(sizes)},
                {{"mode", std::string("nearest")},
                 {"coordinate_transformation_mode", std::string("asymmetric")},
                 {"nearest_mode", std::string("floor")}});
}

// Pixels that the first node of `op` works on.
std::int64_t pixels_of(const Graph& graph, std::string_view op) {
    for (NodeId id : graph.topological_order()) {
        if (graph.node(id).op != op) continue;
        const Shape& shape = *graph.value(graph.node(id).outputs[0]).shape;
        return shape[2] * shape[3];
    }
    return 0;
}

TEST(CommuteConvResize, ConvolutionAndWhatFollows) {
    Builder b;
    ValueId x = upsample(b, b.op("Relu", {b.input({1, 4, 3, 5})}));
    x = b.op("HardSwish", {b.batchnorm(b.conv(x, 4, 6, 1), 6)});
    x = b.op("Mul", {b.conv(x, 6, 2, 1), b.weights({1, 2, 1, 1})});
    const Graph after = expect_rewrites(commute_conv_resize, b.finish({b.conv(x, 2, 3, 3)}), 5, 1e-6);
    EXPECT_EQ(count(after, "Resize"), 1);
    EXPECT_EQ(pixels_of(after, "HardSwish"), 15);
    EXPECT_EQ(pixels_of(after, "Mul"), 15);
}

TEST(CommuteConvResize, GivenSizesFollowTheChannels) {
    Builder b;
    const ValueId x = upsample_to(b, b.input({1, 4, 3, 5}), {1, 4, 7, 10});
    const Graph after = expect_rewrites(commute_conv_resize, b.finish({b.conv(x, 4, 6, 1)}), 1, 1e-6);
    EXPECT_EQ(pixels_of(after, "Conv"), 15);
}

TEST(CommuteConvResize, BranchesOfOneResizeJoinAgain) {
    Builder b;
    const ValueId x = upsample(b, b.input({1, 4, 3, 5}));
    const ValueId left = b.op("HardSwish", {b.conv(x, 4, 2, 1)});
    const ValueId right = b.op("LeakyRelu", {b.conv(x, 4, 3, 1)}, {{"alpha", 0.1F}});
    const ValueId joined = b.op("Concat", {left, right}, {{"axis", std::int64_t{1}}});
    const Graph after = expect_rewrites(commute_conv_resize, b.finish({b.conv(joined, 5, 2, 3)}), 5, 1e-6);
    EXPECT_EQ(count(after, "Resize"), 1);
    EXPECT_EQ(pixels_of(after, "Concat"), 15);
}

TEST(CommuteConvResize, AConvolutionLeavesOtherReadersAlone) {
    Builder b;
    const ValueId x = upsample(b, b.input({1, 4, 3, 5}));
    const Graph after =
        expect_rewrites(commute_conv_resize, b.finish({b.conv(x, 4, 2, 1), b.conv(x, 4, 2, 3)}), 1, 1e-6);
    EXPECT_EQ(count(after, "Resize"), 2);
}

TEST(CommuteConvResize, NotWhatLooksAtNeighbours) {
    Builder b;
    const auto up = [&] { return upsample(b, b.input({1, 4, 3, 5})); };
    const ValueId shared = up();
    const ValueId strided =
        b.op("Conv", {up(), b.weights({2, 4, 1, 1})}, {{"strides", std::vector<std::int64_t>{2, 2}}});
    const ValueId padded =
        b.op("Conv", {up(), b.weights({2, 4, 1, 1})}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
    expect_untouched(commute_conv_resize,
                     b.finish({
                         b.conv(up(), 4, 2, 3),
                         strided,
                         padded,
                         b.conv(upsample(b, b.input({1, 4, 3, 5}), "linear"), 4, 2, 1),
                         b.op("Mul", {up(), b.weights({1, 1, 6, 10})}),
                         b.op("Concat", {up(), b.op("Relu", {b.input({1, 4, 6, 10})})}, {{"axis", std::int64_t{1}}}),
                         b.op("Concat", {up(), up()}, {{"axis", std::int64_t{2}}}),
                         b.op("Relu", {shared}),
                         b.conv(shared, 4, 2, 3),
                     }));
}

TEST(CommuteConvResize, NotDownsampling) {
    Builder b;
    const ValueId x = upsample_to(b, b.input({1, 4, 6, 6}), {1, 4, 3, 3});
    expect_untouched(commute_conv_resize, b.finish({b.conv(x, 4, 2, 1)}));
}

}  // namespace
}  // namespace octet::test
