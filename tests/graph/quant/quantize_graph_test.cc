#include "graph/quant/quantize_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "graph/ir/verify.h"
#include "graph/ops/evaluator.h"
#include "tests/graph/quant/tiny_network.h"

namespace octet::quant {
namespace {

using testing::random_picture;
using testing::TinyNetwork;

Dataset pictures(const std::vector<unsigned>& seeds) {
    const auto count = static_cast<std::int64_t>(seeds.size());
    return {count,
            [seeds](std::int64_t i) -> Result<Tensor> { return random_picture(seeds[static_cast<std::size_t>(i)]); }};
}

void two_threads(std::int64_t count, const std::function<void(std::int64_t)>& body) {
    const auto half = [&](std::int64_t parity) {
        for (std::int64_t i = parity; i < count; i += 2) body(i);
    };
    std::thread other(half, 1);
    half(0);
    other.join();
}

struct Quantized {
    QuantModel model;
    Calibration calibration;
    Refinement refinement;
    Graph qdq;
};

Quantized quantize_tiny(const QuantizeOptions& options, const Dataset& dataset, Graph graph = TinyNetwork().graph) {
    Quantized result;
    result.model = prepare_model(std::move(graph), options).value();
    result.calibration = calibrate(result.model.graph, calibrated_values(result.model), dataset,
                                   {.parallel_for = options.parallel_for, .progress = {}})
                             .value();
    choose_grids(result.model, result.calibration, options);
    result.refinement = finish_model(result.model, dataset, options).value();
    result.qdq = to_qdq(result.model).value();
    EXPECT_TRUE(verify(result.qdq).has_value());
    EXPECT_TRUE(infer_shapes(result.qdq).has_value());
    return result;
}

Tensor run(const Graph& graph, const Tensor& input) {
    auto outputs = evaluate(graph, std::vector<Tensor>{input});
    EXPECT_TRUE(outputs.has_value()) << (outputs ? "" : outputs.error().message);
    return outputs ? (*outputs)[0] : Tensor();
}

double largest_difference(const Tensor& a, const Tensor& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.data<float>().size(); ++i) {
        largest = std::max(largest, std::fabs(static_cast<double>(a.data<float>()[i]) - b.data<float>()[i]));
    }
    return largest;
}

double output_sqnr_db(const Graph& expected, const Graph& actual, unsigned seed) {
    Fidelity fidelity;
    fidelity.add(run(expected, random_picture(seed)).data<float>(), run(actual, random_picture(seed)).data<float>());
    return fidelity.sqnr_db();
}

TEST(Prepare, HoistedActivationsKeepTheOutput) {
    const TinyNetwork network;
    Graph hoisted = network.graph;
    EXPECT_EQ(hoist_activations(hoisted), 1);
    ASSERT_TRUE(verify(hoisted).has_value());
    const Tensor picture = random_picture(1);
    EXPECT_EQ(largest_difference(run(network.graph, picture), run(hoisted, picture)), 0.0);
    EXPECT_EQ(hoist_activations(hoisted), 0);
}

TEST(Prepare, NormalizationFoldsIntoTheFirstConvolutionExactlyInTheInterior) {
    const TinyNetwork network;
    Graph folded = network.graph;
    const auto pixel = fold_normalization(folded, Normalization{});
    ASSERT_TRUE(pixel.has_value());
    EXPECT_EQ(pixel->zero_points, (std::array<std::int32_t, 3>{124, 116, 104}));
    ASSERT_TRUE(verify(folded).has_value());
    ASSERT_TRUE(infer_shapes(folded).has_value());
    const auto stem_of = [&](const Graph& graph) {
        Tensor stem;
        EvaluateOptions options;
        options.observer = [&](ValueId id, const Tensor& tensor) {
            if (graph.value(id).name == "stem_out") stem = tensor;
        };
        EXPECT_TRUE(evaluate(graph, std::vector<Tensor>{random_picture(3)}, options).has_value());
        return stem;
    };
    const Tensor before = stem_of(network.graph);
    const Tensor after = stem_of(folded);
    for (std::size_t i = 0; i < before.data<float>().size(); ++i) {
        const bool border = i / 8 % 8 == 0 || i % 8 == 0;  // padding is only above and on the left with stride 2
        EXPECT_NEAR(before.data<float>()[i], after.data<float>()[i], border ? 0.05 : 1e-5) << i;
    }
}

TEST(Quantize, BestIsCloseToFloatOnUnseenPictures) {
    const auto result = quantize_tiny({}, pictures({1, 2, 3, 4}));
    const TinyNetwork network;
    Fidelity fidelity;
    for (unsigned seed = 100; seed < 108; ++seed) {
        fidelity.add(run(network.graph, random_picture(seed)).data<float>(),
                     run(result.qdq, random_picture(seed)).data<float>());
    }
    EXPECT_GT(fidelity.sqnr_db(), 38);
}

// Of a layer without layers before it.
TEST(Quantize, TheFileComputesWhatTheSimulationMeasured) {
    const auto result = quantize_tiny({}, pictures({1}));
    const auto first = std::find_if(result.refinement.layers.begin(), result.refinement.layers.end(),
                                    [](const LayerFidelity& layer) { return layer.op.starts_with("Conv"); });
    ASSERT_NE(first, result.refinement.layers.end());
    const std::string name = result.model.graph.value(first->value).name;
    const auto value_of = [](const Graph& graph, const std::string& wanted) {
        Tensor found;
        EvaluateOptions options;
        options.observer = [&](ValueId id, const Tensor& tensor) {
            if (graph.value(id).name == wanted) found = tensor;
        };
        EXPECT_TRUE(evaluate(graph, std::vector<Tensor>{random_picture(1)}, options).has_value());
        return found;
    };
    Fidelity fidelity;
    fidelity.add(value_of(result.model.graph, name).data<float>(),
                 value_of(result.qdq, name + "_dequantized").data<float>());
    EXPECT_NEAR(fidelity.sqnr_db(), first->alone.sqnr_db(), 0.1);
}

TEST(Quantize, BestUsesTheFormOfTheContract) {
    const auto result = quantize_tiny({}, pictures({1, 2}));
    const Graph& qdq = result.qdq;
    for (const NodeId id : qdq.topological_order()) {
        const Node& node = qdq.node(id);
        if (node.op != "Conv") continue;
        for (const ValueId input : node.inputs) {
            ASSERT_EQ(qdq.node(qdq.producer(input)).op, "DequantizeLinear") << node.name;
        }
        const Node& weights = qdq.node(qdq.producer(node.inputs[1]));
        EXPECT_EQ(qdq.constant(weights.inputs[0])->dtype(), DType::int8);
        EXPECT_EQ(weights.attributes.integer("axis", 1), 0);
        const Node& bias = qdq.node(qdq.producer(node.inputs[2]));
        EXPECT_EQ(qdq.constant(bias.inputs[0])->dtype(), DType::int32);
        const Node& data = qdq.node(qdq.producer(node.inputs[0]));
        const auto input_scale = qdq.constant(data.inputs[1])->to_float()[0];
        const auto weight_scales = qdq.constant(weights.inputs[1])->to_float();
        const auto bias_scales = qdq.constant(bias.inputs[1])->to_float();
        for (std::size_t c = 0; c < bias_scales.size(); ++c) {
            EXPECT_EQ(bias_scales[c], input_scale * weight_scales[c]) << node.name;
        }
    }
    const ValueId pixels = qdq.find_value("images_pixels_out_quantized");
    ASSERT_NE(pixels, no_value);
    EXPECT_EQ(qdq.value(pixels).dtype, DType::uint8);
    const ValueId head = qdq.find_value("head_act_out_quantized");
    ASSERT_NE(head, no_value);
    EXPECT_EQ(qdq.value(head).dtype, DType::int16);
}

TEST(Quantize, ReferenceQuantizesGraphOutputsUnderTheirNames) {
    const auto result = quantize_tiny({.recipe = Recipe::reference}, pictures({1, 2, 3}));
    EXPECT_EQ(result.qdq.value(result.qdq.outputs[0]).name, "mask_out");
    EXPECT_EQ(result.qdq.node(result.qdq.producer(result.qdq.outputs[0])).op, "DequantizeLinear");
    EXPECT_GT(output_sqnr_db(TinyNetwork().graph, result.qdq, 1), 20);
}

// Spikes make entropy cut; what enters and leaves the network is not to be cut.
TEST(Quantize, TheBordersKeepTheirRangeWhateverTheMethod) {
    const auto result =
        quantize_tiny({.recipe = Recipe::reference, .range = {.method = Method::entropy}}, pictures({1, 2}));
    for (const ValueId value : {result.model.graph.inputs[0], result.model.graph.outputs[0]}) {
        const Extent& extent = result.calibration.values[static_cast<std::size_t>(value)].extent;
        const Range range = reach(*result.model.grid(value));
        EXPECT_LE(range.lo, extent.lo * 0.99F);
        EXPECT_GE(range.hi, extent.hi * 0.99F);
    }
}

TEST(Quantize, TheResultDependsNeitherOnTheThreadsNorOnTheOrderOfTheImages) {
    const auto one = quantize_tiny({}, pictures({1, 2, 3, 4, 5}));
    QuantizeOptions threaded;
    threaded.parallel_for = two_threads;
    const auto two = quantize_tiny(threaded, pictures({1, 2, 3, 4, 5}));
    const auto shuffled = quantize_tiny({}, pictures({4, 1, 5, 3, 2}));
    EXPECT_EQ(one.model.grids, two.model.grids);
    EXPECT_EQ(one.model.grids, shuffled.model.grids);
    for (const auto& [id, layer] : one.model.layers) {
        EXPECT_TRUE(identical(layer.bias, two.model.layers.at(id).bias)) << one.model.graph.node(id).name;
        EXPECT_TRUE(identical(layer.weights.integers, two.model.layers.at(id).weights.integers));
    }
}

TEST(Quantize, BiasCorrectionRemovesTheMeanError) {
    QuantizeOptions options;
    options.refine_images = 0;
    const auto plain = quantize_tiny(options, pictures({1, 2, 3, 4, 5, 6, 7, 8}));
    const auto corrected = quantize_tiny({}, pictures({1, 2, 3, 4, 5, 6, 7, 8}));
    const auto mean_error = [](const Quantized& quantized) {
        double sum = 0;
        for (unsigned seed = 1; seed <= 8; ++seed) {
            const Tensor expected = run(quantized.model.graph, random_picture(seed));
            const Tensor actual = run(quantized.qdq, random_picture(seed));
            for (std::size_t i = 0; i < 64; ++i) sum += expected.data<float>()[i] - actual.data<float>()[i];
        }
        return std::fabs(sum);
    };
    EXPECT_LT(mean_error(corrected), mean_error(plain));
}

TEST(Quantize, RefusesAQuantizedModel) {
    const auto result = quantize_tiny({}, pictures({1}));
    const auto again = prepare_model(result.qdq, {});
    ASSERT_FALSE(again.has_value());
    EXPECT_NE(again.error().message.find("quantized already"), std::string::npos);
}

TEST(Quantize, NamesTheNodeWithWeightsThatAreNotFinite) {
    TinyNetwork network;
    const ValueId weights = network.graph.find_value("left_w");
    Tensor broken = *network.graph.constant(weights);
    broken.mutable_data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
    network.graph.value(weights).constant = broken;
    QuantizeOptions options;
    auto model = prepare_model(network.graph, options);
    ASSERT_FALSE(model.has_value());
    EXPECT_NE(model.error().message.find("left"), std::string::npos) << model.error().message;
}

TEST(Quantize, NamesTheNodeWithActivationsThatAreNotFinite) {
    TinyNetwork network;
    const ValueId weights = network.graph.find_value("cv1_w");
    Tensor huge = *network.graph.constant(weights);
    for (float& value : huge.mutable_data<float>()) value = 3e38F;
    network.graph.value(weights).constant = huge;
    auto model = prepare_model(network.graph, {});
    ASSERT_TRUE(model.has_value()) << model.error().message;
    const auto calibration = calibrate(model->graph, calibrated_values(*model), pictures({1}), {});
    ASSERT_FALSE(calibration.has_value());
    EXPECT_NE(calibration.error().message.find("cv1"), std::string::npos) << calibration.error().message;
}

TEST(Quantize, AnEmptySetOfImagesIsRefused) {
    auto model = prepare_model(TinyNetwork().graph, {}).value();
    const auto calibration = calibrate(model.graph, calibrated_values(model), pictures({}), {});
    ASSERT_FALSE(calibration.has_value());
    EXPECT_EQ(calibration.error().code, ErrorCode::invalid_argument);
}

TEST(Quantize, AConstantTensorAndAChannelOfZerosPass) {
    TinyNetwork network;
    const ValueId weights = network.graph.find_value("cv1_w");
    Tensor zeros = *network.graph.constant(weights);
    for (float& value : zeros.mutable_data<float>()) value = 0;
    network.graph.value(weights).constant = zeros;
    const ValueId right = network.graph.find_value("right_w");
    Tensor one_channel = *network.graph.constant(right);
    for (std::size_t i = 0; i < 8; ++i) one_channel.mutable_data<float>()[i] = 0;
    network.graph.value(right).constant = one_channel;
    const auto result = quantize_tiny({}, pictures({1, 2}), network.graph);
    EXPECT_GT(output_sqnr_db(network.graph, result.qdq, 1), 35);
}

}  // namespace
}  // namespace octet::quant
