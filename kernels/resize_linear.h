#pragma once

// Linear interpolation along both axes of a u8 tensor, all channels, input and output on one grid:
//
//     y[oy, ox] = RNE(Σ_i Σ_j wy_i · wx_j · (x[row_i, column_j] - z) / 2^22) + z,   i, j in {0, 1}
//
// RNE rounds to the nearest integer, ties to even. The weights of an axis are integers that sum to 2^11; a result
// therefore lies between the pixels that it comes from, and of the zero point z only the parity matters. Error in steps:
// 1/2 for the rounding, and 255 · 2 · 2^-12 = 1/8 at most for that of the weights; factors that are powers of two have
// exact weights.

#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

inline constexpr int resize_weight_bits = 11;

// What an output position reads along an axis.
struct LinearTap {
    std::int32_t first = 0, second = 0;  // source positions
    std::int32_t weight = 0;             // the second's, in [0, 2^11]; the first's is 2^11 - weight

    friend bool operator==(const LinearTap&, const LinearTap&) = default;
};

// The formula for one output, of upper left, upper right, lower left, lower right.
OCTET_INLINE std::int32_t interpolate(const std::int32_t (&x)[4], std::int32_t row_weight, std::int32_t column_weight,
                                      int zero_point) {
    constexpr int one = 1 << resize_weight_bits, shift = 2 * resize_weight_bits;
    const std::int32_t upper = x[0] * (one - column_weight) + x[1] * column_weight;
    const std::int32_t lower = x[2] * (one - column_weight) + x[3] * column_weight;
    const std::int32_t sum = upper * (one - row_weight) + lower * row_weight;
    // A tie goes up from what is odd with the zero point taken off.
    return (sum + (1 << (shift - 1)) - 1 + (((sum >> shift) ^ zero_point) & 1)) >> shift;
}

struct ResizeLinearCall {
    const LinearTap* y = nullptr;  // [out.h], positions in [0, in.h)
    const LinearTap* x = nullptr;  // [out.w], positions in [0, in.w)
    int zero_point = 0;
    ConstU8View in{};
    U8View out{};
};

using ResizeLinearFunction = void(const ResizeLinearCall& call, int row_begin, int row_end) noexcept;

KernelList<ResizeLinearFunction> resize_linear_kernels();

}  // namespace octet::kernels
