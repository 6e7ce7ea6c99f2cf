#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

ValueId pool(Builder& b, ValueId x, std::int64_t kernel, std::int64_t stride = 1) {
    return b.op("MaxPool", {x},
                {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
                 {"pads", std::vector<std::int64_t>(4, kernel / 2)},
                 {"strides", std::vector<std::int64_t>{stride, stride}}});
}

TEST(MaxPoolCascade, SpatialPyramid) {
    for (std::int64_t side : {4, 20}) {  // smaller than the largest kernel, and larger
        Builder b;
        const ValueId x = b.input({1, 2, side, side + 1});
        const ValueId y =
            b.op("Concat", {x, pool(b, x, 5), pool(b, x, 9), pool(b, x, 13)}, {{"axis", std::int64_t{1}}});
        const Graph after = expect_rewrites(maxpool_cascade, b.finish({y}), 2, 0);
        for (NodeId id : after.topological_order()) {
            const Node& node = after.node(id);
            if (node.op != "MaxPool") continue;
            EXPECT_EQ(node.attributes.integers("kernel_shape"), (std::vector<std::int64_t>{5, 5})) << node.name;
        }
        expect_untouched(maxpool_cascade, after);
    }
}

TEST(MaxPoolCascade, TwoPyramidsOfDifferentDepth) {
    Builder b;
    const ValueId x = b.input({1, 2, 9, 9});
    const ValueId y = b.op("Relu", {b.input({1, 2, 9, 9})});
    const Graph before = b.finish({pool(b, y, 13), pool(b, x, 7), pool(b, x, 3)});
    expect_rewrites(maxpool_cascade, before, 1, 0);
}

TEST(MaxPoolCascade, NotWithStridesUnevenPadsOrOfTwoTensors) {
    Builder b;
    const ValueId x = b.input({1, 2, 9, 9});
    const ValueId uneven =
        b.op("MaxPool", {x},
             {{"kernel_shape", std::vector<std::int64_t>{9, 9}}, {"pads", std::vector<std::int64_t>{4, 4, 3, 3}}});
    expect_untouched(maxpool_cascade, b.finish({pool(b, x, 5), pool(b, x, 9, 2), uneven,
                                                pool(b, b.op("Relu", {b.input({1, 2, 9, 9})}), 9)}));
}

}  // namespace
}  // namespace octet::test
