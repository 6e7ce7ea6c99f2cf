#include "engine/npu_emu/accumulators.h"

#include <algorithm>
#include <cmath>

namespace octet::engine::npu_emu {

std::vector<std::int64_t> accumulator_bias(const ConvOp& conv) {
    std::vector<std::int64_t> bias(conv.weight_scales.size(), 0);
    for (std::size_t o = 0; o < bias.size(); ++o) {
        if (!conv.integer_bias.empty()) {
            bias[o] = conv.integer_bias[o];
        } else if (!conv.bias.empty()) {
            const double steps =
                std::nearbyint(conv.bias[o] / (static_cast<double>(conv.x.grid.scale) * conv.weight_scales[o]));
            bias[o] = static_cast<std::int64_t>(std::clamp(steps, -0x1p62, 0x1p62));
        }
    }
    return bias;
}

std::vector<SumRange> sum_ranges(const ConvOp& conv, int padding) {
    const bool wide = conv.x.grid.dtype == DType::int16;
    const int lowest = wide ? -32768 : conv.x.grid.dtype == DType::uint8 ? 0 : -128;
    const int highest = wide ? 32767 : lowest + 255;
    int zero_low = conv.x.grid.zero_point, zero_high = zero_low;
    if (!conv.x.channel_zero_points.empty()) {
        zero_low = *std::min_element(conv.x.channel_zero_points.begin(), conv.x.channel_zero_points.end());
        zero_high = *std::max_element(conv.x.channel_zero_points.begin(), conv.x.channel_zero_points.end());
        padding = zero_low;
    }
    const std::int64_t low = std::min({lowest - zero_high, padding - zero_high, 0}),
                       high = std::max({highest - zero_low, padding - zero_low, 0});
    const std::vector<std::int64_t> bias = accumulator_bias(conv);
    const auto weights = conv.weights.data<std::int8_t>();
    const std::size_t taps = bias.empty() ? 0 : weights.size() / bias.size();
    std::vector<SumRange> ranges;
    for (std::size_t o = 0; o < bias.size(); ++o) {
        SumRange range{std::min<std::int64_t>(bias[o], 0), std::max<std::int64_t>(bias[o], 0)};
        for (std::size_t t = 0; t < taps; ++t) {
            const std::int64_t w = weights[o * taps + t];
            range.max += std::max(w * high, w * low);
            range.min += std::min(w * high, w * low);
        }
        ranges.push_back(range);
    }
    return ranges;
}

int bits_of(SumRange range) {
    int bits = 1;
    while (bits < 64 &&
           (range.max > (std::int64_t{1} << (bits - 1)) - 1 || range.min < -(std::int64_t{1} << (bits - 1))))
        ++bits;
    return bits;
}

std::int64_t limited(std::int64_t value, const Accumulator& accumulator) {
    if (accumulator.overflow == Overflow::saturate) return std::clamp(value, accumulator.min(), accumulator.max());
    const int unused = 64 - accumulator.bits;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << unused) >> unused;
}

std::int64_t with_bias(std::int64_t sum, std::int64_t bias, const Accumulator& accumulator) {
    return accumulator.bias_first ? limited(sum + bias, accumulator)
                                  : limited(limited(sum, accumulator) + bias, accumulator);
}

}  // namespace octet::engine::npu_emu
