#include <gtest/gtest.h>

#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"
#include "tests/graph/passes/pass_test.h"

namespace octet {
namespace {

using test::Builder;

// x on a grid as integers; `more` reads them.
struct Integers {
    Builder b;
    ValueId scale = b.scalar(0.05F), zero_point = b.constant(Tensor::scalar<std::uint8_t>(100));

    ValueId quantize(ValueId x) { return b.op("QuantizeLinear", {x, scale, zero_point}); }
    ValueId dequantize(ValueId q) { return b.op("DequantizeLinear", {q, scale, zero_point}); }
};

Attributes kernel(std::int64_t size) {
    return {{"kernel_shape", std::vector<std::int64_t>{size, size}}};
}

// Several in a row, one that has two outputs, one that joins: all are left between reals.
TEST(WrapIntegerMoves, AChainOfThem) {
    Integers q;
    Builder& b = q.b;
    const ValueId x = q.quantize(b.input({1, 4, 6, 6}));
    const ValueId pooled = b.op("MaxPool", {x}, kernel(2));
    const ValueId moved = b.op("Transpose", {pooled}, {{"perm", std::vector<std::int64_t>{0, 1, 3, 2}}});
    const ValueId joined = b.op("Concat", {moved, pooled}, {{"axis", std::int64_t{1}}});
    const Graph before = b.finish({q.dequantize(joined)});
    const Graph after = test::expect_rewrites(wrap_integer_moves, before, 3, 0);
    for (const NodeId id : after.topological_order()) {
        const Node& node = after.node(id);
        if (node.op == "QuantizeLinear" || node.op == "DequantizeLinear") continue;
        EXPECT_EQ(after.value(node.outputs[0]).dtype, DType::float32) << node.op;
    }
}

TEST(WrapIntegerMoves, LeavesWhatIsRealAndWhatHasOtherGrids) {
    Integers q;
    Builder& b = q.b;
    const ValueId x = b.input({1, 4, 6, 6});
    const ValueId other = b.op("QuantizeLinear", {x, b.scalar(0.07F), q.zero_point});
    const ValueId joined = b.op("Concat", {q.quantize(x), other}, {{"axis", std::int64_t{1}}});
    const ValueId pooled = b.op("MaxPool", {q.dequantize(joined)}, kernel(2));
    test::expect_untouched(wrap_integer_moves, b.finish({pooled}));
}

}  // namespace
}  // namespace octet
