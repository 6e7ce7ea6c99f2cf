#include <gtest/gtest.h>

#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"
#include "tests/quantized_graph.h"

namespace octet {
namespace {

using test::QuantizedGraph;

Tensor run(Graph& graph, const Tensor& input) {
    EXPECT_TRUE(infer_shapes(graph).has_value());
    auto outputs = evaluate(graph, std::vector<Tensor>{input});
    EXPECT_TRUE(outputs.has_value());
    return outputs->front();
}

ValueId max_pool(QuantizedGraph& b, ValueId x) {
    return b.node("MaxPool", {x},
                  {{"kernel_shape", std::vector<std::int64_t>{3, 3}}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
}

std::string op_before_quantize(const Graph& graph, const std::string& mover) {
    for (NodeId id : graph.topological_order()) {
        const Node& node = graph.node(id);
        if (node.op == mover) return graph.node(graph.producer(node.inputs[0])).op;
    }
    return "none";
}

TEST(HoistQuantize, GoesInFrontOfAPoolAndKeepsTheOutput) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 4, 6, 6}), 0.05F, 100);
    b.output(b.quantize(max_pool(b, b.node("HardSwish", {x})), 0.07F, 9));
    const Tensor input = b.random_tensor({1, 4, 6, 6}, -5, 7);
    const Tensor before = run(b.graph, input);
    EXPECT_EQ(op_before_quantize(b.graph, "MaxPool"), "HardSwish");
    EXPECT_EQ(hoist_quantize(b.graph), 1);
    EXPECT_EQ(op_before_quantize(b.graph, "MaxPool"), "DequantizeLinear");
    EXPECT_TRUE(identical(run(b.graph, input), before));
    EXPECT_EQ(hoist_quantize(b.graph), 0);
}

TEST(HoistQuantize, LeavesValuesThatOthersRead) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 4, 6, 6}), 0.05F, 100);
    const ValueId pooled = max_pool(b, b.node("HardSwish", {x}));
    b.output(b.quantize(pooled, 0.07F, 9));
    b.output(pooled);
    EXPECT_EQ(hoist_quantize(b.graph), 0);
}

TEST(HoistQuantize, LeavesOperatorsThatCompute) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 4, 6, 6}), 0.05F, 100);
    b.output(b.quantize(b.node("HardSwish", {x}), 0.07F, 9));
    EXPECT_EQ(hoist_quantize(b.graph), 0);
}

TEST(HoistQuantize, ConcatKeepsInputsThatAreQuantizedAlready) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 4, 6, 6}), 0.05F, 100);
    b.output(b.quantize(b.node("Concat", {x, b.node("HardSwish", {x})}, {{"axis", std::int64_t{1}}}), 0.07F, 90));
    const Tensor input = b.random_tensor({1, 4, 6, 6}, -5, 7);
    const Tensor before = run(b.graph, input);
    EXPECT_EQ(hoist_quantize(b.graph), 1);
    EXPECT_EQ(hoist_quantize(b.graph), 0);
    EXPECT_TRUE(identical(run(b.graph, input), before));
}

}  // namespace
}  // namespace octet
