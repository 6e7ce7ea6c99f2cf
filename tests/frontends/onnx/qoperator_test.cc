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

// alpha is part of the bias' scale.
TEST(QOperator, gemm_with_alpha) {
    for (const bool quantized : {true, false}) {
        ModelBuilder builder(13);
        builder.input("a", {1, 2}, testing::uint8).output("y");
        grid(builder, "a", 0.5F, 2);
        builder.small("b", {2, 2}, {1, 2, 3, 4}, testing::int8);
        builder.floats("b_scale", {2}, {1.0F, 2.0F});
        builder.small("b_zero", {2}, {0, 0}, testing::int8);
        builder.small("c", {1, 2}, {8, -8}, testing::int32);
        grid(builder, "y", 0.5F, 10);
        std::vector<std::string> inputs = {"a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "c"};
        // A scale without a zero point asks for a float output.
        inputs.emplace_back("y_scale");
        if (quantized) inputs.emplace_back("y_zero");
        auto& node = builder.node("QGemm", inputs, {"y"});
        node.set_domain("com.microsoft");
        auto* alpha = node.add_attribute();
        alpha->set_name("alpha");
        alpha->set_type(1);
        alpha->set_f(0.5F);
        // a = 1, 2; b = 1 4, 3 8; 0.5 * a*b = 3.5, 10; c = 8 * 0.5*0.5*1, -8 * 0.5*0.5*2 = 2, -4
        const std::string ops = "DequantizeLinear DequantizeLinear DequantizeLinear Gemm";
        const Tensor a = Tensor::from<std::uint8_t>({1, 2}, {4, 6});
        if (quantized) {
            EXPECT_EQ(run(builder, {a}, ops + " QuantizeLinear"), (std::vector<std::int64_t>{21, 22}));
        } else {
            const auto graph = builder.parse();
            ASSERT_TRUE(graph.has_value()) << graph.error().message;
            EXPECT_EQ(operators(*graph), ops);
            EXPECT_TRUE(
                identical(evaluate(*graph, std::vector<Tensor>{a})->at(0), Tensor::from<float>({1, 2}, {5.5F, 6})));
        }
    }
}

TEST(QOperator, output_without_zero_point_has_the_type_of_the_input) {
    for (const auto& [op, inputs] : std::vector<std::pair<std::string, std::vector<std::string>>>{
             {"QLinearLeakyRelu", {"x_scale", "x_zero", "y_scale"}},
             {"QLinearLeakyRelu", {"x_scale", "", "y_scale"}},
             {"QLinearSigmoid", {"x_scale", "x_zero", "y_scale", ""}},
             {"QLinearAdd", {"x_scale", "x_zero", "x", "x_scale", "x_zero", "y_scale"}},
             {"QLinearMul", {"x_scale", "x_zero", "x", "x_scale", "x_zero", "y_scale"}},
             {"QLinearSoftmax", {"x_scale", "x_zero", "y_scale"}},
             {"QLinearAveragePool", {"x_scale", "x_zero", "y_scale"}}}) {
        for (const int type : {testing::uint8, testing::int8}) {
            for (const bool moved : {false, true}) {
                ModelBuilder builder(13);
                builder.input("given", {1, 1, 1, 2}, type).output("y");
                // An operator between hides the type that the input declares.
                if (moved) builder.node("Identity", {"given"}, {"x"});
                grid(builder, "x", 0.5F, 0, type);
                builder.floats("y_scale", {}, {0.25F});
                std::vector<std::string> all = {moved ? "x" : "given"};
                for (const std::string& input : inputs) all.push_back(input == "x" ? all[0] : input);
                auto& node = builder.node(op, all, {"y"}, "n");
                node.set_domain("com.microsoft");
                if (op == "QLinearSoftmax") attribute(node, "opset", std::int64_t{13});
                if (op == "QLinearAveragePool") attribute(node, "kernel_shape", std::vector<std::int64_t>{1, 1});
                const auto graph = builder.parse();
                ASSERT_TRUE(graph.has_value()) << op << ": " << graph.error().message;
                EXPECT_EQ(graph->value(graph->outputs[0]).dtype, type == testing::int8 ? DType::int8 : DType::uint8)
                    << op;
            }
        }
    }
}

TEST(QOperator, scales_in_a_vector_and_one_zero_point) {
    ModelBuilder builder(13);
    builder.input("x", {1, 1, 1, 2}, testing::uint8).output("y");
    grid(builder, "x", 0.5F, 2);
    builder.small("w", {2, 1, 1, 1}, {13, 6}, testing::uint8);
    builder.floats("w_scale", {2}, {1.0F, 0.25F});
    builder.small("w_zero", {}, {10}, testing::uint8);
    grid(builder, "y", 1.0F, 10);
    builder.node("QLinearConv", {"x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"}, {"y"});
    // x = 1, 3; w = 3, -1
    EXPECT_EQ(run(builder, {Tensor::from<std::uint8_t>({1, 1, 1, 2}, {4, 8})},
                  "DequantizeLinear DequantizeLinear Conv QuantizeLinear"),
              (std::vector<std::int64_t>{13, 19, 9, 7}));

    ModelBuilder product(13);
    product.input("a", {2, 1}, testing::uint8).output("y");
    product.floats("a_scale", {2}, {0.5F, 1.0F});
    product.small("a_zero", {}, {2}, testing::uint8);
    product.small("b", {1, 2}, {3, -4}, testing::int8);
    product.floats("b_scale", {2}, {1.0F, 0.25F});
    product.small("b_zero", {1}, {0}, testing::int8);
    product.floats("y_scale", {2}, {1.0F, 0.5F});
    product.small("y_zero", {}, {10}, testing::uint8);
    product.node("QLinearMatMul", {"a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"}, {"y"});
    // a = 1, 6 (rows); b = 3, -1 (columns); y = 3 -1 on 1, 18 -6 on 0.5
    EXPECT_EQ(run(product, {Tensor::from<std::uint8_t>({2, 1}, {4, 8})},
                  "DequantizeLinear DequantizeLinear MatMul QuantizeLinear"),
              (std::vector<std::int64_t>{13, 9, 46, 0}));
}

// Behind a QuantizeLinear, so that integer kernels take it.
TEST(QOperator, automatic_padding) {
    ModelBuilder builder(13);
    builder.input("x", {1, 1, 1, 4}, testing::uint8).output("y");
    grid(builder, "x", 1.0F, 0);
    builder.small("w", {1, 1, 1, 2}, {1, 3}, testing::int8);
    grid(builder, "w", 1.0F, 0, testing::int8);
    grid(builder, "y", 1.0F, 0);
    for (const auto& [auto_pad, expected] : std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
             {"SAME_UPPER", {7, 11, 15, 4}}, {"SAME_LOWER", {3, 7, 11, 15}}, {"VALID", {7, 11, 15}}}) {
        builder.graph().clear_node();
        auto& node = builder.node("QLinearConv",
                                  {"x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"}, {"y"});
        attribute(node, "auto_pad", auto_pad);
        EXPECT_EQ(run(builder, {Tensor::from<std::uint8_t>({1, 1, 1, 4}, {1, 2, 3, 4})},
                      "DequantizeLinear DequantizeLinear Conv QuantizeLinear"),
                  expected)
            << auto_pad;
    }
}

}  // namespace
}  // namespace octet::onnx
