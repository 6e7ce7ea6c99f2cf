#include <gtest/gtest.h>

#include "graph/passes/pass.h"
#include "tests/graph/passes/pass_test.h"

namespace octet {
namespace {

using test::Builder;

// A classifier's end: the images go back through the activation to before the Flatten.
TEST(DenseToConv, AChainOfThemBehindAPool) {
    Builder b;
    ValueId x = b.op("GlobalAveragePool", {b.input({1, 8, 5, 5})});
    x = b.op("Flatten", {x});
    x = b.op("Gemm", {x, b.weights({12, 8}), b.weights({12})}, {{"transB", std::int64_t{1}}});
    x = b.op("HardSwish", {x});
    x = b.op("MatMul", {x, b.weights({12, 5})});
    const Graph after = test::expect_rewrites(dense_to_conv, b.finish({x}), 2);
    EXPECT_EQ(test::count(after, "Conv"), 2);
    EXPECT_EQ(test::count(after, "Flatten"), 0);
    EXPECT_EQ(test::count(after, "Reshape"), 1);  // of the output
}

TEST(DenseToConv, RowsThatWereNeverImages) {
    Builder b;
    const ValueId x = b.op("Gemm", {b.input({3, 8}), b.weights({8, 4})});
    const Graph after = test::expect_rewrites(dense_to_conv, b.finish({x}), 1);
    EXPECT_EQ(test::count(after, "Reshape"), 2);
}

TEST(DenseToConv, LeavesWhatIsScaledOrHasNoConstantWeights) {
    Builder b;
    const ValueId x = b.input({3, 8});
    const ValueId scaled = b.op("Gemm", {x, b.weights({8, 8})}, {{"alpha", 2.0F}});
    const ValueId product = b.op("MatMul", {scaled, b.input({8, 4})});
    test::expect_untouched(dense_to_conv, b.finish({product}));
}

}  // namespace
}  // namespace octet
