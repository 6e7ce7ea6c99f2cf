#pragma once

// Product of two u8 tensors on any grids:
//     y = clamp(RNE(float((a - za) * (b - zb)) * scale) + zy, out_min, out_max),   scale = float(sa * sb / sy)
// The product is exact, at most 255^2; it is multiplied by one float32 and rounded to the nearest integer, ties to even.
// relu is out_min = zy. Error in steps of y: 1/2, and 2^-23 of the result for scale and multiplication.
//
// Of a and b each has the output's height, width and channels, or 1 of them, which is repeated: [c][1][1] is a gate of
// squeeze-and-excitation.

#include <string>
#include <tl/expected.hpp>

#include "base/grid.h"
#include "kernels/dispatch.h"
#include "kernels/requantize.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct MulParams {
    std::uint8_t a_zero_point = 0, b_zero_point = 0, out_zero_point = 0;
    float scale = 1;  // less than 2^15, so that every result fits 32 bits
    std::uint8_t out_min = 0, out_max = 255;
};

// Fails when the product of the inputs' scales is 2^15 times the output's or more, and for activations but none and
// relu.
tl::expected<MulParams, std::string> make_mul(const Grid& a, const Grid& b, const Grid& y,
                                              Activation activation = Activation::none);

struct MulCall {
    ConstU8View a{}, b{};
    MulParams params{};
    U8View out{};  // neither a nor b
};

std::uint8_t mul_u8(std::uint8_t a, std::uint8_t b, const MulParams& params);

using MulFunction = void(const MulCall& call, int row_begin, int row_end) noexcept;

KernelList<MulFunction> mul_kernels();

}  // namespace octet::kernels
