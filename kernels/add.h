#pragma once

// Sum of two u8 tensors on any grids:
//     v = sat_add(mulhrs((a - za) << 7, ma), mulhrs((b - zb) << 7, mb));   leaky: v = max(v, mulhrs(v, alpha))
//     y = clamp(sat_add(v, offset) >> shift, out_min, out_max)
// relu is out_min = zy. Error in steps of y: 1/2 + 2^(1-shift), half of it for the multipliers; leaky 2^-shift more.
//
// Of a and b each has the output's height, width and channels, or 1 of them, which is repeated.

#include <string>
#include <tl/expected.hpp>

#include "base/grid.h"
#include "kernels/dispatch.h"
#include "kernels/requantize.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct AddParams {
    std::uint8_t a_zero_point = 0, b_zero_point = 0;
    std::int16_t a_mult = 0, b_mult = 0;  // 0..32767
    bool leaky = false;
    std::int16_t alpha = 0;  // Q15
    std::int16_t offset = 0;
    int shift = 0;
    std::uint8_t out_min = 0, out_max = 255;
};

// Fails when an input's scale is 128 times the output's or more, or where leaky needs more than 16 bits of the sum.
tl::expected<AddParams, std::string> make_add(const Grid& a, const Grid& b, const Grid& y,
                                              Activation activation = Activation::none, double alpha = 0);

struct AddCall {
    ConstU8View a{}, b{};
    AddParams params{};
    U8View out{};  // may be a or b where that has its shape
};

OCTET_INLINE std::uint8_t add_u8(std::uint8_t a, std::uint8_t b, const AddParams& params) {
    std::int16_t v = sat_add16(mulhrs16(static_cast<std::int16_t>((a - params.a_zero_point) * 128), params.a_mult),
                               mulhrs16(static_cast<std::int16_t>((b - params.b_zero_point) * 128), params.b_mult));
    if (params.leaky) {
        const std::int16_t q = mulhrs16(v, params.alpha);
        v = v > q ? v : q;
    }
    const int y = sat_add16(v, params.offset) >> params.shift;
    return static_cast<std::uint8_t>(y < params.out_min ? params.out_min : y > params.out_max ? params.out_max : y);
}

using AddFunction = void(const AddCall& call, int row_begin, int row_end) noexcept;

KernelList<AddFunction> add_kernels();

}  // namespace octet::kernels
