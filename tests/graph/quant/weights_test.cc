#include "graph/quant/weights.h"

#include <gtest/gtest.h>

#include <cmath>
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
    const Tensor weights = Tensor::from<float>({2, 2}, {1.27f, -0.5f, 0.1f, -2.54f});
    const QuantizedWeights quantized = quantize_weights(weights, true, WeightScale::max);
    EXPECT_FLOAT_EQ(quantized.scales[0], 0.01f);
    EXPECT_FLOAT_EQ(quantized.scales[1], 0.02f);
    EXPECT_EQ(quantized.integers.to_int64(), (std::vector<std::int64_t>{127, -50, 5, -127}));
}

TEST(Weights, PerTensorHasOneScale) {
    const Tensor weights = Tensor::from<float>({2, 2}, {1.27f, -0.5f, 0.1f, -2.54f});
    const QuantizedWeights quantized = quantize_weights(weights, false, WeightScale::max);
    ASSERT_EQ(quantized.scales.size(), 1u);
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
    const Tensor weights = Tensor::from<float>({3, 2}, {0, 0, 1, 2, 1e-44f, 0});
    const QuantizedWeights quantized = quantize_weights(weights, true, WeightScale::mse);
    EXPECT_EQ(quantized.integers.to_int64()[0], 0);
    EXPECT_EQ(quantized.integers.to_int64()[4], 0);
    for (const float scale : quantized.scales) EXPECT_TRUE(std::isnormal(scale)) << scale;
    const QuantizedWeights zeros = quantize_weights(Tensor(DType::float32, {2, 2}), false, WeightScale::mse);
    EXPECT_EQ(zeros.scales, std::vector<float>{1.0f});
}

TEST(Weights, StayWithin127) {
    const QuantizedWeights quantized = quantize_weights(random_weights({4, 100}, 3), true, WeightScale::mse);
    for (const std::int64_t q : quantized.integers.to_int64()) {
        EXPECT_LE(q, 127);
        EXPECT_GE(q, -127);
    }
}

TEST(Bias, IsOnTheAccumulatorsGridAndSaturates) {
    const Tensor bias = Tensor::from<float>({3}, {1.0f, -0.26f, 1e9f});
    const Tensor integers = quantize_bias(bias, 0.5f, {0.1f, 0.2f, 1e-6f});
    EXPECT_EQ(integers.to_int64(), (std::vector<std::int64_t>{20, -3, std::numeric_limits<std::int32_t>::max()}));
}

}  // namespace
}  // namespace octet::quant
