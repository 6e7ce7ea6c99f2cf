#include "graph/quant/grid_plan.h"

#include <gtest/gtest.h>

#include <tuple>

#include "graph/ops/infer.h"
#include "tests/graph/quant/tiny_network.h"

namespace octet::quant {
namespace {

using testing::TinyNetwork;

GridPlan plan_of(const TinyNetwork& network, const GridPlanOptions& options = {}) {
    auto plan = plan_grids(network.graph, std::nullopt, options);
    EXPECT_TRUE(plan.has_value()) << (plan ? "" : plan.error().message);
    return plan.value_or(GridPlan{});
}

// A node of one output, NAME_out.
ValueId add_node(Graph& graph, const std::string& op, const std::string& name, std::vector<ValueId> inputs,
                 Attributes attributes) {
    return graph.node(graph.add_node(op, name, std::move(inputs), {name + "_out"}, std::move(attributes))).outputs[0];
}

TEST(GridPlan, NoGridBetweenConvolutionActivationAndAdd) {
    const TinyNetwork network;
    const GridPlan plan = plan_of(network);
    for (const char* inside : {"stem", "cv1", "cv1_act", "head"}) {
        EXPECT_EQ(plan.group(network.output_of(inside)), nullptr) << inside;
    }
    for (const char* outside : {"stem_act", "sum", "left", "right", "concat", "leaky", "pool"}) {
        const GridGroup* group = plan.group(network.output_of(outside));
        ASSERT_NE(group, nullptr) << outside;
        EXPECT_EQ(group->kind, GridKind::activation) << outside;
    }
    EXPECT_NE(plan.group(network.graph.inputs[0]), nullptr);
}

TEST(GridPlan, OnlyTheLaterOperandOfAnAddIsFused) {
    const TinyNetwork network;
    EXPECT_NE(plan_of(network).group(network.output_of("stem_act")), nullptr) << "the shortcut needs a grid";
}

TEST(GridPlan, ConcatAndPoolShareTheGridOfTheirInputs) {
    const TinyNetwork network;
    const GridPlan plan = plan_of(network);
    EXPECT_EQ(plan.group(network.output_of("left")), plan.group(network.output_of("right")));
    EXPECT_EQ(plan.group(network.output_of("left")), plan.group(network.output_of("concat")));
    EXPECT_EQ(plan.group(network.output_of("leaky")), plan.group(network.output_of("pool")));
    EXPECT_NE(plan.group(network.output_of("concat")), plan.group(network.output_of("pool")));
    EXPECT_EQ(plan.group(network.output_of("left"))->sources,
              (std::vector<ValueId>{network.output_of("left"), network.output_of("right")}));
}

TEST(GridPlan, AConvolutionWithAComputedBiasStaysFloat) {
    TinyNetwork network;
    Graph& graph = network.graph;
    const NodeId left = network.find("left");
    const NodeId computed = graph.add_node("Identity", "computed", {graph.node(left).inputs[2]}, {"computed_out"});
    graph.node(left).inputs[2] = graph.node(computed).outputs[0];
    graph.value(graph.node(left).inputs[2]).shape = Shape{4};
    EXPECT_FALSE(plan_of(network).integer[static_cast<std::size_t>(left)]);
}

// conv → ReduceMean → gate → Sigmoid → Mul(conv, ·) → Pad → AveragePool, which a float operator reads.
TEST(GridPlan, SqueezeAndExcitationIsOnGridsOfEightBits) {
    Graph graph;
    const auto node = [&](const char* op, const char* name, std::vector<ValueId> inputs, Attributes attributes = {}) {
        return add_node(graph, op, name, std::move(inputs), std::move(attributes));
    };
    const ValueId weights = graph.add_constant("w", Tensor(DType::float32, {8, 8, 1, 1}));
    const ValueId axes = graph.add_constant("axes", Tensor::from<std::int64_t>({2}, {2, 3}));
    const ValueId pads = graph.add_constant("pads", Tensor::from<std::int64_t>({8}, {0, 0, 1, 0, 0, 0, 0, 1}));
    const ValueId x = node("Conv", "conv", {graph.add_input("x", DType::float32, {1, 8, 6, 6}), weights});
    const ValueId gate =
        node("Sigmoid", "sigmoid", {node("Conv", "gate", {node("ReduceMean", "mean", {x, axes}), weights})});
    const ValueId padded = node("Pad", "pad", {node("Mul", "mul", {x, gate}), pads});
    graph.outputs = {
        node("Softmax", "softmax",
             {node("AveragePool", "pool", {padded}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}})})};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const auto plan = plan_grids(graph, std::nullopt, {});
    ASSERT_TRUE(plan.has_value()) << plan.error().message;
    const auto group = [&](const std::string& name) { return plan->group(graph.find_value(name + "_out")); };
    for (const char* name : {"conv", "mean", "sigmoid", "mul", "pool"}) {
        ASSERT_NE(group(name), nullptr) << name;
        EXPECT_EQ(group(name)->kind, GridKind::activation) << name;
        EXPECT_EQ(group(name)->sources.size(), 1U) << name;
    }
    EXPECT_EQ(group("pad"), group("mul"));
    EXPECT_EQ(group("gate"), nullptr);
    EXPECT_EQ(group("softmax"), nullptr);
}

// conv1 → HardSwish → · 1.5 → + 0.25 → MaxPool → · 1.5 → + 0.25 → conv2: one curve, and one table.
TEST(GridPlan, ArithmeticWithOneNumberIsACurveOrATable) {
    Graph graph;
    const auto node = [&](const char* op, const char* name, std::vector<ValueId> inputs, Attributes attributes = {}) {
        return add_node(graph, op, name, std::move(inputs), std::move(attributes));
    };
    const ValueId weights = graph.add_constant("w", Tensor(DType::float32, {8, 8, 1, 1}));
    const ValueId gain = graph.add_constant("gain", Tensor::from<float>({1}, {1.5F}));
    const ValueId offset = graph.add_constant("offset", Tensor::scalar(0.25F));
    const ValueId x = node("Conv", "conv1", {graph.add_input("x", DType::float32, {1, 8, 6, 6}), weights});
    const ValueId y = node("Add", "add", {offset, node("Mul", "mul", {node("HardSwish", "act", {x}), gain})});
    const ValueId pool = node("MaxPool", "pool", {y}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}});
    const ValueId z = node("Add", "add2", {node("Mul", "mul2", {pool, gain}), offset});
    graph.outputs = {node("Conv", "conv2", {z, weights})};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const auto plan = plan_grids(graph, std::nullopt, {});
    ASSERT_TRUE(plan.has_value()) << plan.error().message;
    for (const char* inside : {"conv1_out", "act_out", "mul_out", "mul2_out", "gain", "offset"})
        EXPECT_EQ(plan->group(graph.find_value(inside)), nullptr) << inside;
    for (const char* outside : {"add_out", "pool_out", "add2_out"}) {
        ASSERT_NE(plan->group(graph.find_value(outside)), nullptr) << outside;
        EXPECT_EQ(plan->group(graph.find_value(outside))->kind, GridKind::activation) << outside;
    }
}

TEST(GridPlan, WhatOnlyFloatOperatorsReadIsAHead) {
    const TinyNetwork network;
    const GridPlan plan = plan_of(network);
    ASSERT_NE(plan.group(network.output_of("head_act")), nullptr);
    EXPECT_EQ(plan.group(network.output_of("head_act"))->kind, GridKind::head);
    EXPECT_EQ(plan.group(network.output_of("mask")), nullptr);
}

TEST(GridPlan, ReferenceStylePutsEveryOutputOnAGridOfItsOwn) {
    const TinyNetwork network;
    const GridPlan plan = plan_of(network, {.style = GridStyle::separate});
    for (const char* name : {"stem", "stem_act", "cv1", "cv1_act", "sum", "left", "right", "concat", "leaky", "head",
                             "head_act", "mask"}) {
        const GridGroup* group = plan.group(network.output_of(name));
        ASSERT_NE(group, nullptr) << name;
        EXPECT_EQ(group->kind, GridKind::activation) << name;
    }
    EXPECT_NE(plan.group(network.output_of("left")), plan.group(network.output_of("concat")));
    EXPECT_EQ(plan.group(network.output_of("leaky")), plan.group(network.output_of("pool")));
}

TEST(GridPlan, StoredStylePutsEveryResultThatAChipStoresOnAGrid) {
    const TinyNetwork network;
    const GridPlan plan = plan_of(network, {.style = GridStyle::stored});
    for (const char* name :
         {"stem", "stem_act", "cv1", "cv1_act", "sum", "left", "right", "leaky", "head", "head_act"}) {
        ASSERT_NE(plan.group(network.output_of(name)), nullptr) << name;
        EXPECT_EQ(plan.group(network.output_of(name))->kind, GridKind::activation) << name;
    }
    EXPECT_EQ(plan.group(network.output_of("mask")), nullptr) << "behind the head is the CPU";
    EXPECT_NE(plan.group(network.output_of("stem")), plan.group(network.output_of("stem_act")));
    EXPECT_EQ(plan.group(network.output_of("left")), plan.group(network.output_of("concat")));
    EXPECT_EQ(plan.group(network.output_of("right")), plan.group(network.output_of("concat")));
    EXPECT_EQ(plan.group(network.output_of("leaky")), plan.group(network.output_of("pool")));
}

// conv → Relu → AveragePool, gate → Clip → Sigmoid → Concat with Tanh of the pool → conv.
TEST(GridPlan, StoredStyleClampsInConvolutionsAndFixesSigmoidAndTanh) {
    Graph graph;
    const auto node = [&](const char* op, const char* name, std::vector<ValueId> inputs, Attributes attributes = {}) {
        return add_node(graph, op, name, std::move(inputs), std::move(attributes));
    };
    const ValueId weights = graph.add_constant("w", Tensor(DType::float32, {4, 4, 1, 1}));
    const ValueId wide = graph.add_constant("w2", Tensor(DType::float32, {4, 8, 1, 1}));
    const ValueId lo = graph.add_constant("lo", Tensor::scalar(0.0F)),
                  hi = graph.add_constant("hi", Tensor::scalar(6.0F));
    const ValueId relu =
        node("Relu", "relu", {node("Conv", "conv", {graph.add_input("x", DType::float32, {1, 4, 6, 6}), weights})});
    const ValueId pool = node("AveragePool", "pool", {relu}, {{"kernel_shape", std::vector<std::int64_t>{1, 1}}});
    const ValueId clip = node("Clip", "clip", {node("Conv", "gate", {pool, weights}), lo, hi});
    const ValueId concat = node("Concat", "concat", {node("Sigmoid", "sigmoid", {clip}), node("Tanh", "tanh", {pool})},
                                {{"axis", std::int64_t{1}}});
    graph.outputs = {node("Conv", "last", {concat, wide})};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const auto plan = plan_grids(graph, std::nullopt, {.style = GridStyle::stored});
    ASSERT_TRUE(plan.has_value()) << plan.error().message;
    const auto group = [&](const std::string& name) { return plan->group(graph.find_value(name + "_out")); };
    for (const char* inside : {"conv", "gate"}) EXPECT_EQ(group(inside), nullptr) << inside;
    EXPECT_EQ(group("relu"), group("pool"));
    ASSERT_NE(group("sigmoid"), nullptr);
    EXPECT_EQ(group("sigmoid")->kind, GridKind::sigmoid);
    ASSERT_NE(group("tanh"), nullptr);
    EXPECT_EQ(group("tanh")->kind, GridKind::tanh);
    ASSERT_NE(group("concat"), nullptr);
    EXPECT_EQ(group("concat")->kind, GridKind::activation);
    const auto free = plan_grids(graph, std::nullopt, {.style = GridStyle::stored, .fixed_sigmoid = false});
    ASSERT_TRUE(free.has_value());
    EXPECT_EQ(free->group(graph.find_value("sigmoid_out")), free->group(graph.find_value("concat_out")));
}

// conv → Relu → Identity → head: 16 bits behind the Identity where the head is named.
TEST(GridPlan, StoredStyleWidensAHeadWithItsInput) {
    Graph graph;
    const ValueId weights = graph.add_constant("w", Tensor(DType::float32, {4, 4, 1, 1}));
    const ValueId x =
        add_node(graph, "Conv", "conv", {graph.add_input("x", DType::float32, {1, 4, 6, 6}), weights}, {});
    const ValueId same = add_node(graph, "Identity", "same", {add_node(graph, "Relu", "relu", {x}, {})}, {});
    graph.outputs = {add_node(graph, "Conv", "head", {same, weights}, {})};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const auto kind = [&](const GridPlan& plan, const char* name) { return plan.group(graph.find_value(name))->kind; };
    const auto narrow = plan_grids(graph, std::nullopt, {.style = GridStyle::stored});
    ASSERT_TRUE(narrow.has_value()) << narrow.error().message;
    EXPECT_EQ(narrow->group(graph.find_value("same_out")), narrow->group(graph.find_value("relu_out")));
    EXPECT_EQ(kind(*narrow, "head_out"), GridKind::activation);
    const auto wide = plan_grids(graph, std::nullopt, {.style = GridStyle::stored, .keep_int16 = {"head"}});
    ASSERT_TRUE(wide.has_value()) << wide.error().message;
    EXPECT_EQ(kind(*wide, "relu_out"), GridKind::activation);
    EXPECT_EQ(kind(*wide, "same_out"), GridKind::wide);
    EXPECT_EQ(kind(*wide, "head_out"), GridKind::wide);
    const auto inner = plan_grids(graph, std::nullopt, {.style = GridStyle::stored, .keep_int16 = {"conv"}});
    ASSERT_FALSE(inner.has_value());
    EXPECT_NE(inner.error().message.find("'head' (Conv) reads it in 8 bits"), std::string::npos)
        << inner.error().message;
}

TEST(GridPlan, NamedLayersGetSixteenBitsOrStayFloat) {
    const TinyNetwork network;
    const auto refused = plan_grids(network.graph, std::nullopt, {.keep_int16 = {"cv1"}});
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("'sum' (Add)"), std::string::npos) << refused.error().message;
    const GridPlan part = plan_of(network, {.keep_float = {"left"}});
    EXPECT_FALSE(part.integer[static_cast<std::size_t>(network.find("left"))]);
    EXPECT_EQ(part.group(network.output_of("left")), nullptr);
    EXPECT_EQ(part.group(network.output_of("concat")), nullptr) << "a copy of a float tensor stays float";
    EXPECT_NE(part.group(network.output_of("pool")), part.group(network.output_of("right")));
}

// conv1 → HardSwish → conv2 → HardSwish → conv3, the last with too many products for 16-bit activations.
TEST(GridPlan, SixteenBitsWhereTheKernelsHaveThem) {
    Graph graph;
    ValueId value = graph.add_input("x", DType::float32, {1, 4, 8, 8});
    for (const auto& [name, cin, cout] :
         {std::tuple{"conv1", 4, 8}, std::tuple{"conv2", 8, 600}, std::tuple{"conv3", 600, 2}}) {
        const ValueId weights = graph.add_constant(std::string(name) + "_w", Tensor(DType::float32, {cout, cin, 1, 1}));
        const NodeId conv = graph.add_node("Conv", name, {value, weights}, {std::string(name) + "_out"});
        value = graph.node(conv).outputs[0];
        if (cout == 2) continue;
        const NodeId act =
            graph.add_node("HardSwish", std::string(name) + "_act", {value}, {std::string(name) + "_act_out"});
        value = graph.node(act).outputs[0];
    }
    graph.outputs = {value};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const auto plan = plan_grids(graph, std::nullopt, {.keep_int16 = {"conv1"}});
    ASSERT_TRUE(plan.has_value()) << plan.error().message;
    EXPECT_EQ(plan->group(graph.find_value("conv1_act_out"))->kind, GridKind::wide) << "the fused chain's end";
    EXPECT_EQ(plan->group(graph.find_value("conv2_act_out"))->kind, GridKind::activation);
    const auto refused = plan_grids(graph, std::nullopt, {.keep_int16 = {"conv2_act"}});
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("'conv3' (Conv)"), std::string::npos) << refused.error().message;
}

TEST(GridPlan, UnknownNamesAreRefused) {
    const TinyNetwork network;
    const auto plan = plan_grids(network.graph, std::nullopt, {.keep_float = {"no_such_node"}});
    ASSERT_FALSE(plan.has_value());
    EXPECT_NE(plan.error().message.find("no_such_node"), std::string::npos);
    EXPECT_EQ(plan.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace octet::quant
