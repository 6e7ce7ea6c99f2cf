// Integer plans against the float reference of the same graph, where QuantizeLinear and DequantizeLinear are computed
// as written: the results agree to one step of the 8-bit grid, on every level and number of threads to the bit.

#include "engine/compile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/session.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "tests/quantized_graph.h"

namespace octet::engine {
namespace {

using test::QuantizedGraph;

std::vector<Tensor> run_plan(const Graph& graph, kernels::CpuFeatures features, int threads,
                             std::vector<Tensor> inputs) {
    auto executable = compile(graph, {.features = features});
    EXPECT_TRUE(executable.has_value()) << executable.error().message;
    auto session = Session::create(*executable, {threads});
    EXPECT_TRUE(session.has_value());
    auto first = session->run(inputs);
    EXPECT_TRUE(first.has_value()) << first.error().message;
    // A second run in the same arena gives the same bytes.
    auto second = session->run(inputs);
    for (std::size_t i = 0; i < first->size(); ++i) EXPECT_TRUE(identical((*first)[i], (*second)[i]));
    return *first;
}

// Largest |a - b| / step.
double steps_apart(const Tensor& a, const Tensor& b, float step) {
    EXPECT_EQ(a.shape(), b.shape());
    double worst = 0;
    const auto x = a.data<float>();
    const auto y = b.data<float>();
    for (std::size_t i = 0; i < x.size(); ++i)
        worst = std::max(worst, static_cast<double>(std::abs(x[i] - y[i]) / step));
    return worst;
}

std::vector<std::string> kernels_of(const Graph& graph, kernels::CpuFeatures features) {
    std::vector<std::string> kernels;
    const auto executable = compile(graph, {.features = features});
    EXPECT_TRUE(executable.has_value()) << executable.error().message;
    for (const StepInfo& step : (*executable)->steps()) kernels.emplace_back(step.kernel);
    return kernels;
}

std::ptrdiff_t count_of(const std::vector<std::string>& kernels, std::string_view prefix) {
    return std::count_if(kernels.begin(), kernels.end(), [&](const auto& name) { return name.rfind(prefix, 0) == 0; });
}

struct Expectation {
    float step = 1;                    // of the output's grid
    double tolerance = 1.01;           // in steps
    std::vector<std::string> kernels;  // prefixes of the kernels that must run, in any order
    bool integer_only = true;
};

void check(QuantizedGraph& builder, const std::vector<Tensor>& inputs, const Expectation& expected) {
    Graph& graph = builder.graph;
    ASSERT_TRUE(infer_shapes(graph).has_value());
    auto reference = evaluate(graph, inputs);
    ASSERT_TRUE(reference.has_value()) << reference.error().message;
    const auto names = kernels_of(graph, kernels::needs::reference);
    for (const std::string& prefix : expected.kernels) EXPECT_GT(count_of(names, prefix), 0) << prefix;
    const auto executable = compile(graph, {.features = kernels::needs::reference});
    EXPECT_EQ((*executable)->program().float_seams().empty(), expected.integer_only);
    const auto specification = run_plan(graph, kernels::needs::reference, 1, inputs);
    for (std::size_t i = 0; i < specification.size(); ++i) {
        EXPECT_LE(steps_apart(specification[i], (*reference)[i], expected.step), expected.tolerance);
    }
    for (const kernels::Level& level : kernels::levels()) {
        if (!kernels::available(level)) continue;
        for (int threads : {1, 2, 3}) {
            const auto outputs = run_plan(graph, level.features, threads, inputs);
            for (std::size_t i = 0; i < outputs.size(); ++i) {
                EXPECT_TRUE(identical(outputs[i], specification[i])) << level.name << ", " << threads << " threads";
            }
        }
    }
}

void check(QuantizedGraph& builder, const Tensor& input, const Expectation& expected) {
    check(builder, std::vector<Tensor>{input}, expected);
}

TEST(Lowering, ConvolutionWithHardSwishAndShortcut) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 16, 13, 11}), 0.05F, 7);
    const ValueId first = b.quantize(b.node("HardSwish", {b.conv(x, 16, 24, 3, 1, 0.05F, 0.002F)}), 0.04F, 10);
    const ValueId second = b.node("HardSwish", {b.conv(first, 24, 16, 1, 1, 0.04F, 0.002F)});
    b.output(b.quantize(b.node("Add", {x, second}), 0.06F, 12));
    check(b, b.random_tensor({1, 16, 13, 11}, -1, 12),
          {0.06F, 1.01, {"quantize", "conv_u8s8", "fill_halo", "dequantize"}});
}

TEST(Lowering, ConcatIsWrittenInPlaceOnOneGrid) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 9, 9}), 0.05F, 0);
    const ValueId left = b.quantize(b.node("Relu", {b.conv(x, 8, 12, 1, 1, 0.05F, 0.004F)}), 0.05F, 0);
    const ValueId right = b.quantize(b.conv(x, 8, 4, 3, 1, 0.05F, 0.001F), 0.05F, 0);
    const ValueId joined = b.quantize(b.node("Concat", {left, right}, {{"axis", std::int64_t{1}}}), 0.05F, 0);
    b.output(b.quantize(b.conv(joined, 16, 8, 3, 2, 0.05F, 0.002F), 0.1F, 100));
    check(b, b.random_tensor({1, 8, 9, 9}, 0, 12), {0.1F, 1.6, {"conv_u8s8"}});
    EXPECT_EQ(count_of(kernels_of(b.graph, kernels::needs::reference), "concat"), 0);
}

TEST(Lowering, ConcatOfDifferentGridsCopies) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 5}), 0.05F, 0);
    const ValueId left = b.quantize(b.conv(x, 8, 12, 1, 1, 0.05F, 0.004F), 0.02F, 3);
    const ValueId joined = b.quantize(b.node("Concat", {left, x}, {{"axis", std::int64_t{1}}}), 0.06F, 20);
    b.output(joined);
    check(b, b.random_tensor({1, 8, 6, 5}, 0, 12), {0.06F, 1.01, {"conv_u8s8", "concat"}});
}

TEST(Lowering, Int8ActivationsPoolResizeAndTables) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 8, 8}), 0.05F, -20, DType::int8);
    const ValueId pooled = b.quantize(
        b.node("MaxPool", {x},
               {{"kernel_shape", std::vector<std::int64_t>{3, 3}}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}}),
        0.05F, -20, DType::int8);
    const ValueId scales = b.constant(Tensor::from<float>({4}, {1, 1, 2, 2}));
    const ValueId resized = b.quantize(b.node("Resize", {pooled, no_value, scales},
                                              {{"mode", std::string("nearest")},
                                               {"coordinate_transformation_mode", std::string("asymmetric")},
                                               {"nearest_mode", std::string("floor")}}),
                                       0.05F, -20, DType::int8);
    b.output(b.quantize(b.node("Sigmoid", {resized}), 1.0F / 256, -128, DType::int8));
    check(b, b.random_tensor({1, 8, 8, 8}, -5, 6), {1.0F / 256, 0.01, {"maxpool", "resize_nearest", "lut"}});
}

// Nearest upsampling to twice the size.
ValueId upsample(QuantizedGraph& b, ValueId x, float scale, int zero_point) {
    const ValueId scales = b.constant(Tensor::from<float>({4}, {1, 1, 2, 2}));
    return b.quantize(b.node("Resize", {x, no_value, scales},
                             {{"mode", std::string("nearest")},
                              {"coordinate_transformation_mode", std::string("asymmetric")},
                              {"nearest_mode", std::string("floor")}}),
                      scale, zero_point);
}

// On either side of the Concat; the output is another than the same weights give on the other side.
TEST(Lowering, UpsampledPartOfAConcatIsMultipliedOnce) {
    for (const bool upsampled_first : {true, false}) {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 8, 10, 14}), 0.05F, 9);
        const ValueId low = b.quantize(b.conv(x, 8, 12, 3, 2, 0.05F, 0.004F), 0.05F, 20);
        const ValueId up = upsample(b, low, 0.05F, 20);
        const ValueId beside = b.quantize(b.conv(x, 8, 20, 1, 1, 0.05F, 0.004F), 0.05F, 20);
        const std::vector<ValueId> parts = upsampled_first ? std::vector{up, beside} : std::vector{beside, up};
        const ValueId joined = b.quantize(b.node("Concat", parts, {{"axis", std::int64_t{1}}}), 0.05F, 20);
        b.output(b.quantize(b.node("HardSwish", {b.conv(joined, 32, 24, 1, 1, 0.05F, 0.002F)}), 0.04F, 10));
        check(b, b.random_tensor({1, 8, 10, 14}, -1, 12), {0.04F, 1.6, {"conv_u8s8"}});
        const auto kernels = kernels_of(b.graph, kernels::needs::reference);
        EXPECT_EQ(count_of(kernels, "conv"), 4);
        EXPECT_EQ(count_of(kernels, "resize") + count_of(kernels, "concat"), 0);
    }
}

TEST(Lowering, ThreeByThreeReadsThePixelsBeforeTheUpsampling) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 32, 7, 9}), 0.05F, 9);
    const ValueId up = upsample(b, x, 0.05F, 9);
    b.output(b.quantize(b.node("HardSwish", {b.conv(up, 32, 24, 3, 1, 0.05F, 0.002F)}), 0.06F, 10));
    check(b, b.random_tensor({1, 32, 7, 9}, -1, 12), {0.06F, 1.01, {"conv_u8s8", "resize"}});
    for (const kernels::Level& level : kernels::levels()) {
        if (!kernels::available(level) || level.features == kernels::needs::reference) continue;
        const auto kernels = kernels_of(b.graph, level.features);
        // A form of its own, or the direct one of a level that takes upsampled pixels.
        EXPECT_EQ(count_of(kernels, "conv_upsampled") + count_of(kernels, "conv_u8s8"), 1) << level.name;
        EXPECT_EQ(count_of(kernels, "resize"), 0) << level.name;
    }
}

// TwinLiteNet by ONNX Runtime's quantizer has such a convolution: all its weights are (nearly) zero.
TEST(Lowering, ScalesTooFarApartForIntegersRunInFloat) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 5}), 0.05F, 0);
    const ValueId dead = b.quantize(b.conv(x, 8, 4, 1, 1, 0.05F, 1e-24F), 5e-22F, 100);
    const ValueId live = b.quantize(b.conv(x, 8, 4, 3, 1, 0.05F, 0.004F), 0.02F, 3);
    const ValueId scaled = b.node("Mul", {dead, b.constant(Tensor::scalar(1e20F))});
    b.output(b.quantize(b.node("Add", {scaled, live}), 0.06F, 20));
    check(b, b.random_tensor({1, 8, 6, 5}, 0, 12), {0.06F, 1.01, {"conv_u8s8", "Conv_float"}, false});
}

TEST(Lowering, BatchNormalizationPerTensor) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 20, 7, 7}), 0.05F, 100);
    const auto parameter = [&](float low, float high) { return b.constant(b.random_tensor({20}, low, high)); };
    const ValueId gain = parameter(0.5F, 2);
    const ValueId shift = parameter(-1, 1);
    const ValueId mean = parameter(-1, 1);
    const ValueId variance = parameter(0.5F, 2);
    const ValueId normalized = b.node("BatchNormalization", {x, gain, shift, mean, variance});
    b.output(b.quantize(b.node("LeakyRelu", {normalized}, {{"alpha", 0.1F}}), 0.05F, 30));
    check(b, b.random_tensor({1, 20, 7, 7}, -5, 7), {0.05F, 1.01, {"batchnorm"}});
}

TEST(Lowering, AddOfTwoGrids) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.05F, 100);
    const ValueId y = b.quantize(b.conv(x, 8, 8, 1, 1, 0.05F, 0.002F), 0.03F, 120);
    const ValueId z = b.quantize(b.node("Relu", {b.node("Add", {x, y})}), 0.07F, 0);
    b.output(z);
    check(b, b.random_tensor({1, 8, 6, 6}, -5, 7), {0.07F, 1.01, {"add", "conv"}});
}

TEST(Lowering, ResizesOfLinearInterpolation) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 19, 6, 5}), 0.05F, -21, DType::int8);
    const ValueId factors = b.constant(Tensor::from<float>({4}, {1, 1, 2.5F, 4}));
    const ValueId smaller = b.constant(Tensor::from<std::int64_t>({4}, {1, 19, 4, 3}));
    for (const std::string mode : {"half_pixel", "align_corners", "asymmetric"}) {
        const Attributes attributes = {{"mode", std::string("linear")}, {"coordinate_transformation_mode", mode}};
        b.output(b.quantize(b.node("Resize", {x, no_value, factors}, attributes), 0.05F, -21, DType::int8));
        b.output(b.quantize(b.node("Resize", {x, no_value, no_value, smaller}, attributes), 0.05F, -21, DType::int8));
    }
    check(b, b.random_tensor({1, 19, 6, 5}, -5, 7), {0.05F, 1.01, {"resize_linear"}});
}

TEST(Lowering, MeansOfWindowsAndOfTheWholeImage) {
    using Ints = std::vector<std::int64_t>;
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 70, 9, 8}), 0.05F, -20, DType::int8);
    const Attributes window = {{"kernel_shape", Ints{3, 2}},
                               {"strides", Ints{2, 2}},
                               {"pads", Ints{1, 1, 2, 0}},
                               {"ceil_mode", std::int64_t{1}}};
    Attributes counted = window;
    counted.set("count_include_pad", std::int64_t{1});
    b.output(b.quantize(b.node("AveragePool", {x}, window), 0.03F, 90));
    b.output(b.quantize(b.node("AveragePool", {x}, counted), 0.03F, -10, DType::int8));
    b.output(b.quantize(b.node("GlobalAveragePool", {x}), 0.03F, 128));
    const ValueId axes = b.constant(Tensor::from<std::int64_t>({2}, {-1, 2}));
    b.output(b.quantize(b.node("ReduceMean", {x, axes}), 0.03F, 120));
    b.output(b.quantize(b.node("ReduceMean", {x, axes}, {{"keepdims", std::int64_t{0}}}), 0.03F, 120));
    check(b, b.random_tensor({1, 70, 9, 8}, -5, 7), {0.03F, 1.01, {"avgpool"}});
}

ValueId reshaped(QuantizedGraph& b, ValueId x, const std::vector<std::int64_t>& shape) {
    return b.node("Reshape",
                  {x, b.constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(shape.size())}, shape))});
}

// One permutation of channels: what has five dimensions lies in the same plane as before.
TEST(Lowering, ChannelShuffleIsOneMove) {
    using Ints = std::vector<std::int64_t>;
    QuantizedGraph b;
    const auto on_grid = [&](ValueId value) { return b.quantize(value, 0.05F, 100); };
    const ValueId x = on_grid(b.input({1, 30, 5, 7}));
    const ValueId groups = on_grid(reshaped(b, x, {1, 3, 10, 5, 7}));
    const ValueId shuffled = on_grid(b.node("Transpose", {groups}, {{"perm", Ints{0, 2, 1, 3, 4}}}));
    const ValueId y = on_grid(reshaped(b, shuffled, {1, -1, 5, 7}));
    b.output(b.quantize(b.conv(y, 30, 8, 3, 1, 0.05F, 0.002F), 0.08F, 128));
    b.output(y);
    check(b, b.random_tensor({1, 30, 5, 7}, -5, 7), {0.05F, 1.7, {"move", "conv"}});
    EXPECT_EQ(count_of(kernels_of(b.graph, kernels::needs::reference), "move"), 1);
}

// As FastestDet has it, with channels as batches in between.
TEST(Lowering, ChannelShuffleInTwoHalves) {
    using Ints = std::vector<std::int64_t>;
    QuantizedGraph b;
    const auto on_grid = [&](ValueId value) { return b.quantize(value, 0.05F, 100); };
    const ValueId x = on_grid(b.input({1, 24, 6, 4}));
    const ValueId pairs = on_grid(reshaped(b, x, {12, 2, 24}));
    const ValueId halves = on_grid(b.node("Transpose", {pairs}, {{"perm", Ints{1, 0, 2}}}));
    const ValueId images = on_grid(reshaped(b, halves, {2, -1, 12, 6, 4}));
    for (const std::int64_t half : {0, 1}) {
        const ValueId index = b.constant(Tensor::scalar<std::int64_t>(half));
        b.output(on_grid(b.node("Gather", {images, index}, {{"axis", std::int64_t{0}}})));
    }
    check(b, b.random_tensor({1, 24, 6, 4}, -5, 7), {0.05F, 0.01, {"move"}});
    EXPECT_EQ(count_of(kernels_of(b.graph, kernels::needs::reference), "move"), 2);  // one for each half
}

// Convolutions read their half, padding included, where the whole lies.
TEST(Lowering, SplitOfChannelsCostsNothing) {
    QuantizedGraph b;
    const auto on_grid = [&](ValueId value) { return b.quantize(value, 0.05F, 100); };
    const ValueId x = on_grid(b.conv(on_grid(b.input({1, 8, 9, 7})), 8, 26, 1, 1, 0.05F, 0.004F));
    const ValueId sizes = b.constant(Tensor::from<std::int64_t>({2}, {9, 17}));
    const NodeId split = b.graph.add_node("Split", "Split", {x, sizes}, {"left", "right"}, {{"axis", std::int64_t{1}}});
    const ValueId left = on_grid(b.graph.node(split).outputs[0]), right = on_grid(b.graph.node(split).outputs[1]);
    b.output(b.quantize(b.conv(left, 9, 8, 3, 1, 0.05F, 0.002F), 0.08F, 128));
    b.output(b.quantize(b.conv(right, 17, 8, 5, 2, 0.05F, 0.001F), 0.08F, 128));
    b.output(right);
    check(b, b.random_tensor({1, 8, 9, 7}, -5, 7), {0.05F, 1.7, {"conv"}});
    EXPECT_EQ(count_of(kernels_of(b.graph, kernels::needs::reference), "move"), 0);
}

// Of int8 and of int16 tensors; each of them exact.
TEST(Lowering, Moves) {
    using Ints = std::vector<std::int64_t>;
    for (const DType type : {DType::int8, DType::int16}) {
        QuantizedGraph b;
        const float scale = type == DType::int8 ? 0.05F : 1.0F / 512;
        const auto on_grid = [&](ValueId value) {
            return b.quantize(value, scale, type == DType::int8 ? -20 : 0, type);
        };
        const auto ints = [&](const Ints& values) {
            return b.constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
        };
        const ValueId x = on_grid(b.input({1, 20, 6, 8}));
        std::vector<ValueId> made = {
            b.node("Transpose", {x}, {{"perm", Ints{0, 2, 3, 1}}}),
            b.node("Transpose", {x}, {{"perm", Ints{0, 1, 3, 2}}}),
            reshaped(b, x, {1, -1, 4}),
            reshaped(b, x, {1, 6, 20, 8}),  // no sum of a row's, a column's and a channel's offset
            reshaped(b, x, {2, -1, 5}),
            b.node("Flatten", {x}),
            b.node("Slice", {x, ints({5, -1}), ints({17, -9}), ints({1, 3}), ints({2, -2})}),
            b.node("Gather", {x, ints({3, 0, 5, 5, 1})}, {{"axis", std::int64_t{2}}}),
            b.node("Pad", {x, ints({0, 3, 0, 2, 0, 1, 2, 0})}),
            b.node("Pad", {x, ints({0, 0, 2, 2, 0, 0, 1, 0})}, {{"mode", std::string("reflect")}}),
            b.node("DepthToSpace", {x}, {{"blocksize", std::int64_t{2}}, {"mode", std::string("CRD")}}),
            b.node("DepthToSpace", {x}, {{"blocksize", std::int64_t{2}}}),
            b.node("SpaceToDepth", {x}, {{"blocksize", std::int64_t{2}}}),
            b.node("Concat", {x, x, x}, {{"axis", std::int64_t{2}}}),
            b.node("Concat", {x, x}, {{"axis", std::int64_t{-1}}}),
        };
        for (const ValueId y : made) b.output(on_grid(y));
        // Joined where other dimensions than 1 stand before it.
        const ValueId wide = on_grid(reshaped(b, x, {1, 4, 5, 6, 8}));
        b.output(on_grid(b.node("Concat", {wide, wide}, {{"axis", std::int64_t{3}}})));
        check(b, b.random_tensor({1, 20, 6, 8}, -5, 7), {scale, 0.01, {"move", "concat"}});
    }
}

TEST(Lowering, FlattenedMeans) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 40, 7, 7}), 0.05F, 90);
    const ValueId mean = b.quantize(b.node("GlobalAveragePool", {x}), 0.02F, 100);
    const ValueId flat = b.quantize(b.node("Flatten", {mean}), 0.02F, 100);
    b.output(b.node("Softmax", {flat}));
    check(b, b.random_tensor({1, 40, 7, 7}, -3, 4), {1, 1, {"avgpool", "dequantize", "Softmax"}, false});
    EXPECT_EQ(count_of(kernels_of(b.graph, kernels::needs::reference), "move"), 0);
}

TEST(Lowering, SqueezeAndExcitation) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 24, 14, 13}), 0.05F, 60);
    const ValueId mean = b.quantize(b.node("GlobalAveragePool", {x}), 0.02F, 40);
    const ValueId squeezed = b.quantize(b.node("Relu", {b.conv(mean, 24, 8, 1, 1, 0.02F, 0.004F)}), 0.02F, 0);
    const ValueId excited = b.quantize(b.conv(squeezed, 8, 24, 1, 1, 0.02F, 0.01F), 0.03F, 128);
    const ValueId gate = b.quantize(b.node("HardSigmoid", {excited}), 1.0F / 256, 0);
    b.output(b.quantize(b.node("Mul", {x, gate}), 0.04F, 50));
    check(b, b.random_tensor({1, 24, 14, 13}, -3, 9), {0.04F, 4.01, {"avgpool", "conv", "lut", "mul"}});
}

// As far below the output's range as 16 bits reach with fewer fractional bits, which the slope brings back.
TEST(Lowering, LeakySumOfCoarseGrids) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.02F, 255);
    b.output(b.quantize(b.node("LeakyRelu", {b.node("Add", {x, x})}, {{"alpha", 0.05F}}), 0.004F, 255));
    check(b, b.random_tensor({1, 8, 6, 6}, -5, 0), {0.004F, 1.01, {"add"}});
}

// The smaller operand on either side: a gate of squeeze-and-excitation, an offset a channel, a mask, one number.
TEST(Lowering, ProductsAndSumsRepeatTheSmallerOperand) {
    for (const Shape& smaller : {Shape{1, 20, 6, 7}, Shape{1, 20, 1, 1}, Shape{1, 1, 6, 7}, Shape{1, 1, 1, 1}}) {
        for (const bool first : {true, false}) {
            QuantizedGraph b;
            const ValueId x = b.quantize(b.input({1, 20, 6, 7}), 0.05F, 100);
            const ValueId y = b.quantize(b.node("Sigmoid", {b.quantize(b.graph.add_input("y", DType::float32, smaller),
                                                                       0.02F, -20, DType::int8)}),
                                         1.0F / 256, 0);
            const std::vector<ValueId> operands = first ? std::vector{y, x} : std::vector{x, y};
            const ValueId product = b.quantize(b.node("Mul", operands), 0.04F, 3, DType::int8);
            const ValueId relu = b.quantize(b.node("Relu", {b.node("Mul", {product, y})}), 0.03F, 10);
            const ValueId sum = b.quantize(b.node("Add", operands), 0.06F, 90);
            b.output(product);
            b.output(relu);
            b.output(sum);
            check(b, {b.random_tensor({1, 20, 6, 7}, -5, 7), b.random_tensor(smaller, -2, 2)},
                  {0.03F, 2.01, {"mul", "add", "lut"}});
        }
    }
}

TEST(Lowering, WideLogitsThroughSigmoid) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.05F, 100);
    const ValueId logits =
        b.quantize(b.node("HardSwish", {b.conv(x, 8, 2, 3, 1, 0.05F, 0.001F)}), 1.0F / 1024, 0, DType::int16);
    b.output(b.node("Sigmoid", {logits}));
    check(b, b.random_tensor({1, 8, 6, 6}, -5, 7), {1.0F / 1024, 1.01, {"conv", "sigmoid"}});
}

// Finer or coarser than the table of the sigmoid in fixed point.
TEST(Lowering, WideLogitsInOtherStepsRunInFloat) {
    for (const float step : {1.0F / 8192, 2.0F}) {
        QuantizedGraph b;
        const ValueId logits = b.quantize(b.input({1, 8, 6, 6}), step, 0, DType::int16);
        b.output(b.node("Sigmoid", {logits}));
        check(b, b.random_tensor({1, 8, 6, 6}, -3, 3), {1, 0, {"Sigmoid_float"}, false});

        QuantizedGraph detection;
        const ValueId level = detection.quantize(detection.input({1, 14, 6, 4}), step, 0, DType::int16);
        detection.output(detection.node(
            "Detect", {level}, {{"strides", std::vector<float>{8}}, {"anchors", std::vector<float>{4, 6, 8, 12}}}));
        check(detection, detection.random_tensor({1, 14, 6, 4}, -3, 3), {1, 0, {"Detect_float"}, false});
    }
}

TEST(Lowering, WideLogitsOfPhases) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 5}), 0.05F, 100);
    const ValueId logits =
        b.quantize(b.node("HardSwish", {b.conv(x, 8, 8, 3, 1, 0.05F, 0.001F)}), 1.0F / 1024, 0, DType::int16);
    b.output(b.node(
        "Sigmoid", {b.node("DepthToSpace", {logits}, {{"blocksize", std::int64_t{2}}, {"mode", std::string("CRD")}})}));
    check(b, b.random_tensor({1, 8, 6, 5}, -5, 7), {1.0F / 1024, 1.01, {"conv", "sigmoid"}});
}

TEST(Lowering, DetectionsInFixedPoint) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 4}), 0.05F, 100);
    std::vector<ValueId> levels;
    for (int i = 0; i < 2; ++i)
        levels.push_back(b.quantize(b.conv(x, 8, 14, 1, 1 + i, 0.05F, 0.001F), 1.0F / 1024, 0, DType::int16));
    b.output(
        b.node("Detect", levels,
               {{"strides", std::vector<float>{8, 16}}, {"anchors", std::vector<float>{4, 6, 8, 12, 30, 40, 60, 20}}}));
    // Coordinates of up to 100 pixels: 0.1 pixel.
    check(b, b.random_tensor({1, 8, 6, 4}, -5, 7), {0.1F, 1.01, {"conv", "detect_decode"}});
}

TEST(Lowering, PixelsEnterExactly) {
    QuantizedGraph b;
    const ValueId image = b.input({1, 3, 12, 10});
    const std::vector<float> deviation = {58.395F, 57.12F, 57.375F}, mean = {123.675F, 116.28F, 103.53F};
    const ValueId scaled = b.node("Mul", {image, b.constant(Tensor::from<float>({1, 3, 1, 1}, deviation))});
    const ValueId shifted = b.node("Add", {scaled, b.constant(Tensor::from<float>({1, 3, 1, 1}, mean))});
    const ValueId q = b.node("QuantizeLinear",
                             {shifted, b.constant(Tensor::scalar(1.0F)), b.constant(Tensor::scalar<std::uint8_t>(0))});
    const ValueId pixels = b.node("DequantizeLinear",
                                  {q, b.constant(Tensor::from<float>({3}, {1, 1, 1})),
                                   b.constant(Tensor::from<std::uint8_t>({3}, {124, 116, 104}))},
                                  {{"axis", std::int64_t{1}}});
    b.output(b.quantize(b.conv(pixels, 3, 8, 3, 2, 1.0F, 0.0005F), 0.1F, 128));

    Tensor raw(DType::uint8, {1, 12, 10, 3});
    Tensor normalized(DType::float32, {1, 3, 12, 10});
    for (int i = 0; i < 120; ++i) {
        for (int c = 0; c < 3; ++c) {
            const auto value = static_cast<std::uint8_t>((i * 37 + c * 91) % 256);
            raw.mutable_data<std::uint8_t>()[static_cast<std::size_t>(i * 3 + c)] = value;
            normalized.mutable_data<float>()[static_cast<std::size_t>(c * 120 + i)] =
                (static_cast<float>(value) - mean[static_cast<std::size_t>(c)]) /
                deviation[static_cast<std::size_t>(c)];
        }
    }
    check(b, normalized, {0.1F, 1.01, {"pixels", "conv"}});
    const auto from_float = run_plan(b.graph, kernels::needs::reference, 1, {normalized});
    const auto from_pixels = run_plan(b.graph, kernels::needs::reference, 1, {raw});
    EXPECT_TRUE(identical(from_float[0], from_pixels[0]));
}

// 16-bit activations from layer to layer: written by a convolution, sliced by a Concat, enlarged, read by a
// convolution.
TEST(Lowering, WideActivationsStayOnIntegers) {
    constexpr float step = 1.0F / 64;
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 9, 11}), 0.05F, 100);
    const ValueId swish =
        b.quantize(b.node("HardSwish", {b.conv(x, 8, 6, 3, 1, 0.05F, 0.002F)}), step, 0, DType::int16);
    const ValueId leaky = b.quantize(b.node("LeakyRelu", {b.conv(x, 8, 4, 1, 1, 0.05F, 0.004F)}, {{"alpha", 0.1F}}),
                                     step, 0, DType::int16);
    const ValueId both =
        b.quantize(b.node("Concat", {swish, leaky}, {{"axis", std::int64_t{1}}}), step, 0, DType::int16);
    const ValueId large =
        b.quantize(b.node("Resize", {both, no_value, b.constant(Tensor::from<float>({4}, {1, 1, 2, 2}))},
                          {{"mode", std::string("nearest")},
                           {"coordinate_transformation_mode", std::string("asymmetric")},
                           {"nearest_mode", std::string("floor")}}),
                   step, 0, DType::int16);
    b.output(b.quantize(b.conv(large, 10, 7, 3, 1, step, 0.001F), 0.25F, 120));
    check(b, b.random_tensor({1, 8, 9, 11}, -5, 7),
          {0.25F, 1.5, {"conv_u8s8", "conv_u8s8", "resize_nearest", "conv_s16s8"}});
}

TEST(Lowering, AutomaticPadding) {
    for (const char* auto_pad : {"VALID", "SAME_UPPER", "SAME_LOWER"}) {
        QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 8, 8, 11}), 0.05F, 100);
        const ValueId convolved = b.conv(x, 8, 8, 3, 2, 0.05F, 0.002F);
        Attributes& attributes = b.graph.node(b.graph.producer(convolved)).attributes;
        attributes.erase("pads");
        attributes.set("auto_pad", std::string(auto_pad));
        const ValueId y = b.quantize(convolved, 0.1F, 120);
        b.output(b.quantize(b.node("MaxPool", {y},
                                   {{"kernel_shape", std::vector<std::int64_t>{2, 3}},
                                    {"strides", std::vector<std::int64_t>{1, 2}},
                                    {"auto_pad", std::string(auto_pad)}}),
                            0.1F, 120));
        check(b, b.random_tensor({1, 8, 8, 11}, -5, 7), {0.1F, 1.01, {"conv_u8s8", "maxpool"}});
    }
}

// A window that lies in the padding alone has no largest pixel.
TEST(Lowering, PoolingWithMorePaddingThanKernelRunsInFloat) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 5, 5}), 0.05F, 100);
    b.output(b.quantize(
        b.node("MaxPool", {x},
               {{"kernel_shape", std::vector<std::int64_t>{2, 2}}, {"pads", std::vector<std::int64_t>{0, 2, 0, 0}}}),
        0.05F, 100));
    check(b, b.random_tensor({1, 8, 5, 5}, -5, 7), {0.05F, 0.01, {"MaxPool_float"}, false});
}

TEST(Lowering, ClipWhoseBoundsCrossGivesTheUpperOne) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 5, 9}), 0.05F, 100);
    const ValueId clipped = b.node("Clip", {b.conv(x, 8, 40, 3, 1, 0.05F, 0.002F), b.constant(Tensor::scalar(2.0F)),
                                            b.constant(Tensor::scalar(-1.0F))});
    b.output(b.quantize(clipped, 0.1F, 120));
    const Tensor input = b.random_tensor({1, 8, 5, 9}, -5, 7);
    check(b, input, {0.1F, 1.01, {"conv_u8s8"}});
    const auto outputs = run_plan(b.graph, kernels::needs::reference, 1, {input});
    for (float y : outputs[0].data<float>()) EXPECT_EQ(y, -1.0F);
}

TEST(Lowering, ShortcutThatGivesTheSumItsSizeRunsInFloat) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 5}), 0.05F, 100);
    const ValueId row = b.node("MaxPool", {x}, {{"kernel_shape", std::vector<std::int64_t>{6, 5}}});
    const ValueId gate = b.conv(b.quantize(row, 0.05F, 100), 8, 8, 1, 1, 0.05F, 0.002F);
    b.output(b.quantize(b.node("Add", {gate, x}), 0.1F, 120));
    check(b, b.random_tensor({1, 8, 6, 5}, -5, 7), {0.1F, 1.01, {"Add_float"}, false});
}

// Scaled by the DequantizeLinear.
TEST(Lowering, WideTensorsReadOnAnotherGridHaveThat) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 5}), 0.05F, 100);
    const ValueId wide = b.quantize(b.conv(x, 8, 8, 1, 1, 0.05F, 0.002F), 1.0F / 256, 0, DType::int16);
    Node& dequantize = b.graph.node(b.graph.producer(wide));
    dequantize.inputs[1] = b.constant(Tensor::scalar(1.0F / 128));
    b.output(b.quantize(b.conv(wide, 8, 8, 1, 1, 1.0F / 128, 0.002F), 0.2F, 120));
    check(b, b.random_tensor({1, 8, 6, 5}, -5, 7), {0.2F, 1.01, {"conv_s16s8"}});
}

// A shortcut has one zero point.
TEST(Lowering, PixelsAsAShortcutRunInFloat) {
    QuantizedGraph b;
    const ValueId q = b.node("QuantizeLinear", {b.input({1, 3, 6, 5}), b.constant(Tensor::scalar(1.0F)),
                                                b.constant(Tensor::scalar<std::uint8_t>(0))});
    const ValueId pixels = b.node("DequantizeLinear",
                                  {q, b.constant(Tensor::from<float>({3}, {1, 1, 1})),
                                   b.constant(Tensor::from<std::uint8_t>({3}, {124, 116, 104}))},
                                  {{"axis", std::int64_t{1}}});
    b.output(b.quantize(b.node("Add", {b.conv(pixels, 3, 3, 1, 1, 1.0F, 0.0005F), pixels}), 1, 128));
    check(b, b.random_tensor({1, 3, 6, 5}, 0, 255), {1, 1.01, {"Add_float"}, false});
}

TEST(Lowering, PixelsThatTheNormalizationRepeatsRunInFloat) {
    QuantizedGraph b;
    const ValueId scaled =
        b.node("Mul", {b.input({1, 1, 4, 6}), b.constant(Tensor::from<float>({1, 3, 1, 1}, {50, 60, 70}))});
    b.output(b.quantize(scaled, 1, 0));
    check(b, b.random_tensor({1, 1, 4, 6}, 0, 3), {1, 0.01, {"Mul_float"}, false});
}

TEST(Lowering, FloatOperatorInTheMiddleIsReported) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.05F, 100);
    b.output(b.quantize(b.node("Max", {x, x}), 0.2F, 0));
    check(b, b.random_tensor({1, 8, 6, 6}, -5, 7), {0.2F, 0.01, {"Max_float"}, false});
}

TEST(Lowering, AbsentInputsAreNotFreed) {
    QuantizedGraph b;
    const ValueId scales = b.graph.add_constant("scales", Tensor::from<float>({4}, {1, 1, 2, 2}));
    b.output(b.node("Resize", {b.input({1, 2, 3, 3}), no_value, scales},
                    {{"mode", std::string("nearest")}, {"coordinate_transformation_mode", std::string("asymmetric")}}));
    ASSERT_TRUE(infer_shapes(b.graph).has_value());
    const auto executable = compile(b.graph);
    ASSERT_TRUE(executable.has_value()) << executable.error().message;
    const auto session =
        Session::create(*executable, {1})->run(std::vector<Tensor>{Tensor(DType::float32, {1, 2, 3, 3})});
    EXPECT_TRUE(session.has_value());
}

TEST(Session, RefusesInputsOfAnotherShape) {
    QuantizedGraph b;
    b.output(b.quantize(b.input({1, 8, 6, 6}), 0.05F, 100));
    auto session = Session::create(compile(b.graph).value());
    ASSERT_TRUE(session.has_value()) << session.error().message;
    const auto wrong = session->run(std::vector<Tensor>{Tensor(DType::float32, {1, 8, 6, 5})});
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().message, "input 'x' is float32 1x8x6x6, but float32 1x8x6x5 was given");
    EXPECT_FALSE(session->run({}).has_value());
}

TEST(Session, KeepsResultsOfEarlierRuns) {
    QuantizedGraph b;
    b.output(b.quantize(b.input({1, 1, 1, 1}), 1, 0));
    auto session = Session::create(compile(b.graph).value());
    ASSERT_TRUE(session.has_value());
    const auto three = session->run(std::vector<Tensor>{Tensor::from<float>({1, 1, 1, 1}, {3})});
    const auto four = session->run(std::vector<Tensor>{Tensor::from<float>({1, 1, 1, 1}, {4})});
    EXPECT_EQ((*three)[0].data<float>()[0], 3);
    EXPECT_EQ((*four)[0].data<float>()[0], 4);
}

}  // namespace
}  // namespace octet::engine
