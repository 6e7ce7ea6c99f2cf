// The expected numbers are worked out by hand from the definition: dequantize, compute, quantize.

#include "frontends/onnx/qoperator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/ops/evaluator.h"
#include "tests/frontends/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using testing::attribute;
using ::testing::HasSubstr;
using testing::ModelBuilder;
using testing::operators;

std::vector<std::int64_t> run(const ModelBuilder& builder, const std::vector<Tensor>& inputs, const std::string& ops) {
    const auto graph = builder.parse();
    if (!graph) {
        ADD_FAILURE() << graph.error().message;
        return {};
    }
    EXPECT_EQ(operators(*graph), ops);
    const auto outputs = evaluate(*graph, inputs);
    if (!outputs) {
        ADD_FAILURE() << outputs.error().message;
        return {};
    }
    return outputs->at(0).to_int64();
}

// A grid called NAME_scale, NAME_zero for uint8 (or int8) tensors.
void grid(ModelBuilder& builder, const std::string& name, float scale, int zero, int type = testing::uint8) {
    builder.floats(name + "_scale", {}, {scale});
    builder.small(name + "_zero", {}, {zero}, type);
}

TEST(QOperator, conv_with_bias_and_scales_per_channel) {
    ModelBuilder builder(13);
    builder.input("x", {1, 1, 1, 2}, testing::uint8).output("y");
    grid(builder, "x", 0.5F, 2);
    builder.small("w", {2, 1, 1, 1}, {3, -4}, testing::int8);
    builder.floats("w_scale", {2}, {1.0F, 0.25F});
    builder.small("w_zero", {2}, {0, 0}, testing::int8);
    grid(builder, "y", 1.0F, 10);
    builder.small("bias", {2}, {4, -8}, testing::int32);
    builder.node("QLinearConv", {"x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "bias"},
                 {"y"}, "conv");
    // x = 0.5*(4-2), 0.5*(8-2) = 1, 3; w = 3, -1; bias = 4*0.5, -8*0.125 = 2, -1
    EXPECT_EQ(run(builder, {Tensor::from<std::uint8_t>({1, 1, 1, 2}, {4, 8})},
                  "DequantizeLinear DequantizeLinear DequantizeLinear Conv QuantizeLinear"),
              (std::vector<std::int64_t>{15, 21, 8, 6}));
}

// What ONNX Runtime's dynamic quantization makes of a convolution.
TEST(QOperator, conv_integer_of_what_is_quantized_at_run_time) {
    ModelBuilder builder(13);
    builder.input("x", {1, 1, 1, 3}).output("y");
    builder.node("DynamicQuantizeLinear", {"x"}, {"q", "scale", "zero"}, "quantize");
    builder.small("w", {1, 1, 1, 1}, {3}, testing::int8);
    builder.node("ConvInteger", {"q", "w", "zero"}, {"y"}, "conv");
    // The grid of -1 … 1.55 is 0.01 with zero point 100.
    EXPECT_EQ(run(builder, {Tensor::from<float>({1, 1, 1, 3}, {-1, 0.5F, 1.55F})},
                  "DynamicQuantizeLinear Shape Expand DequantizeLinear DequantizeLinear Conv Cast"),
              (std::vector<std::int64_t>{-300, 150, 465}));
}

TEST(QOperator, integer_zero_points_of_channels_that_are_no_constants) {
    ModelBuilder builder(13);
    builder.input("x", {1, 1, 1, 1}, testing::uint8).input("zeros", {2}, testing::int8).output("y");
    builder.small("x_zero", {}, {1}, testing::uint8);
    builder.small("w", {2, 1, 1, 1}, {3, -4}, testing::int8);
    builder.node("ConvInteger", {"x", "w", "x_zero", "zeros"}, {"y"}, "conv");
    EXPECT_EQ(run(builder, {Tensor::from<std::uint8_t>({1, 1, 1, 1}, {11}), Tensor::from<std::int8_t>({2}, {1, 2})},
                  "DequantizeLinear Shape Expand DequantizeLinear Conv Cast"),
              (std::vector<std::int64_t>{20, -60}));
}

TEST(QOperator, conv_with_a_bias_needs_constant_scales) {
    ModelBuilder builder(13);
    builder.input("x", {1, 1, 1, 2}, testing::uint8).input("x_scale", {}).output("y");
    builder.small("x_zero", {}, {0}, testing::uint8);
    builder.small("w", {1, 1, 1, 1}, {3}, testing::int8);
    grid(builder, "wg", 1, 0, testing::int8);
    grid(builder, "y", 1, 0);
    builder.small("bias", {1}, {1}, testing::int32);
    builder.node("QLinearConv", {"x", "x_scale", "x_zero", "w", "wg_scale", "wg_zero", "y_scale", "y_zero", "bias"},
                 {"y"}, "conv");
    const auto graph = builder.parse();
    ASSERT_FALSE(graph.has_value());
    EXPECT_THAT(graph.error().message, HasSubstr("node 'conv' (QLinearConv)"));
    EXPECT_THAT(graph.error().message, HasSubstr("constant"));
}

TEST(QOperator, conv_integer) {
    ModelBuilder builder(11);
    builder.input("x", {1, 1, 1, 2}, testing::uint8).output("y");
    builder.small("w", {1, 1, 1, 1}, {5}, testing::uint8);
    builder.small("zero", {}, {7}, testing::uint8);
    builder.node("ConvInteger", {"x", "w", "zero"}, {"y"});
    EXPECT_EQ(run(builder, {Tensor::from<std::uint8_t>({1, 1, 1, 2}, {0, 255})},
                  "DequantizeLinear DequantizeLinear Conv Cast"),
              (std::vector<std::int64_t>{-35, 1240}));
}

TEST(QOperator, add_and_concat_of_onnx_runtime) {
    ModelBuilder add(13);
    add.input("a", {2}, testing::uint8).input("b", {2}, testing::uint8).output("y");
    grid(add, "a", 1.0F, 0);
    grid(add, "b", 0.5F, 4);
    grid(add, "y", 2.0F, 1);
    add.node("QLinearAdd", {"a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"}, {"y"})
        .set_domain("com.microsoft");
    // (10 + 0.5*(8-4))/2 + 1 = 7; (1 + 0.5*(0-4))/2 + 1 = 0.5 + ... ties to even: -0.5 -> 0, +1
    EXPECT_EQ(run(add, {Tensor::from<std::uint8_t>({2}, {10, 1}), Tensor::from<std::uint8_t>({2}, {8, 0})},
                  "DequantizeLinear DequantizeLinear Add QuantizeLinear"),
              (std::vector<std::int64_t>{7, 1}));

    ModelBuilder concat(13);
    concat.input("a", {1}, testing::uint8).input("b", {1}, testing::uint8).output("y");
    grid(concat, "a", 1.0F, 0);
    grid(concat, "b", 0.5F, 4);
    grid(concat, "y", 1.0F, 1);
    auto& node = concat.node("QLinearConcat", {"y_scale", "y_zero", "a", "a_scale", "a_zero", "b", "b_scale", "b_zero"},
                             {"y"}, "cat");
    node.set_domain("com.microsoft");
    attribute(node, "axis", std::int64_t{0});
    EXPECT_EQ(run(concat, {Tensor::from<std::uint8_t>({1}, {9}), Tensor::from<std::uint8_t>({1}, {8})},
                  "DequantizeLinear DequantizeLinear Concat QuantizeLinear"),
              (std::vector<std::int64_t>{10, 3}));
    node.mutable_input()->RemoveLast();
    const auto broken = concat.parse();
    ASSERT_FALSE(broken.has_value());
    EXPECT_THAT(broken.error().message, HasSubstr("node 'cat' (QLinearConcat)"));
}

TEST(QOperator, activations_of_onnx_runtime) {
    ModelBuilder builder(13);
    builder.input("x", {2}, testing::int8).output("y");
    grid(builder, "x", 1.0F, 0, testing::int8);
    grid(builder, "y", 0.25F, 3, testing::int8);
    auto& node = builder.node("QLinearLeakyRelu", {"x", "x_scale", "x_zero", "y_scale", "y_zero"}, {"y"});
    node.set_domain("com.microsoft");
    auto* alpha = node.add_attribute();
    alpha->set_name("alpha");
    alpha->set_type(1);
    alpha->set_f(0.5F);
    EXPECT_EQ(run(builder, {Tensor::from<std::int8_t>({2}, {-6, 5})}, "DequantizeLinear LeakyRelu QuantizeLinear"),
              (std::vector<std::int64_t>{-9, 23}));
}

}  // namespace
}  // namespace octet::onnx
