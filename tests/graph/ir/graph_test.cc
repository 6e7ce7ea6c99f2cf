#include "graph/ir/graph.h"

#include <gtest/gtest.h>

#include <set>

namespace octet {
namespace {

TEST(UniqueName, IsTakenByValuesAndNodes) {
    Graph graph;
    EXPECT_EQ(graph.unique_name("x"), "x");
    EXPECT_EQ(graph.unique_name("x"), "x") << "not before it is used";
    const ValueId x = graph.add_input("x", DType::float32, {1});
    EXPECT_EQ(graph.unique_name("x"), "x_1");
    graph.add_node("Relu", "x_1", {x}, {"x_2"});
    EXPECT_EQ(graph.unique_name("x"), "x_3");
    graph.add_value("x_4");
    EXPECT_EQ(graph.unique_name("x"), "x_3");
    graph.add_value("x_3");
    EXPECT_EQ(graph.unique_name("x"), "x_5");
}

TEST(UniqueName, IsFreeAgainWhenCompacted) {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {1});
    const NodeId relu = graph.add_node("Relu", "relu", {x}, {"y"});
    graph.outputs = {x};
    graph.remove_node(relu);
    EXPECT_EQ(graph.unique_name("relu"), "relu_1");
    graph.compact();
    EXPECT_EQ(graph.unique_name("relu"), "relu");
    EXPECT_EQ(graph.unique_name("x"), "x_1");
}

TEST(UniqueName, OfOneBaseThousandsOfTimes) {
    Graph graph;
    std::set<std::string> names;
    for (int i = 0; i < 20000; ++i) {
        names.insert(graph.unique_name("w"));
        graph.add_value(graph.unique_name("w"));
    }
    EXPECT_EQ(names.size(), 20000U);
    EXPECT_EQ(graph.value(19999).name, "w_19999");
}

}  // namespace
}  // namespace octet
