#include "graph/quant/chip_forms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "graph/ir/verify.h"
#include "graph/ops/evaluator.h"
#include "graph/quant/quantize_graph.h"
#include "tests/graph/quant/tiny_network.h"

namespace octet::quant {
namespace {

using testing::random_picture;
using testing::random_tensor;
using testing::TinyNetwork;

constexpr float infinity = std::numeric_limits<float>::infinity();

ValueId add_node(Graph& graph, const char* op, const std::string& name, std::vector<ValueId> inputs,
                 Attributes attributes = {}) {
    return graph.node(graph.add_node(op, name, std::move(inputs), {name + "_out"}, std::move(attributes))).outputs[0];
}

ValueId add_conv(Graph& graph, const std::string& name, ValueId input, std::int64_t in, std::int64_t out) {
    const ValueId weights = graph.add_constant(name + "_w", random_tensor({out, in, 1, 1}, 1, 1));
    const ValueId bias = graph.add_constant(name + "_b", random_tensor({out}, 1, 2));
    return add_node(graph, "Conv", name, {input, weights, bias});
}

Tensor run(const Graph& graph, const Tensor& input) {
    auto outputs = evaluate(graph, std::vector<Tensor>{input});
    EXPECT_TRUE(outputs.has_value()) << (outputs ? "" : outputs.error().message);
    return outputs ? (*outputs)[0] : Tensor();
}

void expect_same_output(const Graph& a, const Graph& b, double tolerance) {
    ASSERT_TRUE(verify(b).has_value());
    const Tensor picture = random_picture(7);
    const Tensor p = run(a, picture), q = run(b, picture);
    ASSERT_EQ(p.shape(), q.shape());
    ASSERT_GT(p.size(), 0);
    for (std::size_t i = 0; i < p.data<float>().size(); ++i)
        ASSERT_NEAR(p.data<float>()[i], q.data<float>()[i], tolerance) << i;
}

int count(const Graph& graph, std::string_view op) {
    const auto order = graph.topological_order();
    return static_cast<int>(
        std::count_if(order.begin(), order.end(), [&](NodeId id) { return graph.node(id).op == op; }));
}

TEST(ChipForms, SwishIsASigmoidAndAProduct) {
    Graph graph;
    const ValueId x = add_conv(graph, "conv", graph.add_input("images", DType::float32, {1, 3, 16, 16}), 3, 4);
    graph.outputs = {add_node(graph, "Swish", "swish", {x})};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    Graph split = graph;
    EXPECT_EQ(split_swish(split), 1);
    EXPECT_EQ(count(split, "Swish"), 0);
    EXPECT_EQ(count(split, "Sigmoid"), 1);
    EXPECT_EQ(count(split, "Mul"), 1);
    expect_same_output(graph, split, 1e-6);
    EXPECT_EQ(split_swish(split), 0);
}

TEST(ChipForms, ANormalizationIsADepthwiseConvolution) {
    Graph graph;
    const ValueId x =
        add_node(graph, "Relu", "relu",
                 {add_conv(graph, "conv", graph.add_input("images", DType::float32, {1, 3, 16, 16}), 3, 4)});
    Tensor variance = random_tensor({4}, 1, 6);
    for (float& v : variance.mutable_data<float>()) v = 0.1F + std::fabs(v);
    graph.outputs = {add_node(
        graph, "BatchNormalization", "norm",
        {x, graph.add_constant("s", random_tensor({4}, 1, 3)), graph.add_constant("b", random_tensor({4}, 1, 4)),
         graph.add_constant("m", random_tensor({4}, 1, 5)), graph.add_constant("v", std::move(variance))})};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    Graph convolved = graph;
    EXPECT_EQ(batchnorm_to_conv(convolved), 1);
    ASSERT_TRUE(infer_shapes(convolved).has_value());
    EXPECT_EQ(count(convolved, "BatchNormalization"), 0);
    expect_same_output(graph, convolved, 1e-5);
}

// 1 on every side of 3×3: SAME with stride 1, and not with stride 2 over an even size.
TEST(ChipForms, PaddingThatIsNotSameIsAnOperator) {
    for (const std::int64_t stride : {1, 2}) {
        Graph graph;
        const ValueId x = graph.add_input("images", DType::float32, {1, 3, 16, 16});
        const ValueId weights = graph.add_constant("w", random_tensor({4, 3, 3, 3}, 1, 1));
        graph.outputs = {add_node(
            graph, "Conv", "conv", {x, weights},
            {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}, {"strides", std::vector<std::int64_t>{stride, stride}}})};
        ASSERT_TRUE(infer_shapes(graph).has_value());
        Graph padded = graph;
        EXPECT_EQ(pad_in_front(padded), stride - 1);
        EXPECT_EQ(count(padded, "Pad"), stride - 1);
        ASSERT_TRUE(infer_shapes(padded).has_value());
        expect_same_output(graph, padded, 0);
        EXPECT_EQ(pad_in_front(padded), 0);
    }
}

TEST(ChipForms, WhatReadersAreFlatForDoesNotMatter) {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {1, 4, 2, 2});
    const auto relevant = [&](ValueId value) { return relevant_range(graph, graph.consumers(), {&value, 1}); };
    const ValueId score = add_node(graph, "Neg", "score", {x});
    add_node(graph, "Sigmoid", "sigmoid", {score});
    EXPECT_EQ(relevant(score), (Range{-8, 8}));
    const ValueId swish = add_node(graph, "Neg", "swish", {x});
    add_node(graph, "HardSwish", "hardswish", {swish});
    EXPECT_EQ(relevant(swish), (Range{-3, infinity}));
    add_node(graph, "Clip", "clip",
             {swish, graph.add_constant("lo", Tensor::scalar(-4.0F)), graph.add_constant("hi", Tensor::scalar(6.0F))});
    EXPECT_EQ(relevant(swish), (Range{-4, infinity})) << "what either reader needs";
    add_node(graph, "Tanh", "tanh", {swish});
    EXPECT_EQ(relevant(swish), (Range{-infinity, infinity}));
    graph.outputs = {score};
    EXPECT_EQ(relevant(score), (Range{-infinity, infinity}));
}

// images → conv → Relu → head, whose channels reach 1, 4 and 20 times as far, → Sigmoid or an output.
class Heads : public ::testing::TestWithParam<bool> {};

TEST_P(Heads, EachChannelHasTheWholeGrid) {
    Graph graph;
    const ValueId x =
        add_node(graph, "Relu", "relu",
                 {add_conv(graph, "conv", graph.add_input("images", DType::float32, {1, 3, 16, 16}), 3, 4)});
    ValueId head = add_conv(graph, "head", x, 4, 3);
    Tensor weights = *graph.constant(graph.find_value("head_w"));
    for (std::size_t i = 0; i < 12; ++i) weights.mutable_data<float>()[i] *= std::array{1.0F, 4.0F, 20.0F}[i / 4];
    graph.value(graph.find_value("head_w")).constant = weights;
    const bool sigmoid = GetParam();
    graph.outputs = {sigmoid ? add_node(graph, "Sigmoid", "score", {head}) : head};
    ASSERT_TRUE(infer_shapes(graph).has_value());

    const QuantizeOptions options{.recipe = Recipe::npu};
    QuantModel model = prepare_model(graph, options).value();
    ASSERT_EQ(model.heads.size(), 1U);
    EXPECT_EQ(model.graph.value(model.graph.outputs[0]).name, graph.value(graph.outputs[0]).name);
    expect_same_output(graph, model.graph, 2e-3);
    const Dataset dataset{4, [](std::int64_t i) -> Result<Tensor> { return random_picture(static_cast<unsigned>(i)); }};
    Calibration calibration =
        calibrate(model.graph, calibrated_values(model), dataset, {.by_channel = calibrated_channels(model)}).value();
    const std::vector<Extent> channels = calibration.values[static_cast<std::size_t>(model.heads[0].value)].channels;
    ASSERT_EQ(channels.size(), 3U);
    scale_heads(model, calibration);
    expect_same_output(graph, model.graph, 2e-3);
    const auto gains = model.graph.constant(model.heads[0].gain)->data<float>();
    for (std::size_t c = 0; c < 3; ++c) {
        const float lo = sigmoid ? std::clamp(channels[c].lo, -8.0F, 8.0F) : channels[c].lo;
        const float hi = sigmoid ? std::clamp(channels[c].hi, -8.0F, 8.0F) : channels[c].hi;
        EXPECT_FLOAT_EQ(gains[c], (hi - lo) / 2) << c;
    }
    choose_grids(model, calibration, options);
    EXPECT_EQ(*model.grid(model.heads[0].value), (Grid{DType::int8, 1.0F / 127, 0}));

    // Half a step of each channel's own range, where the output is not flat.
    ASSERT_TRUE(finish_model(model, dataset, options).has_value());
    const Graph quantized = to_qdq(model).value();
    const Tensor expected = run(graph, random_picture(1)), actual = run(quantized, random_picture(1));
    for (std::size_t c = 0; c < 3; ++c) {
        Fidelity fidelity;
        fidelity.add(expected.data<float>().subspan(c * 256, 256), actual.data<float>().subspan(c * 256, 256));
        EXPECT_GT(fidelity.sqnr_db(), 25) << c;
    }
}

INSTANTIATE_TEST_SUITE_P(Readers, Heads, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "Sigmoid" : "Output"; });

}  // namespace
}  // namespace octet::quant
