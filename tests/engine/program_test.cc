// The program between graph and backend: what becomes which operator, why the rest runs in float, and that an observer
// sees the integers of every tensor.

#include "engine/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "engine/compile.h"
#include "engine/session.h"
#include "frontends/onnx/importer.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "graph/ops/op_list.h"
#include "tests/quantized_graph.h"
#include "tests/test_files.h"

namespace octet::engine {
namespace {

using test::QuantizedGraph;

Program program_of(const Graph& graph) {
    const auto executable = compile(graph, {.features = kernels::needs::reference});
    EXPECT_TRUE(executable.has_value()) << executable.error().message;
    return (*executable)->program();
}

std::vector<std::string> kinds_of(const Program& program) {
    std::vector<std::string> kinds;
    for (const Op& op : program.ops) kinds.push_back(kind_of(op));
    return kinds;
}

// The reason of the only layer that is quantized in the file and runs in float.
std::string reason_of(const Graph& graph) {
    const auto layers = program_of(graph).float_layers();
    EXPECT_EQ(layers.size(), 1U) << to_text(program_of(graph));
    return layers.empty() ? "" : layers.front().reason;
}

TEST(Program, NamesWhatAnOperatorComputes) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.05F, 7);
    b.output(b.quantize(b.node("Add", {x, b.node("Relu", {b.conv(x, 8, 8, 3, 1, 0.05F, 0.002F)})}), 0.06F, 12));
    const Program program = program_of(b.graph);
    EXPECT_EQ(kinds_of(program), (std::vector<std::string>{"Quantize", "Conv", "Dequantize"}));
    const Op& conv = program.ops[1];
    ASSERT_EQ(conv.nodes.size(), 3U);
    EXPECT_EQ(conv.name, conv.nodes.front());
    EXPECT_EQ(conv.nodes[1].rfind("Relu", 0), 0U);
    EXPECT_EQ(conv.nodes[2].rfind("Add", 0), 0U);
    EXPECT_EQ(program.values[index_of(written(conv))].name, conv.nodes[2] + "_out");
    EXPECT_TRUE(program.float_seams().empty());
}

TEST(Program, EveryUnaryOperatorIsATable) {
    int tables = 0;
    for (const OpDef* op : op_list()) {
        if (op->quant != QuantRule::unary || op->min_inputs > 1) continue;
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 2, 3, 4}), 0.03F, 0);
        b.output(b.quantize(b.node(std::string(op->name), {x}), 0.02F, 128));
        const auto executable = compile(b.graph);
        ASSERT_TRUE(executable.has_value()) << op->name << ": " << executable.error().message;
        EXPECT_EQ(kinds_of((*executable)->program()), (std::vector<std::string>{"Quantize", "Table", "Dequantize"}))
            << op->name;
        ++tables;
    }
    EXPECT_GT(tables, 20);
}

TEST(Program, SaysWhyALayerRunsInFloat) {
    {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 4, 3, 3}), 0.1F, 0);
        b.output(b.quantize(b.node("Div", {x, x}), 0.2F, 0));
        EXPECT_EQ(reason_of(b.graph).substr(0, 4), "'Div");
    }
    {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({2, 4, 3, 3}), 0.1F, 0);
        b.output(b.quantize(b.node("Concat", {x, x}, {{"axis", std::int64_t{0}}}), 0.1F, 0));
        const std::string text = to_text(program_of(b.graph));
        EXPECT_NE(text.find("its first dimension is 4, which is not the batch"), std::string::npos) << text;
    }
    {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({2, 4, 3, 3}), 0.1F, 0);
        const ValueId halves = b.quantize(b.node("Flatten", {x}, {{"axis", std::int64_t{0}}}), 0.1F, 0);
        b.output(b.quantize(b.node("Relu", {halves}), 0.2F, 0));
        EXPECT_EQ(reason_of(b.graph), "'Flatten_4': it mixes the images of a batch");
    }
    {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 8, 3, 3}), 0.1F, 0);
        const ValueId slopes = b.constant(Tensor::from<float>({8, 1, 1}, {0, 0.5F, 1.5F, 0, 0, 0, 0, -1}));
        b.output(b.quantize(b.node("PRelu", {b.conv(x, 8, 8, 1, 1, 0.1F, 0.002F), slopes}), 0.2F, 0));
        const auto layers = program_of(b.graph).float_layers();
        ASSERT_EQ(layers.size(), 2U);  // with the convolution before it
        for (const FloatLayer& layer : layers) {
            EXPECT_NE(layer.reason.find("its slopes are not one in (-1, 1) for each channel"), std::string::npos)
                << layer.reason;
        }
    }
}

// What the file keeps in float is no fault of the engine.
TEST(Program, FloatInTheFileIsNoSeam) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 3, 3}), 0.1F, 0);
    b.output(b.node("Softmax", {b.quantize(b.conv(x, 8, 4, 1, 1, 0.1F, 0.002F), 0.05F, 90)}));
    const Program program = program_of(b.graph);
    EXPECT_TRUE(program.float_layers().empty());
    EXPECT_EQ(kinds_of(program).back(), "Softmax");
}

// One step of the accumulator, 0.05, is coarser than the grid: the integers are doubled until they are on it.
TEST(Program, A16BitGridIsTheFiles) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.05F, 100);
    b.output(b.quantize(b.conv(x, 8, 2, 3, 1, 0.05F, 1.0F), 1.0F / 1024, 0, DType::int16));
    EXPECT_TRUE(program_of(b.graph).float_layers().empty());
}

// SiLU and whatever else is elementwise, alone and in a row, with constants between.
TEST(Program, AnythingElementwiseBehindAConvolutionIsFused) {
    for (const std::vector<const char*>& chain : {std::vector<const char*>{"Swish"}, {"Sigmoid"}, {"Tanh", "Elu"}}) {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.05F, 100);
        ValueId y = b.conv(x, 8, 8, 3, 1, 0.05F, 0.002F);
        for (const char* op : chain) y = b.node(op, {y});
        y = b.node("Mul", {y, b.constant(Tensor::scalar(0.5F))});
        b.output(b.quantize(y, 0.01F, 60));
        const Program program = program_of(b.graph);
        EXPECT_TRUE(program.float_layers().empty()) << chain.front();
        const auto conv =
            std::ranges::find_if(program.ops, [](const Op& op) { return std::holds_alternative<ConvOp>(op.form); });
        ASSERT_NE(conv, program.ops.end());
        EXPECT_EQ(std::get<ConvOp>(conv->form).activation.kind, kernels::Activation::table);
        EXPECT_EQ(conv->nodes.size(), chain.size() + 2);
    }
}

TEST(Program, GainsOfChannelsBehindASwishAreFused) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.05F, 100);
    const ValueId swish = b.node("Swish", {b.conv(x, 8, 4, 3, 1, 0.05F, 0.002F)});
    const ValueId gains = b.constant(Tensor::from<float>({1, 4, 1, 1}, {1, 2, 5, 10}));
    b.output(b.quantize(b.node("Mul", {gains, swish}), 0.05F, 60));
    const Program program = program_of(b.graph);
    EXPECT_TRUE(program.float_layers().empty());
    const auto conv =
        std::ranges::find_if(program.ops, [](const Op& op) { return std::holds_alternative<ConvOp>(op.form); });
    ASSERT_NE(conv, program.ops.end());
    EXPECT_EQ(std::get<ConvOp>(conv->form).activation.channel_gain, (std::vector<double>{1, 2, 5, 10}));
    EXPECT_EQ(conv->nodes.size(), 3U);
}

// One row is an image of one pixel.
TEST(Program, ADenseLayerOfOneRowRunsOnIntegers) {
    for (const std::int64_t rows : {1, 2}) {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({rows, 12}), 0.05F, 100);
        Tensor weights(DType::int8, {12, 7});
        for (std::size_t i = 0; i < 84; ++i) {
            weights.mutable_data<std::int8_t>()[i] = static_cast<std::int8_t>(static_cast<int>(i * 37 % 255) - 127);
        }
        const ValueId w = b.node("DequantizeLinear", {b.constant(std::move(weights)), b.constant(Tensor::scalar(0.01F)),
                                                      b.constant(Tensor::scalar<std::int8_t>(0))});
        b.output(b.quantize(b.node("MatMul", {x, w}), 0.1F, 128));
        EXPECT_EQ(program_of(b.graph).float_layers().empty(), rows == 1);
    }
}

TEST(Program, ARectifierBehindAShortcutIsFused) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.05F, 100);
    const ValueId sum = b.node("Add", {b.conv(x, 8, 8, 3, 1, 0.05F, 0.002F), x});
    b.output(b.quantize(b.node("Relu", {sum}), 0.05F, 3));
    const Program program = program_of(b.graph);
    EXPECT_TRUE(program.float_layers().empty());
    const auto conv =
        std::ranges::find_if(program.ops, [](const Op& op) { return std::holds_alternative<ConvOp>(op.form); });
    ASSERT_NE(conv, program.ops.end());
    EXPECT_TRUE(std::get<ConvOp>(conv->form).relu_behind_residual);
}

// Two readers of one tensor that take different integers for zero: only one can have the plane's padding.
TEST(Program, OnePaddingForATensor) {
    QuantizedGraph b;
    const ValueId real = b.input({1, 8, 6, 6});
    const ValueId x = b.quantize(real, 0.05F, 100);
    const ValueId shifted =
        b.node("DequantizeLinear", {b.graph.node(b.graph.producer(x)).inputs[0], b.constant(Tensor::scalar(0.05F)),
                                    b.constant(Tensor::scalar<std::uint8_t>(90))});
    b.output(b.quantize(b.conv(x, 8, 4, 3, 1, 0.05F, 0.001F), 0.05F, 128));
    b.output(b.quantize(b.conv(shifted, 8, 4, 3, 1, 0.05F, 0.001F), 0.05F, 128));
    ASSERT_TRUE(infer_shapes(b.graph).has_value());
    const Tensor input = b.random_tensor({1, 8, 6, 6}, -5, 7);
    const auto reference = evaluate(b.graph, std::vector<Tensor>{input});
    auto session = Session::create(compile(b.graph).value(), {.threads = 1});
    const auto outputs = session->run(std::vector<Tensor>{input});
    ASSERT_TRUE(outputs.has_value()) << outputs.error().message;
    for (std::size_t i = 0; i < 2; ++i) {
        const auto x1 = (*outputs)[i].data<float>(), x2 = (*reference)[i].data<float>();
        for (std::size_t k = 0; k < x1.size(); ++k) EXPECT_NEAR(x1[k], x2[k], 0.0501F);
    }
    EXPECT_NE(reason_of(b.graph).find("another zero point"), std::string::npos);
}

// Concat in place, an upsampling that a convolution would skip, int8, 16 bits and float tensors.
TEST(Observer, ShowsTheIntegersOfEveryTensor) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 4}), 0.05F, -20, DType::int8);
    const ValueId low = b.quantize(b.conv(x, 8, 16, 3, 2, 0.05F, 0.004F), 0.05F, 20);
    const ValueId scales = b.constant(Tensor::from<float>({4}, {1, 1, 2, 2}));
    const ValueId up = b.quantize(b.node("Resize", {low, no_value, scales},
                                         {{"mode", std::string("nearest")},
                                          {"coordinate_transformation_mode", std::string("asymmetric")},
                                          {"nearest_mode", std::string("floor")}}),
                                  0.05F, 20);
    const ValueId beside = b.quantize(b.conv(x, 8, 20, 1, 1, 0.05F, 0.004F), 0.05F, 20);
    const ValueId joined = b.quantize(b.node("Concat", {up, beside}, {{"axis", std::int64_t{1}}}), 0.05F, 20);
    const ValueId mixed = b.quantize(b.conv(joined, 36, 24, 1, 1, 0.05F, 0.002F), 0.04F, 10);
    const ValueId wide = b.quantize(b.conv(mixed, 24, 2, 1, 1, 0.04F, 0.001F), 1.0F / 1024, 0, DType::int16);
    b.output(b.node("Softmax", {wide}));

    const Tensor input = b.random_tensor({1, 8, 6, 4}, -1, 5);
    std::map<std::string, Tensor> seen;
    const auto executable = compile(b.graph, {.observable = true}).value();
    auto observed = Session::create(executable, {.threads = 2}).value();
    observed.set_observer({.tensor = [&](const TensorInfo& info) {
        EXPECT_TRUE(seen.emplace(info.name, info.values).second) << info.name;
        if (info.grid) EXPECT_EQ(info.values.dtype(), info.grid->dtype);
    }});
    const auto outputs = observed.run(std::vector<Tensor>{input}).value();
    auto plain = Session::create(compile(b.graph).value(), {.threads = 1}).value();
    EXPECT_TRUE(identical(plain.run(std::vector<Tensor>{input}).value()[0], outputs[0]));

    const Program& program = executable->program();
    ASSERT_EQ(program.values.size(), 7U);
    for (const QuantValue& value : program.values) {
        ASSERT_TRUE(seen.contains(value.name)) << value.name;
        EXPECT_EQ(seen.at(value.name).shape(), value.shape);
    }
    // A copy holds what it copies.
    const auto integers = [&](ValueId dequantized) {
        const Node& dq = b.graph.node(b.graph.producer(dequantized));
        const Node& q = b.graph.node(b.graph.producer(dq.inputs[0]));
        return seen.at(b.graph.value(q.inputs[0]).name).data<std::uint8_t>();
    };
    const auto small = integers(low), large = integers(up), whole = integers(joined), part = integers(beside);
    for (std::size_t c = 0; c < 16; ++c) {
        for (std::size_t y = 0; y < 6; ++y) {
            for (std::size_t i = 0; i < 4; ++i) {
                EXPECT_EQ(large[(c * 6 + y) * 4 + i], small[(c * 3 + y / 2) * 2 + i / 2]);
            }
        }
    }
    EXPECT_TRUE(std::equal(large.begin(), large.end(), whole.begin()));
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(large.size())));
    const Tensor& softmax = outputs[0];
    EXPECT_TRUE(identical(seen.at(program.outputs[0].name), softmax));
}

// QuantizeLinear behind operators that only move values, as ONNX Runtime's quantizer writes it.
TEST(Program, OnnxRuntimesYolopRunsOnIntegers) {
    OCTET_NEEDS_SHARED("models/peers/ort-int8.onnx");
    auto graph = onnx::load(shared_folder + "/models/peers/ort-int8.onnx");
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    EXPECT_EQ(program_of(*graph).float_seams(), std::vector<std::string>{});
}

}  // namespace
}  // namespace octet::engine
