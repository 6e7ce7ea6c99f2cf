#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

TEST(FoldConstants, ComputesChainsOfConstants) {
    Builder b;
    const ValueId x = b.input({2, 3});
    const ValueId sum = b.op("Add", {b.scalar(1), b.scalar(2)});
    const ValueId product = b.op("Mul", {sum, b.weights({2, 3})});
    const Graph after = expect_rewrites(fold_constants, b.finish({b.op("Add", {x, product})}), 2);
    EXPECT_EQ(node_total(after), 1);
}

TEST(FoldConstants, TakesTheShapeOfAnActivation) {
    Builder b;
    const ValueId x = b.input({2, 3, 4});
    const ValueId shape = b.op("Shape", {b.op("Relu", {x})}, {{"start", std::int64_t{-2}}});
    const ValueId target = b.op("Concat", {shape, b.integers({2})}, {{"axis", std::int64_t{0}}});
    const Graph after = expect_rewrites(fold_constants, b.finish({b.op("Reshape", {x, target})}), 2);
    EXPECT_EQ(node_total(after), 1);
    EXPECT_EQ(*after.value(after.outputs[0]).shape, (Shape{3, 4, 2}));
}

TEST(FoldConstants, AConstantOutputKeepsItsName) {
    Builder b;
    const ValueId x = b.input({2});
    const ValueId constant = b.op("Add", {b.weights({2}), b.scalar(2)});
    const Graph after = expect_rewrites(fold_constants, b.finish({b.op("Relu", {x}), constant}), 1);
    EXPECT_EQ(node_total(after), 1);
}

TEST(FoldConstants, QuantizedWeightsStayIntegers) {
    Builder b;
    const ValueId x = b.input({2});
    const ValueId w = b.op("DequantizeLinear", {b.constant(Tensor::from<std::int8_t>({2}, {3, -7})), b.scalar(0.5F),
                                                b.constant(Tensor::scalar<std::int8_t>(0))});
    expect_untouched(fold_constants, b.finish({b.op("Mul", {x, w})}));
}

TEST(FoldConstants, DoesNotUnfoldASmallFileIntoALargeTensor) {
    Builder b;
    const ValueId x = b.input({1});
    const ValueId large = b.op("Expand", {b.scalar(1), b.integers({3000, 3000})});
    const ValueId corner = b.slice(large, {0, 0}, {1, 1}, {0, 1}, {1, 1});
    expect_untouched(fold_constants, b.finish({b.op("Mul", {x, corner})}));
}

}  // namespace
}  // namespace octet::test
