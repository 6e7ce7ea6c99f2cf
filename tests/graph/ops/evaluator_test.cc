#include "graph/ops/evaluator.h"

#include <gtest/gtest.h>

#include "graph/ops/infer.h"

namespace octet {
namespace {

// y = (x + x) * c.
Graph small_graph() {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {2});
    const ValueId sum = graph.node(graph.add_node("Add", "add", {x, x}, {"sum"})).outputs[0];
    const ValueId c = graph.add_constant("c", Tensor::from<float>({1}, {3.0F}));
    graph.outputs = graph.node(graph.add_node("Mul", "mul", {sum, c}, {"y"})).outputs;
    EXPECT_TRUE(infer_shapes(graph).has_value());
    return graph;
}

TEST(Evaluate, RunsNodesInOrderAndShowsEveryValue) {
    const Graph graph = small_graph();
    std::vector<std::string> seen;
    EvaluateOptions options;
    options.observer = [&](ValueId id, const Tensor& value) {
        seen.push_back(graph.value(id).name + " " + std::to_string(value.data<float>()[1]));
    };
    const Tensor x = Tensor::from<float>({2}, {1.0F, 2.0F});
    const auto result = evaluate(graph, std::span(&x, 1), options);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ((*result)[0].to_float(), (std::vector<float>{6, 12}));
    EXPECT_EQ(seen, (std::vector<std::string>{"sum 4.000000", "y 12.000000"}));
}

TEST(Evaluate, RefusesInputsOfAnotherShape) {
    const Graph graph = small_graph();
    const Tensor x(DType::float32, {3});
    const auto result = evaluate(graph, std::span(&x, 1));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().message, "graph input 'x' is float32 2, but float32 3 was given");
    EXPECT_FALSE(evaluate(graph, {}).has_value());
}

TEST(Evaluate, NamesTheNodeThatFails) {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {2});
    const ValueId i = graph.add_input("i", DType::int64, {1});
    graph.outputs = graph.node(graph.add_node("Gather", "pick", {x, i}, {"y"})).outputs;
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const Tensor inputs[] = {Tensor(DType::float32, {2}), Tensor::from<std::int64_t>({1}, {2})};
    const auto result = evaluate(graph, inputs);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().message, "node 'pick' (Gather): index 2 is outside of a dimension of 2");
}

TEST(Evaluate, ReportsIntegerDivisionByZero) {
    const Node node{"Div", "div", {0, 1}, {2}, {}};
    const Tensor a = Tensor::from<std::int32_t>({1}, {1}), b = Tensor::from<std::int32_t>({1}, {0});
    const Tensor* arguments[] = {&a, &b};
    const auto result = evaluate_node(node, arguments);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().message, "node 'div' (Div): integer division by zero");
}

// Threads may take the pieces in any order.
TEST(Evaluate, DoesNotDependOnTheOrderOfPieces) {
    const Node node{"Mul", "mul", {0, 1}, {2}, {}};
    Tensor a(DType::float32, {3, 50, 1000}), b(DType::float32, {50, 1});
    for (std::size_t i = 0; i < 150000; ++i) a.mutable_data<float>()[i] = static_cast<float>(i % 977);
    for (std::size_t i = 0; i < 50; ++i) b.mutable_data<float>()[i] = static_cast<float>(i);
    const Tensor* arguments[] = {&a, &b};
    std::int64_t pieces = 0;
    const ParallelFor backwards = [&](std::int64_t count, const std::function<void(std::int64_t)>& body) {
        pieces = count;
        for (std::int64_t i = count; i-- > 0;) body(i);
    };
    const auto result = evaluate_node(node, arguments, backwards);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_GT(pieces, 1);
    for (std::size_t i = 0; i < 150000; ++i) {
        ASSERT_EQ((*result)[0].data<float>()[i], static_cast<float>(i % 977) * static_cast<float>(i / 1000 % 50)) << i;
    }
}

}  // namespace
}  // namespace octet
