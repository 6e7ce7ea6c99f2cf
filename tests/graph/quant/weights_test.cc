#include "graph/quant/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

namespace octet::quant {
namespace {

Tensor random_weights(Shape shape, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 1);
    Tensor tensor(DType::float32, std::move(shape));
    for (float& value : tensor.mutable_data<float>()) value = normal(random);
    return tensor;
}

// Without a bias and behind a coarse input, where nothing bounds the scales.
QuantizedWeights quantize_weights(const Tensor& weights, bool per_channel, WeightScale rule) {
    return quantize_layer({weights, Tensor(DType::float32, {weights.shape()[0]})}, {}, per_channel, rule).weights;
}

double error_of(const Tensor& weights, const QuantizedWeights& quantized) {
    const Tensor back = dequantize_weights(quantized);
    double sum = 0;
    for (std::int64_t i = 0; i < weights.size(); ++i) {
        const double off =
            weights.data<float>()[static_cast<std::size_t>(i)] - back.data<float>()[static_cast<std::size_t>(i)];
        sum += off * off;
    }
    return sum;
}

TEST(Weights, MaxScaleKeepsTheLargestExactly) {
    const Tensor weights = Tensor::from<float>({2, 2}, {1.27F, -0.5F, 0.1F, -2.54F});
    const QuantizedWeights quantized = quantize_weights(weights, true, WeightScale::max);
    EXPECT_FLOAT_EQ(quantized.scales[0], 0.01F);
    EXPECT_FLOAT_EQ(quantized.scales[1], 0.02F);
    EXPECT_EQ(quantized.integers.to_int64(), (std::vector<std::int64_t>{127, -50, 5, -127}));
}

TEST(Weights, PerTensorHasOneScale) {
    const Tensor weights = Tensor::from<float>({2, 2}, {1.27F, -0.5F, 0.1F, -2.54F});
    const QuantizedWeights quantized = quantize_weights(weights, false, WeightScale::max);
    ASSERT_EQ(quantized.scales.size(), 1U);
    EXPECT_EQ(quantized.integers.to_int64(), (std::vector<std::int64_t>{64, -25, 5, -127}));
}

TEST(Weights, MseIsNeverWorseThanMaxAndPerChannelNeverWorseThanPerTensor) {
    const Tensor weights = random_weights({16, 8, 3, 3}, 1);
    const double max_error = error_of(weights, quantize_weights(weights, true, WeightScale::max));
    const double mse_error = error_of(weights, quantize_weights(weights, true, WeightScale::mse));
    EXPECT_LT(mse_error, max_error);
    EXPECT_LT(mse_error, error_of(weights, quantize_weights(weights, false, WeightScale::mse)));
}

TEST(Weights, AChannelOfZerosStaysZeroWithANormalScale) {
    const Tensor weights = Tensor::from<float>({3, 2}, {0, 0, 1, 2, 1e-44F, 0});
    const QuantizedWeights quantized = quantize_weights(weights, true, WeightScale::mse);
    EXPECT_EQ(quantized.integers.to_int64()[0], 0);
    EXPECT_EQ(quantized.integers.to_int64()[4], 0);
    for (const float scale : quantized.scales) EXPECT_TRUE(std::isnormal(scale)) << scale;
    const QuantizedWeights zeros = quantize_weights(Tensor(DType::float32, {2, 2}), false, WeightScale::mse);
    EXPECT_EQ(zeros.scales, std::vector<float>{1.0F});
}

TEST(Weights, StayWithin127) {
    const QuantizedWeights quantized = quantize_weights(random_weights({4, 100}, 3), true, WeightScale::mse);
    for (const std::int64_t q : quantized.integers.to_int64()) {
        EXPECT_LE(q, 127);
        EXPECT_GE(q, -127);
    }
}

TEST(Bias, IsOnTheAccumulatorsGrid) {
    const FloatLayer layer{Tensor::from<float>({2, 1}, {12.7F, 25.4F}), Tensor::from<float>({2}, {1.0F, -0.26F})};
    const LayerWeights result = quantize_layer(layer, {.scale = 0.5F}, true, WeightScale::max);
    EXPECT_EQ(result.bias.to_int64(), (std::vector<std::int64_t>{20, -3}));
    EXPECT_FLOAT_EQ(result.bias_scale(1), 0.1F);
}

// Whatever the magnitudes, the bias survives, the accumulator holds what can come, and weights are off by half a step
// of their own grid or of the one that holds the bias.
void expect_layer_holds(const FloatLayer& layer, const Grid& input, bool per_channel, WeightScale rule) {
    const LayerWeights result = quantize_layer(layer, input, per_channel, rule);
    const Tensor back = dequantize_weights(result.weights);
    const auto weights = layer.weights.data<float>();
    const auto biases = layer.bias.data<float>();
    const std::size_t length = weights.size() / biases.size();
    const double reach = input.dtype == DType::uint8 ? 510 : 32768;
    double widest_weight = 0, widest_bias = 0;  // of those that share a scale
    for (const float w : weights) widest_weight = std::max(widest_weight, std::abs(double{w}));
    for (const float b : biases) widest_bias = std::max(widest_bias, std::abs(double{b}));
    for (std::size_t c = 0; c < biases.size(); ++c) {
        SCOPED_TRACE(fmt::format("channel {}", c));
        const double bias = biases[c], scale = result.bias_scale(c);
        const auto q = result.bias.data<std::int32_t>()[c];
        double magnitudes = 0, off = 0, channel_weight = 0;
        for (std::size_t k = c * length; k < (c + 1) * length; ++k) {
            magnitudes += std::abs(int{result.weights.integers.data<std::int8_t>()[k]});
            off += std::abs(double{weights[k]} - back.data<float>()[k]);
            channel_weight = std::max(channel_weight, std::abs(double{weights[k]}));
        }
        ASSERT_TRUE(std::isnormal(result.bias_scale(c)));
        EXPECT_LE(std::abs(bias - q * scale), std::max(0.5001 * scale, 1e-6 * std::abs(bias)));
        EXPECT_LE(std::abs(q), result.bias_limits[c]);
        EXPECT_LE(std::abs(q) + magnitudes * reach, static_cast<double>(accumulator_limit));
        // WeightScale::mse cuts the largest weights, and many 16-bit inputs ask for twice the step.
        const double coarser = rule == WeightScale::mse || reach > 510 ? 4 : 1;
        const double weight_step = coarser * (per_channel ? channel_weight : widest_weight) / 127;
        const double bias_step = (per_channel ? std::abs(bias) : widest_bias) / input.scale / (1 << 29);
        const double least_step = std::numeric_limits<float>::min() / std::min(input.scale, 1.0F);
        EXPECT_LE(off, static_cast<double>(length) * (weight_step + bias_step + least_step) / 2 * 1.01);
    }
}

TEST(Bias, SurvivesWhateverTheMagnitudes) {
    std::mt19937 random(7);
    const auto uniform = [&](double lo, double hi) { return std::uniform_real_distribution<double>(lo, hi)(random); };
    for (int i = 0; i < 600; ++i) {
        const std::int64_t channels = 1 + i % 5, length = i % 7 == 0 ? 500 : 1 + i % 40;
        FloatLayer layer{random_weights({channels, length}, static_cast<unsigned>(i)),
                         Tensor(DType::float32, {channels})};
        for (std::int64_t c = 0; c < channels; ++c) {
            const double size = i % 11 == 0 && c == 0 ? 0 : std::pow(10, uniform(-30, 1));
            for (std::int64_t k = 0; k < length; ++k)
                layer.weights.mutable_data<float>()[static_cast<std::size_t>(c * length + k)] *=
                    static_cast<float>(size);
            const double bias = i % 3 == 0 ? 0 : std::pow(10, uniform(-30, 3)) * (i % 2 ? 1 : -1);
            layer.bias.mutable_data<float>()[static_cast<std::size_t>(c)] = static_cast<float>(bias);
        }
        const auto scale = static_cast<float>(std::pow(10, uniform(-6, 1)));
        const Grid bytes{DType::uint8, scale, i % 256}, wide{DType::int16, scale, 0};
        for (const bool per_channel : {true, false}) {
            for (const WeightScale rule : {WeightScale::max, WeightScale::mse}) {
                SCOPED_TRACE(fmt::format("case {} per {} by {}", i, per_channel ? "channel" : "tensor",
                                         rule == WeightScale::max ? "max" : "mse"));
                expect_layer_holds(layer, bytes, per_channel, rule);
                expect_layer_holds(layer, wide, per_channel, rule);
                if (::testing::Test::HasFailure()) return;
            }
        }
    }
}

}  // namespace
}  // namespace octet::quant
