// Biases of two-class maps that are wrong on purpose are brought back to the float network's decisions.

#include "quantizer/decision_rate.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/compile.h"
#include "frontends/onnx/exporter.h"
#include "graph/ops/infer.h"
#include "quantizer/quantize_job.h"
#include "tests/program.h"
#include "vision/png.h"

namespace octet::quantizer {
namespace {

constexpr std::int64_t size = 32;

// images [1,3,32,32] → Conv → DepthToSpace → Sigmoid → masks [1,2,64,64]
Graph masks(const std::string& mode) {
    Graph graph;
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 0.3F);
    std::vector<float> weights(8 * 3 * 9), bias(8, 0.05F);
    for (float& w : weights) w = normal(random);
    const ValueId x = graph.add_input("images", DType::float32, {1, 3, size, size});
    const ValueId w = graph.add_constant("w", Tensor::from<float>({8, 3, 3, 3}, weights));
    const ValueId b = graph.add_constant("b", Tensor::from<float>({8}, bias));
    const auto node = [&](const char* op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        return graph.node(graph.add_node(op, op, std::move(inputs), {std::string(op) + "_out"}, std::move(attributes)))
            .outputs[0];
    };
    const ValueId conv = node("Conv", {x, w, b}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
    const ValueId deep = node("DepthToSpace", {conv}, {{"blocksize", std::int64_t{2}}, {"mode", mode}});
    graph.outputs = {node("Sigmoid", {deep})};
    EXPECT_TRUE(infer_shapes(graph));
    return graph;
}

class DecisionRates : public testing::TestWithParam<const char*> {};

TEST_P(DecisionRates, OfAWrongBiasAreThoseOfTheFloatNetwork) {
    const TemporaryFolder folder;
    std::mt19937 random(5);
    for (const char* name : {"a", "b"}) {
        vision::Image image(size, size, 3);
        for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(random() % 256);
        ASSERT_TRUE(vision::save_png(image, folder / ("images/" + std::string(name) + ".png")));
    }
    Graph graph = masks(GetParam());
    ASSERT_TRUE(onnx::save(graph, folder / "model.onnx"));
    QuantizeJob job;
    job.model = folder / "model.onnx";
    job.images = folder / "images";
    job.output = folder / "int8.onnx";
    job.threads = 1;
    auto outcome = run_quantize_job(job, [](auto, auto, auto) {});
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_EQ(outcome->decision_rates.size(), 1U);

    ASSERT_EQ(outcome->model.layers.size(), 1U);
    quant::LayerWeights& layer = outcome->model.layers.begin()->second;
    const auto bias = layer.bias.mutable_data<std::int32_t>();
    for (std::size_t c = 0; c < bias.size(); ++c) {
        const bool second = std::string(GetParam()) == "CRD" ? c >= 4 : c % 2 == 1;
        bias[c] += static_cast<std::int32_t>((second ? -0.2F : 0.2F) / layer.bias_scale(c));
    }
    auto floats = engine::Session::create(engine::compile(std::move(graph)).value(), {.threads = 1}).value();
    const quant::Dataset dataset{4, [](std::int64_t i) -> Result<Tensor> {
                                     Tensor image(DType::float32, {1, 3, size, size});
                                     std::mt19937 pixels(static_cast<unsigned>(i));
                                     std::normal_distribution<float> normal;
                                     for (float& value : image.mutable_data<float>()) value = normal(pixels);
                                     return image;
                                 }};
    const auto rates = match_decision_rates(outcome->model, floats, dataset, 4, 1, [](auto, auto) {});
    ASSERT_TRUE(rates) << rates.error().message;
    ASSERT_EQ(rates->size(), 1U);
    const DecisionRate& rate = rates->front();
    EXPECT_EQ(rate.pixels, 4 * 64 * 64);
    EXPECT_LT(rate.before, 0.95 * static_cast<double>(rate.in_float));
    EXPECT_NEAR(static_cast<double>(rate.after), static_cast<double>(rate.in_float),
                0.005 * static_cast<double>(rate.in_float));
}

INSTANTIATE_TEST_SUITE_P(Modes, DecisionRates, testing::Values("CRD", "DCR"));

}  // namespace
}  // namespace octet::quantizer
