#pragma once

// How wide accumulators have to be, and what a narrow one makes of a sum.

#include <cstdint>
#include <vector>

#include "engine/npu_emu/profile.h"
#include "engine/program.h"

namespace octet::engine::npu_emu {

// Of a channel, whatever the input: sum of (x - zx) * w, with the bias as steps of the accumulator's scale. Sums of
// some of the products lie in it too, so it holds in any order of additions.
struct SumRange {
    std::int64_t min = 0, max = 0;
};

// bias[c] on the accumulator's scale: the file's integers, or the real value rounded to nearest even. Saturated to 62
// bits.
std::vector<std::int64_t> accumulator_bias(const ConvOp& conv);
// One an output channel. `padding`: what is read outside of the image.
std::vector<SumRange> sum_ranges(const ConvOp& conv, int padding);
// The smallest width that holds the range in two's complement.
int bits_of(SumRange range);

// What the accumulator holds of a value, and of a sum of products with the bias.
std::int64_t limited(std::int64_t value, const Accumulator& accumulator);
std::int64_t with_bias(std::int64_t sum, std::int64_t bias, const Accumulator& accumulator);

// One image of a convolution's input, [channels, h, w], and what is read around it.
template <typename In>
struct Image {
    const In* values = nullptr;
    int h = 1, w = 1;
    int padding = 0;
};

// One output's accumulator, product by product in the accumulator's order:
//     sum over ky, kx, i of (x[i, row * stride - pad + ky * dilation, …] - zx) * w[o, i, ky, kx], and the bias
template <typename In>
std::int64_t exact_sum(const ConvOp& conv, std::int64_t bias, const Accumulator& accumulator, const Image<In>& x, int o,
                       int row, int column) {
    const Window& window = conv.window;
    const Shape& shape = conv.weights.shape();
    const auto group_in = static_cast<int>(shape[1]);
    const int group = o / static_cast<int>(shape[0] / conv.groups);
    const auto weights = conv.weights.data<std::int8_t>();
    const bool inside = accumulator.overflow == Overflow::saturate && accumulator.each_addition;
    std::int64_t sum = inside && accumulator.bias_first ? limited(bias, accumulator) : 0;
    const auto product = [&](int ky, int kx, int i) {
        const int iy = row * window.stride_h - window.pad_top + ky * window.dilation_h;
        const int ix = column * window.stride_w - window.pad_left + kx * window.dilation_w;
        const bool padded = iy < 0 || iy >= x.h || ix < 0 || ix >= x.w;
        const int value =
            padded ? x.padding
                   : x.values[(std::int64_t{group} * group_in + i) * x.h * x.w + std::int64_t{iy} * x.w + ix];
        const int w = weights[static_cast<std::size_t>(
            ((std::int64_t{o} * group_in + i) * window.kernel_h + ky) * window.kernel_w + kx)];
        sum += std::int64_t{value - conv.x.grid.zero_point} * w;
        if (inside) sum = limited(sum, accumulator);
    };
    const int taps = window.kernel_h * window.kernel_w;
    const bool channels_inside = accumulator.order == AdditionOrder::kernel_channel;
    for (int outer = 0; outer < (channels_inside ? taps : group_in); ++outer) {
        for (int inner = 0; inner < (channels_inside ? group_in : taps); ++inner) {
            const int tap = channels_inside ? outer : inner, i = channels_inside ? inner : outer;
            product(tap / window.kernel_w, tap % window.kernel_w, i);
        }
    }
    if (!inside) return with_bias(sum, bias, accumulator);
    return accumulator.bias_first ? sum : limited(sum + bias, accumulator);
}

}  // namespace octet::engine::npu_emu
