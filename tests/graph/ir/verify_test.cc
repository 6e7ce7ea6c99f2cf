#include "graph/ir/verify.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

// x -> Relu -> a -> Add(a, c) -> y
Graph two_nodes() {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {2});
    const NodeId relu = graph.add_node("Relu", "relu", {x}, {"a"});
    const ValueId c = graph.add_constant("c", Tensor(DType::float32, {2}));
    const NodeId add = graph.add_node("Add", "add", {graph.node(relu).outputs[0], c}, {"y"});
    graph.outputs = {graph.node(add).outputs[0]};
    return graph;
}

std::string error_of(const Graph& graph) {
    const auto result = verify(graph);
    return result ? "no error" : result.error().message;
}

TEST(Verify, AcceptsAGoodGraph) {
    EXPECT_EQ(error_of(two_nodes()), "no error");
}

TEST(Verify, AcceptsHolesThatNobodyReads) {
    Graph graph = two_nodes();
    const NodeId extra = graph.add_node("Relu", "extra", {graph.inputs[0]}, {"unread"});
    graph.remove_node(extra);
    EXPECT_EQ(error_of(graph), "no error");
}

TEST(Verify, NamesTheReaderOfARemovedValue) {
    Graph graph = two_nodes();
    graph.remove_node(0);
    EXPECT_EQ(error_of(graph), "node 'add' (Add), input 0: value 'a' was removed");
}

TEST(Verify, NamesANodeOnACycle) {
    Graph graph = two_nodes();
    graph.node(0).inputs[0] = graph.outputs[0];
    EXPECT_EQ(error_of(graph), "node 'relu' (Relu) lies on or behind a cycle");
}

TEST(Verify, NamesAValueThatNobodyProvides) {
    Graph graph = two_nodes();
    graph.node(1).inputs[1] = graph.add_value("weight");
    EXPECT_EQ(
        error_of(graph),
        "node 'add' (Add), input 1: 'weight' is neither a graph input nor an initializer, and no node produces it");
}

TEST(Verify, RefusesIdsOutOfRange) {
    Graph graph = two_nodes();
    graph.node(1).inputs[1] = 99;
    EXPECT_EQ(error_of(graph), "node 'add' (Add), input 1: value #99 does not exist");
    graph = two_nodes();
    graph.outputs.push_back(99);
    EXPECT_EQ(error_of(graph), "graph output: value #99 does not exist");
}

TEST(Verify, RefusesTwoProducersOfOneValue) {
    Graph graph = two_nodes();
    graph.node(1).outputs = graph.node(0).outputs;
    EXPECT_NE(error_of(graph), "no error");
    graph = two_nodes();
    graph.add_node_onto("Relu", "again", {graph.inputs[0]}, {graph.outputs[0]});
    EXPECT_NE(error_of(graph).find("'y'"), std::string::npos) << error_of(graph);
}

TEST(Verify, RefusesEqualNames) {
    Graph graph = two_nodes();
    graph.node(1).name = std::string("relu");
    EXPECT_EQ(error_of(graph), "two nodes are called 'relu'");
    graph = two_nodes();
    graph.value(graph.outputs[0]).name = std::string("a");
    EXPECT_EQ(error_of(graph), "two values are called 'a'");
}

TEST(Verify, RefusesAConstantOfAnotherTypeThanDeclared) {
    Graph graph = two_nodes();
    const ValueId c = graph.find_value("c");
    graph.value(c).dtype = DType::int8;
    EXPECT_EQ(error_of(graph), "constant 'c' is declared int8 but holds float32");
    graph = two_nodes();
    graph.value(c).shape = Shape{3};
    EXPECT_EQ(error_of(graph), "constant 'c' is declared 3 but holds 2");
}

}  // namespace
}  // namespace octet
