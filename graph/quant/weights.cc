#include "graph/quant/weights.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <span>
#include <utility>

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
        const float scale = full * (0.5F + 0.5F * static_cast<float>(i) / candidates);
        const double error = rounding_error(values, scale);
        if (error < best_error) {
            best_error = error;
            best = scale;
        }
    }
    return best;
}

std::int64_t sum_of_magnitudes(std::span<const std::int8_t> integers) {
    std::int64_t sum = 0;
    for (const std::int8_t q : integers) sum += std::abs(int{q});
    return sum;
}

// What a weight of 1 adds to the bound on the accumulator.
std::int64_t input_reach(const Grid& input) {
    const bool eight_bits = grid_max(input.dtype) - grid_min(input.dtype) == 255;
    return eight_bits ? 2 * 255 : std::int64_t{grid_max(input.dtype)} + 1 + std::abs(input.zero_point);
}

class LayerQuantizer {
  public:
    LayerQuantizer(const FloatLayer& layer, const Grid& input, bool per_channel)
        : values_(layer.weights.data<float>()),
          bias_(layer.bias.data<float>()),
          length_(bias_.empty() ? 0 : values_.size() / bias_.size()),
          shared_(per_channel ? 1 : bias_.size()),
          reach_(input_reach(input)),
          least_scale_(std::numeric_limits<float>::min() / std::min(input.scale, 1.0F)) {
        result_.weights.integers = Tensor(DType::int8, layer.weights.shape());
        result_.bias = Tensor(DType::int32, layer.bias.shape());
        result_.input_scale = input.scale;
        result_.bias_limits.resize(bias_.size());
    }

    LayerWeights run(WeightScale rule) {
        choose_scales(rule);
        for (std::size_t i = 0; i < result_.weights.scales.size(); ++i) fit(i);
        auto bias = result_.bias.mutable_data<std::int32_t>();
        for (std::size_t c = 0; c < bias_.size(); ++c) {
            result_.bias_limits[c] = static_cast<std::int32_t>(std::max<std::int64_t>(0, accumulator_limit - reach(c)));
            const double limit = result_.bias_limits[c];
            bias[c] = static_cast<std::int32_t>(
                std::clamp(std::nearbyint(static_cast<double>(bias_[c]) / result_.bias_scale(c)), -limit, limit));
        }
        return std::move(result_);
    }

  private:
    void choose_scales(WeightScale rule) {
        std::vector<float>& scales = result_.weights.scales;
        float smallest = 0;
        for (std::size_t begin = 0; begin < bias_.size(); begin += shared_) {
            const float scale = scale_of(values_.subspan(begin * length_, shared_ * length_), rule);
            if (scale > 0 && (smallest == 0 || scale < smallest)) smallest = scale;
            scales.push_back(scale);
        }
        for (float& scale : scales) {
            if (scale == 0) scale = smallest > 0 ? smallest : 1.0F;
            scale = std::max(scale, least_scale_);
        }
    }

    // Rounds the channels of one scale, with a larger one where the bound asks for it.
    void fit(std::size_t index) {
        constexpr double least_growth = 1.001;  // so that a few rounds are enough
        constexpr float largest = std::numeric_limits<float>::max();
        float& scale = result_.weights.scales[index];
        for (double over = round_channels(index); over > 1 && scale < largest; over = round_channels(index)) {
            scale = static_cast<float>(std::min<double>(largest, scale * std::max(over, least_growth)));
        }
    }

    // How many times the limit the accumulators of these channels reach.
    double round_channels(std::size_t index) {
        const float scale = result_.weights.scales[index];
        auto integers = result_.weights.integers.mutable_data<std::int8_t>();
        double most = 0;
        for (std::size_t c = index * shared_; c < (index + 1) * shared_; ++c) {
            for (std::size_t k = c * length_; k < (c + 1) * length_; ++k) {
                integers[k] = static_cast<std::int8_t>(round_weight(values_[k], scale));
            }
            const double bias = std::abs(static_cast<double>(bias_[c]) / result_.bias_scale(c));
            most = std::max(most, bias + static_cast<double>(reach(c)));
        }
        return most / static_cast<double>(accumulator_limit);
    }

    std::int64_t reach(std::size_t channel) const {
        return reach_ *
               sum_of_magnitudes(result_.weights.integers.data<std::int8_t>().subspan(channel * length_, length_));
    }

    std::span<const float> values_, bias_;
    std::size_t length_;  // weights of a channel
    std::size_t shared_;  // channels that share a scale
    std::int64_t reach_;
    float least_scale_;
    LayerWeights result_;
};

}  // namespace

LayerWeights quantize_layer(const FloatLayer& layer, const Grid& input, bool per_channel, WeightScale rule) {
    return LayerQuantizer(layer, input, per_channel).run(rule);
}

Tensor dequantize_weights(const QuantizedWeights& weights) {
    const auto in = weights.integers.data<std::int8_t>();
    Tensor result(DType::float32, weights.integers.shape());
    auto out = result.mutable_data<float>();
    const std::size_t length = weights.scales.empty() ? 0 : in.size() / weights.scales.size();
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = weights.scales[i / length] * static_cast<float>(in[i]);
    return result;
}

}  // namespace octet::quant
