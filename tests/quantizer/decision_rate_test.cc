// Biases of two-class maps that are wrong on purpose: those of a rare class are brought back to the float network's
// decisions.

#include "quantizer/decision_rate.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/compile.h"
#include "frontends/onnx/exporter.h"
#include "graph/ops/infer.h"
#include "quantizer/quantize_job.h"
#include "tests/program.h"
#include "tests/quantizer/random_pictures.h"

namespace octet::quantizer {
namespace {

constexpr std::int64_t size = 32;

// Whether a channel in front of DepthToSpace is of the second class.
bool is_second(const std::string& mode, std::size_t channel) {
    return mode == "CRD" ? channel >= 4 : channel % 2 == 1;
}

// images [1,3,32,32] → Conv → DepthToSpace → Sigmoid → masks [1,2,64,64]
// `rare`: how much less the second class is given.
Graph masks(const std::string& mode, float rare) {
    Graph graph;
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 0.3F);
    std::vector<float> weights(8 * 3 * 9), bias;
    for (float& w : weights) w = normal(random);
    for (std::size_t c = 0; c < 8; ++c) bias.push_back(is_second(mode, c) ? -rare / 2 : rare / 2);
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

class DecisionRates : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override { save_random_pictures(folder_ / "images", 2, size, size); }

    // The rates where the quantized biases are wrong by 0.2 each.
    std::vector<DecisionRate> match(float rare) {
        Graph graph = masks(GetParam(), rare);
        EXPECT_TRUE(onnx::save(graph, folder_ / "model.onnx"));
        QuantizeJob job;
        job.model = folder_ / "model.onnx";
        job.images = folder_ / "images";
        job.output = folder_ / "int8.onnx";
        job.threads = 1;
        auto outcome = run_quantize_job(job, [](auto, auto, auto) {});
        if (!outcome || outcome->model.layers.size() != 1) {
            ADD_FAILURE() << (outcome ? "not one layer" : outcome.error().message);
            return {};
        }
        quant::LayerWeights& layer = outcome->model.layers.begin()->second;
        const auto bias = layer.bias.mutable_data<std::int32_t>();
        for (std::size_t c = 0; c < bias.size(); ++c)
            bias[c] += static_cast<std::int32_t>((is_second(GetParam(), c) ? -0.2F : 0.2F) / layer.bias_scale(c));
        wrong_ = layer.bias;
        auto floats = engine::Session::create(engine::compile(std::move(graph)).value(), {.threads = 1}).value();
        const quant::Dataset dataset{16, [](std::int64_t i) -> Result<Tensor> {
                                         Tensor image(DType::float32, {1, 3, size, size});
                                         std::mt19937 pixels(static_cast<unsigned>(i));
                                         std::normal_distribution<float> normal;
                                         for (float& value : image.mutable_data<float>()) value = normal(pixels);
                                         return image;
                                     }};
        auto rates = match_decision_rates(outcome->model, floats, dataset, dataset.size, 1, [](auto, auto) {});
        EXPECT_TRUE(rates);
        result_ = layer.bias;
        return rates ? std::move(*rates) : std::vector<DecisionRate>();
    }

    TemporaryFolder folder_;
    Tensor wrong_, result_;  // biases
};

TEST_P(DecisionRates, OfARareClassAreThoseOfTheFloatNetwork) {
    const auto rates = match(4.2F);
    ASSERT_EQ(rates.size(), 1U);
    const DecisionRate& rate = rates.front();
    EXPECT_EQ(rate.pixels, 16 * 64 * 64);
    EXPECT_LT(rate.before, 0.95 * static_cast<double>(rate.in_float));
    EXPECT_NEAR(static_cast<double>(rate.after), static_cast<double>(rate.in_float),
                0.005 * static_cast<double>(rate.in_float));
}

TEST_P(DecisionRates, OfAFrequentClassAreLeft) {
    EXPECT_TRUE(match(0).empty());
    EXPECT_TRUE(identical(wrong_, result_));
}

INSTANTIATE_TEST_SUITE_P(Modes, DecisionRates, testing::Values("CRD", "DCR"));

}  // namespace
}  // namespace octet::quantizer
