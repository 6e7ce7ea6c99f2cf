#include "graph/ir/summary.h"

#include <gtest/gtest.h>

#include "graph/ir/dump.h"
#include "graph/ops/infer.h"

namespace octet {
namespace {

// x --conv--> a --sigmoid--> b --add(a, b)--> c: while the Sigmoid and the Add run, a has to wait.
Graph sample() {
    Graph graph;
    graph.name = "sample";
    const ValueId x = graph.add_input("x", DType::float32, {1, 2, 4, 4});
    const ValueId w = graph.add_constant("w", Tensor(DType::float32, {3, 2, 1, 1}));
    const NodeId conv = graph.add_node("Conv", "conv", {x, w}, {"a"}, {{"strides", std::vector<std::int64_t>{1, 1}}});
    const ValueId a = graph.node(conv).outputs[0];
    const NodeId sigmoid = graph.add_node("Sigmoid", "sigmoid", {a}, {"b"});
    const NodeId add = graph.add_node("Add", "add", {a, graph.node(sigmoid).outputs[0]}, {"c"});
    graph.outputs = graph.node(add).outputs;
    EXPECT_TRUE(infer_shapes(graph).has_value());
    return graph;
}

TEST(Summary, counts_what_a_graph_costs) {
    const Graph graph = sample();
    const Summary summary = summarize(graph);
    ASSERT_EQ(summary.nodes.size(), 3U);
    EXPECT_EQ(summary.macs, 16 * 3 * 2);
    EXPECT_EQ(summary.nodes[0].macs, summary.macs);
    EXPECT_EQ(summary.parameters, 6);
    EXPECT_EQ(summary.weight_bytes, 24);
    const std::int64_t x = 32 * 4, abc = 48 * 4;
    EXPECT_EQ(summary.activation_bytes, x + 3 * abc);
    EXPECT_EQ(summary.nodes[0].live_bytes, x + abc);
    EXPECT_EQ(summary.nodes[1].live_bytes, 2 * abc) << "x is not needed any more";
    EXPECT_EQ(summary.nodes[2].live_bytes, 3 * abc);
    EXPECT_EQ(summary.peak_activation_bytes, 3 * abc);
    EXPECT_EQ(graph.node(summary.peak_node).name, "add");
    EXPECT_EQ(summary.operators, (std::map<std::string, int>{{"Add", 1}, {"Conv", 1}, {"Sigmoid", 1}}));
}

TEST(Summary, a_constant_with_two_readers_counts_once) {
    Graph graph = sample();
    const ValueId c = graph.outputs[0];
    const ValueId bias = graph.add_constant("bias", Tensor(DType::float32, {1, 3, 1, 1}));
    const NodeId one = graph.add_node("Add", "one", {c, bias}, {"d"});
    const NodeId two = graph.add_node("Add", "two", {graph.node(one).outputs[0], bias}, {"e"});
    graph.outputs = graph.node(two).outputs;
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const Summary summary = summarize(graph);
    EXPECT_EQ(summary.parameters, 6 + 3);
    EXPECT_EQ(summary.nodes.back().parameters, 3);
}

// Weights of a quantized model: integers in the file, through DequantizeLinear and Transpose to what reads them.
TEST(Summary, what_constants_give_is_no_activation) {
    Graph graph = sample();
    const Summary before = summarize(graph);
    const ValueId integers = graph.add_constant("integers", Tensor(DType::int8, {2, 3, 1, 1}));
    const ValueId scale = graph.add_constant("scale", Tensor::scalar(0.5F));
    const NodeId dequantize = graph.add_node("DequantizeLinear", "dequantize", {integers, scale}, {"weights"});
    const NodeId transpose = graph.add_node("Transpose", "transpose", graph.node(dequantize).outputs, {"turned"},
                                            {{"perm", std::vector<std::int64_t>{1, 0, 2, 3}}});
    graph.node(0).inputs[1] = graph.node(transpose).outputs[0];
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const Summary summary = summarize(graph);
    EXPECT_EQ(summary.activation_bytes, before.activation_bytes);
    EXPECT_EQ(summary.peak_activation_bytes, before.peak_activation_bytes);
    EXPECT_EQ(graph.node(summary.peak_node).name, "add");

    graph.outputs.push_back(graph.node(dequantize).outputs[0]);
    EXPECT_EQ(summarize(graph).activation_bytes, before.activation_bytes + 6 * 4) << "an output has to exist";
}

TEST(Summary, shapes_and_axes_are_no_parameters) {
    Graph graph = sample();
    const ValueId shape = graph.add_constant("shape", Tensor::from<std::int64_t>({2}, {3, 16}));
    const NodeId reshape = graph.add_node("Reshape", "reshape", {graph.outputs[0], shape}, {"r"});
    graph.outputs = graph.node(reshape).outputs;
    ASSERT_TRUE(infer_shapes(graph).has_value());
    EXPECT_EQ(summarize(graph).parameters, 6);
}

TEST(Summary, a_graph_without_nodes) {
    Graph graph;
    graph.outputs = {graph.add_input("x", DType::float32, {2})};
    const Summary summary = summarize(graph);
    EXPECT_EQ(summary.peak_node, no_node);
    EXPECT_EQ(summary.macs, 0);
}

TEST(Dump, one_line_a_node) {
    const Graph graph = sample();
    const std::string text = dump_nodes(graph, summarize(graph));
    EXPECT_EQ(text,
              "graph sample\n"
              "  input   x[float32 1x2x4x4]\n"
              "  output  c[float32 1x3x4x4]\n"
              "    0  Conv     conv  (x[float32 1x2x4x4], w[float32 3x2x1x1 constant])  ->  a[float32 1x3x4x4]"
              "  {dilations=[1, 1], kernel_shape=[1, 1], pads=[0, 0, 0, 0], strides=[1, 1]}  6 parameters  0.00 MMAC\n"
              "    1  Sigmoid  sigmoid  (a[float32 1x3x4x4])  ->  b[float32 1x3x4x4]\n"
              "    2  Add      add  (a[float32 1x3x4x4], b[float32 1x3x4x4])  ->  c[float32 1x3x4x4]\n");
}

TEST(Dump, totals) {
    const Graph graph = sample();
    const std::string text = dump_summary(graph, summarize(graph));
    EXPECT_NE(text.find("nodes             3\n"), std::string::npos) << text;
    EXPECT_NE(text.find("at add\n"), std::string::npos) << text;
    EXPECT_NE(text.find("     1  Conv\n"), std::string::npos) << text;
}

TEST(Dump, attributes) {
    EXPECT_EQ(to_string(AttributeValue(std::int64_t{3})), "3");
    EXPECT_EQ(to_string(AttributeValue(0.5F)), "0.5");
    EXPECT_EQ(to_string(AttributeValue(std::string("nearest"))), "'nearest'");
    EXPECT_EQ(to_string(AttributeValue(std::vector<std::int64_t>{1, 2})), "[1, 2]");
    EXPECT_EQ(to_string(AttributeValue(Tensor::scalar(std::int8_t{-3}))), "int8(-3)");
    EXPECT_EQ(to_string(AttributeValue(Tensor(DType::float32, {2, 2}))), "float32 2x2");
}

}  // namespace
}  // namespace octet
