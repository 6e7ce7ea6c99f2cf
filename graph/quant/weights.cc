#include "graph/quant/weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace octet::quant {
namespace {

float largest_magnitude(std::span<const float> values) {
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::fabs(value));
    return largest;
}

float round_weight(float value, float scale) {
    return std::clamp(std::nearbyint(value / scale), -weight_limit, weight_limit);
}

double rounding_error(std::span<const float> values, float scale) {
    double sum = 0;
    for (const float value : values) {
        const double off = static_cast<double>(value) - static_cast<double>(scale) * round_weight(value, scale);
        sum += off * off;
    }
    return sum;
}

float scale_of(std::span<const float> values, WeightScale rule) {
    constexpr int candidates = 100;
    const float full = largest_magnitude(values) / weight_limit;
    // Below the smallest normal number the quotients lose their precision: such a channel counts as 0.
    if (full < std::numeric_limits<float>::min()) return 0;
    if (rule == WeightScale::max) return full;
    float best = full;
    double best_error = rounding_error(values, full);
    for (int i = 0; i < candidates; ++i) {
        const float scale = full * (0.5f + 0.5f * static_cast<float>(i) / candidates);
        const double error = rounding_error(values, scale);
        if (error < best_error) {
            best_error = error;
            best = scale;
        }
    }
    return best;
}

}  // namespace

QuantizedWeights quantize_weights(const Tensor& weights, bool per_channel, WeightScale rule) {
    const auto values = weights.data<float>();
    const std::size_t channels = per_channel && weights.rank() > 0 ? static_cast<std::size_t>(weights.shape()[0]) : 1;
    const std::size_t length = channels ? values.size() / channels : 0;
    QuantizedWeights result{Tensor(DType::int8, weights.shape()), std::vector<float>(channels)};
    float smallest = 0;
    for (std::size_t c = 0; c < channels; ++c) {
        const float scale = scale_of(values.subspan(c * length, length), rule);
        result.scales[c] = scale;
        if (scale > 0 && (smallest == 0 || scale < smallest)) smallest = scale;
    }
    auto out = result.integers.mutable_data<std::int8_t>();
    for (std::size_t c = 0; c < channels; ++c) {
        if (result.scales[c] == 0) {
            result.scales[c] = smallest > 0 ? smallest : 1.0f;
            continue;
        }
        for (std::size_t k = c * length; k < (c + 1) * length; ++k) {
            out[k] = static_cast<std::int8_t>(round_weight(values[k], result.scales[c]));
        }
    }
    return result;
}

Tensor dequantize_weights(const QuantizedWeights& weights) {
    const auto in = weights.integers.data<std::int8_t>();
    Tensor result(DType::float32, weights.integers.shape());
    auto out = result.mutable_data<float>();
    const std::size_t length = weights.scales.empty() ? 0 : in.size() / weights.scales.size();
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = weights.scales[i / length] * static_cast<float>(in[i]);
    return result;
}

Tensor quantize_bias(const Tensor& bias, float input_scale, const std::vector<float>& scales) {
    const auto in = bias.data<float>();
    Tensor result(DType::int32, bias.shape());
    auto out = result.mutable_data<std::int32_t>();
    constexpr double lowest = std::numeric_limits<std::int32_t>::min();
    constexpr double highest = std::numeric_limits<std::int32_t>::max();
    for (std::size_t c = 0; c < in.size(); ++c) {
        const double scale = static_cast<double>(input_scale) * scales[scales.size() == 1 ? 0 : c];
        out[c] =
            static_cast<std::int32_t>(std::clamp(std::nearbyint(static_cast<double>(in[c]) / scale), lowest, highest));
    }
    return result;
}

}  // namespace octet::quant
