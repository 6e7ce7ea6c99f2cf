#pragma once

// Copies a u8 tensor into a slice of a Concat's buffer, or anywhere else, from grid x to grid y:
//     v = mulhrs((x - zx) << 7, mult);   y = clamp(sat_add(v, offset) >> shift, out_min, out_max)
// Equal grids: a plain copy. Error in steps of y: 1/2 + 2^-shift, half of it for the multiplier.

#include <string>
#include <tl/expected.hpp>

#include "kernels/add.h"
#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct RequantizeCopyParams {
    bool plain = true;
    std::uint8_t in_zero_point = 0;
    std::int16_t mult = 0;
    std::int16_t offset = 0;
    int shift = 0;
    std::uint8_t out_min = 0, out_max = 255;
};

// Fails when x's scale is 128 times y's or more.
tl::expected<RequantizeCopyParams, std::string> make_requantize_copy(const Grid& x, const Grid& y);

struct ConcatCall {
    ConstU8View in{};
    RequantizeCopyParams params{};
    U8View out{};
};

OCTET_INLINE std::uint8_t requantize_copy_u8(std::uint8_t x, const RequantizeCopyParams& params) {
    if (params.plain) return x;
    const std::int16_t v = mulhrs16(static_cast<std::int16_t>((x - params.in_zero_point) * 128), params.mult);
    const int y = sat_add16(v, params.offset) >> params.shift;
    return static_cast<std::uint8_t>(y < params.out_min ? params.out_min : y > params.out_max ? params.out_max : y);
}

using ConcatFunction = void(const ConcatCall& call, int row_begin, int row_end) noexcept;

KernelList<ConcatFunction> concat_kernels();

}  // namespace octet::kernels
