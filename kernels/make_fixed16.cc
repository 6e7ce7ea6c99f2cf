#include "kernels/make_fixed16.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace octet::kernels {

namespace {

// The guaranteed range of p: mult_c lies in [2^14, 2^15), so t = +-32767 reaches at least +-16383 on p's grid.
constexpr double guaranteed_range = 16383;

// The grids 2^-f that p may get: those on which 16 bits hold the activation's own constants.
struct Grids {
    int lowest_f = -24, highest_f = 24;
};
constexpr Grids grids_of(Activation activation) {
    switch (activation) {
        case Activation::hardswish:
            return {0, 12};
        default:
            return {};
    }
}

// Of real values.
struct Range {
    double min = 0, max = 0;
};

tl::unexpected<std::string> fail(const std::string& why) {
    return tl::unexpected("fixed16: " + why);
}

std::string number(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", x);
    return text;
}

double post_scale(const Fixed16Spec& spec) {
    return spec.activation == Activation::hardswish ? 4.0 / 3.0 : 1.0;
}

// What the pre-activation must reach so that the output can show its whole range.
Range derive_range(const Fixed16Spec& spec) {
    Range range{(spec.out_min - spec.out_zero_point) * spec.out_scale,
                (spec.out_max - spec.out_zero_point) * spec.out_scale};
    if (spec.residual) {
        const double low = -unsigned_zero_point(*spec.residual) * double{spec.residual->scale};
        const double high = (255 - unsigned_zero_point(*spec.residual)) * double{spec.residual->scale};
        range = {range.min - high, range.max - low};
    }
    switch (spec.activation) {
        case Activation::none:
            break;
        case Activation::relu:
            range.min = 0;
            break;
        case Activation::leaky:
            range.min = spec.alpha > 0 ? range.min / spec.alpha : 0;
            break;
        case Activation::prelu: {
            double smallest = 1;
            for (const double alpha : spec.prelu_alpha) {
                if (alpha > 0) smallest = std::min(smallest, alpha);
            }
            range.min /= smallest;
            break;
        }
        case Activation::clip:
            range = {std::min(range.min, spec.clip_lo), std::max(range.max, spec.clip_hi)};
            break;
        case Activation::hardswish:  // 0 below -3, the identity above 3
            range = {-3.0, std::max(range.max, 3.0)};
            break;
    }
    return range;
}

// The range whose grid 2^-f makes out_scale that of the s16 output: 2^-f, behind hardswish 2^-(f-1).
Range s16_range(const Fixed16Spec& spec) {
    const double reach = guaranteed_range * spec.out_scale * (spec.activation == Activation::hardswish ? 0.5 : 1);
    return {-reach, reach};
}

// What the multipliers of v are divided by.
constexpr int v_bits = 16;

// Half of the ties that the roundings to t and to p meet should go down, but all go up: on average by 1/2 of an
// accumulator step where t is shifted, and by 2^(z - 16) of p's steps, z the zeros that mult ends in. What is
// subtracted from the bias makes up for it: an integer for each channel, the sum of which follows the sum of the means.
class Centring {
  public:
    std::int64_t next(std::int16_t mult, int shift) {
        if (mult == 0) return 0;
        const int zeros = std::countr_zero(static_cast<std::uint16_t>(mult));
        const double p_step = std::ldexp(1.0, 15 + shift) / mult;  // in accumulator steps
        wanted_ += (shift > 0 ? 0.5 : 0.0) + std::ldexp(p_step, zeros - 16);
        const auto given = static_cast<std::int64_t>(std::floor(wanted_ + 0.5));
        wanted_ -= static_cast<double>(given);
        return given;
    }

  private:
    double wanted_ = 0;
};

std::int16_t q15(double x) {
    return static_cast<std::int16_t>(std::clamp(std::round(x * 32768), 0.0, 32767.0));
}

}  // namespace

bool is_power_of_two(double scale) {
    int exponent = 0;
    return std::frexp(scale, &exponent) == 0.5;
}

Fixed16 Fixed16Storage::view() const {
    Fixed16 params = params_;
    params.bias = bias_.data();
    params.shift = shift_.data();
    params.mult = mult_.data();
    params.prelu_alpha = prelu_alpha_.empty() ? nullptr : prelu_alpha_.data();
    return params;
}

tl::expected<Fixed16Storage, std::string> make_fixed16(const Fixed16Spec& spec) {
    const auto channels = static_cast<int>(spec.acc_scale.size());
    if (channels == 0) return fail("no channels");
    for (const std::size_t size : {spec.bias.size(), spec.weight_sum.size(), spec.weight_abs_sum.size()}) {
        if (size != 0 && size != spec.acc_scale.size()) return fail("arrays of different lengths");
    }
    double largest_scale = 0;
    for (int c = 0; c < channels; ++c) {
        const double scale = spec.acc_scale[c];
        if (!std::isfinite(scale) || scale < 0) {
            return fail("scale of channel " + std::to_string(c) + " is " + number(scale));
        }
        largest_scale = std::max(largest_scale, scale);
    }
    const bool u8 = spec.output == OutputKind::u8;
    if (u8 && !(spec.out_scale > 0 && std::isfinite(spec.out_scale))) {
        return fail("output scale is " + number(spec.out_scale));
    }
    if (spec.residual && !u8) return fail("a residual needs the u8 output");
    if (spec.output == OutputKind::s16 && !is_power_of_two(spec.out_scale)) {
        return fail("the s16 output needs a power of two for its scale, not " + number(spec.out_scale));
    }

    Fixed16Storage storage;
    Fixed16& params = storage.params_;
    params.channels = channels;
    params.output = spec.output;
    params.activation = spec.activation;

    // f: as fine as the range allows, and not finer than the coarsest accumulator.
    int f = 0;
    if (spec.output != OutputKind::s32) {
        const Range range = u8 ? derive_range(spec) : s16_range(spec);
        const double largest = std::max({std::abs(range.min), std::abs(range.max), 1e-30});
        if (!std::isfinite(largest)) return fail("pre-activation range is not finite");
        const Grids grids = grids_of(spec.activation);
        f = std::min(
            {spec.max_f, grids.highest_f, static_cast<int>(std::floor(std::log2(guaranteed_range / largest)))});
        while (f >= grids.lowest_f && std::round(largest_scale * std::ldexp(1.0, f + 15)) > 32767) --f;
        if (f < grids.lowest_f) {
            return fail("a pre-activation range of " + number(largest) + " or an accumulator scale of " +
                        number(largest_scale) + " leaves no 16-bit grid");
        }
        params.f = f;
    }

    // out_shift: the largest for which both multipliers fit in 15 bits.
    const double post = post_scale(spec);
    double step = std::ldexp(1.0, -f);  // of p
    if (u8) {
        const double ratio = post * step / spec.out_scale;
        const double residual_ratio = spec.residual ? double{spec.residual->scale} / spec.out_scale / 128 : 0;
        const auto fits = [](double r, int bits) { return std::round(r * std::ldexp(1.0, bits)) <= 32767; };
        // Twice guaranteed_range is all that 16 bits hold; without a residual, u is of no larger size than y.
        const int most_doublings = spec.residual ? 1 : 2;
        while (params.doublings < most_doublings && !fits(ratio, v_bits - params.doublings + 1)) ++params.doublings;
        const int out_bits = v_bits - params.doublings;
        if (!fits(ratio, out_bits + 1)) {
            return fail("output scale " + number(spec.out_scale) + " is finer than " + (spec.residual ? "two" : "one") +
                        " of the pre-activation grid 2^" + std::to_string(-f));
        }
        if (!fits(residual_ratio, v_bits + 1)) return fail("residual scale is 32 times the output scale or more");
        int k = 1;
        while (k < 7 && fits(ratio, out_bits + k + 1) && fits(residual_ratio, v_bits + k + 1)) ++k;
        params.out_shift = k;
        params.out_mult = static_cast<std::int16_t>(std::round(ratio * std::ldexp(1.0, out_bits + k)));
        params.offset = static_cast<std::int16_t>((spec.out_zero_point << k) + (1 << (k - 1)));
        params.out_min = static_cast<std::uint8_t>(spec.out_min);
        params.out_max = static_cast<std::uint8_t>(spec.out_max);
        if (spec.residual) {
            params.residual_mult = static_cast<std::int16_t>(std::round(residual_ratio * std::ldexp(1.0, v_bits + k)));
            params.residual_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(*spec.residual));
        }
        // What out_mult loses to rounding, mult makes good.
        step = params.out_mult * std::ldexp(spec.out_scale, -out_bits - k) / post;
    }

    const std::size_t padded = fixed16_entries(channels);
    storage.bias_.assign(padded, 0);
    storage.shift_.assign(padded, 0);
    storage.mult_.assign(padded, 0);
    Centring centring;
    for (int c = 0; c < channels; ++c) {
        int shift = 0;
        std::int64_t centre = 0;
        if (spec.output != OutputKind::s32) {
            const double ratio = spec.acc_scale[c] / step;
            const auto mult = [&](int s) { return std::round(ratio * std::ldexp(1.0, 15 + s)); };
            while (shift < 31 && mult(shift + 1) <= 32767) ++shift;
            storage.mult_[c] = static_cast<std::int16_t>(std::min(mult(shift), 32767.0));
            centre = centring.next(storage.mult_[c], shift);
        }
        const std::int64_t bias =
            (spec.bias.empty() ? std::int64_t{0} : std::int64_t{spec.bias[c]}) -
            std::int64_t{spec.in_zero_point} * (spec.weight_sum.empty() ? 0 : spec.weight_sum[c]) +
            (shift > 0 ? std::int64_t{1} << (shift - 1) : 0) - centre;
        const std::int64_t reach = spec.weight_abs_sum.empty() ? 0 : spec.weight_abs_sum[c] * spec.in_max;
        if (std::abs(bias) + reach > std::numeric_limits<std::int32_t>::max()) {
            return fail("accumulator of channel " + std::to_string(c) + " can exceed 32 bits");
        }
        storage.bias_[c] = static_cast<std::int32_t>(bias);
        storage.shift_[c] = shift;
    }
    if (spec.activation == Activation::leaky) {
        if (spec.alpha < 0 || spec.alpha >= 1) return fail("leaky slope " + number(spec.alpha) + " is outside [0, 1)");
        params.alpha = q15(spec.alpha);
    }
    if (spec.activation == Activation::prelu) {
        if (spec.prelu_alpha.size() != spec.acc_scale.size()) return fail("prelu needs one slope a channel");
        storage.prelu_alpha_.assign(padded, 0);
        for (int c = 0; c < channels; ++c) {
            if (spec.prelu_alpha[c] < 0 || spec.prelu_alpha[c] >= 1) {
                return fail("prelu slope of channel " + std::to_string(c) + " is outside [0, 1)");
            }
            storage.prelu_alpha_[c] = q15(spec.prelu_alpha[c]);
        }
    }
    if (spec.activation == Activation::clip) {
        params.clip_lo = static_cast<std::int16_t>(std::clamp(std::round(spec.clip_lo / step), -32768.0, 32767.0));
        params.clip_hi = static_cast<std::int16_t>(std::clamp(std::round(spec.clip_hi / step), -32768.0, 32767.0));
    }
    storage.s16_scale_ = post * step;
    if (spec.output == OutputKind::s16 && spec.activation == Activation::hardswish) {
        params.out_mult = q15(2.0 / 3.0);  // 4/3 * 2^-f -> 2^-(f-1)
        storage.s16_scale_ = 2 * step;
    }
    return storage;
}

}  // namespace octet::kernels
