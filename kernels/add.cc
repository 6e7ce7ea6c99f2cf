#include "kernels/add.h"

#include <algorithm>
#include <cmath>

#include "kernels/concat.h"

namespace octet::kernels {

namespace {

// Multiplier of (x - zx) << 7 for y = x * ratio on y's grid with `shift` more bits.
double multiplier(double ratio, int shift) {
    return std::round(ratio * std::ldexp(1.0, 8 + shift));
}

bool valid(double ratio) {
    return std::isfinite(ratio) && ratio > 0 && multiplier(ratio, 0) <= 32767;
}

std::int16_t rounding_offset(int zero_point, int shift) {
    return static_cast<std::int16_t>((zero_point << shift) + (shift > 0 ? 1 << (shift - 1) : 0));
}

}  // namespace

tl::expected<AddParams, std::string> make_add(const Grid& a, const Grid& b, const Grid& y, Activation activation,
                                              double alpha) {
    const double ratio_a = double{a.scale} / double{y.scale}, ratio_b = double{b.scale} / double{y.scale};
    if (!valid(ratio_a) || !valid(ratio_b)) {
        return tl::unexpected<std::string>(
            "add: an input's scale is not positive or 128 times the output's scale or more");
    }
    if (activation != Activation::none && activation != Activation::relu && activation != Activation::leaky) {
        return tl::unexpected<std::string>("add: only none, relu and leaky can be fused");
    }
    AddParams params;
    int shift = 0;
    while (shift < 7 && multiplier(ratio_a, shift + 1) <= 32767 && multiplier(ratio_b, shift + 1) <= 32767) ++shift;
    // A sum beyond 16 bits saturates. Without leaky that is far below y's range; leaky would bring it back.
    if (activation == Activation::leaky) {
        const double least = -(unsigned_zero_point(a) * ratio_a + unsigned_zero_point(b) * ratio_b);
        const auto is_lost = [&](int bits) {
            const double floor = -std::ldexp(32767, -bits);
            return least < floor && alpha * floor + unsigned_zero_point(y) > -1;
        };
        while (shift >= 0 && is_lost(shift)) --shift;
        if (shift < 0) return tl::unexpected<std::string>("add: the sums that leaky takes do not fit 16 bits");
    }
    params.a_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(a));
    params.b_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(b));
    params.a_mult = static_cast<std::int16_t>(multiplier(ratio_a, shift));
    params.b_mult = static_cast<std::int16_t>(multiplier(ratio_b, shift));
    params.leaky = activation == Activation::leaky;
    params.alpha = static_cast<std::int16_t>(std::min(std::round(alpha * 32768), 32767.0));
    params.shift = shift;
    params.offset = rounding_offset(unsigned_zero_point(y), shift);
    if (activation == Activation::relu) params.out_min = static_cast<std::uint8_t>(unsigned_zero_point(y));
    return params;
}

tl::expected<RequantizeCopyParams, std::string> make_requantize_copy(const Grid& x, const Grid& y) {
    RequantizeCopyParams params;
    params.plain = x.scale == y.scale && unsigned_zero_point(x) == unsigned_zero_point(y);
    if (params.plain) return params;
    const double ratio = double{x.scale} / double{y.scale};
    if (!valid(ratio)) {
        return tl::unexpected<std::string>(
            "concat: an input's scale is not positive or 128 times the output's scale or more");
    }
    while (params.shift < 7 && multiplier(ratio, params.shift + 1) <= 32767) ++params.shift;
    params.in_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(x));
    params.mult = static_cast<std::int16_t>(multiplier(ratio, params.shift));
    params.offset = rounding_offset(unsigned_zero_point(y), params.shift);
    return params;
}

}  // namespace octet::kernels
