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

// |x| that the accumulators can come to.
double reach_of(const Fixed16Spec& spec) {
    constexpr double unknown = 2147483648.0;  // as much as accumulators hold
    double reach = 0;
    for (std::size_t c = 0; c < spec.acc_scale.size(); ++c) {
        const double bias = spec.bias.empty() ? 0 : std::abs(static_cast<double>(spec.bias[c]));
        const double sum =
            spec.weight_abs_sum.empty() ? unknown : static_cast<double>(spec.weight_abs_sum[c]) * spec.in_max;
        reach = std::max(reach, spec.acc_scale[c] * (bias + sum));
    }
    return reach;
}

// The most negative x that matters where alpha * x stands for it: of a negative slope, what comes to the largest output.
// What a small slope makes of the rest is left out where that is a quarter of an output step at most.
double behind_slopes(const Range& output, std::span<const double> alphas, double reach, double step) {
    double lowest = output.min;
    for (const double alpha : alphas) {
        if (alpha == 0) continue;
        const double needed = std::max((alpha > 0 ? output.min : output.max) / alpha, -reach);
        lowest = std::min(lowest, needed + step / 4 / std::abs(alpha));
    }
    // Nor is more than 32 times the output's 255 steps worth a coarser p.
    lowest = std::max(lowest, -32 * 255 * step);
    const bool none = std::all_of(alphas.begin(), alphas.end(), [](double alpha) { return alpha == 0; });
    return none ? 0 : lowest;
}

double gain_of(const Fixed16Spec& spec, std::size_t channel) {
    return spec.channel_gain.empty() ? 1 : spec.channel_gain[channel];
}

double largest_gain(const Fixed16Spec& spec) {
    return spec.channel_gain.empty() ? 1 : *std::max_element(spec.channel_gain.begin(), spec.channel_gain.end());
}

// What the activation must reach so that the output can show its whole range.
Range output_range(const Fixed16Spec& spec) {
    Range range{(spec.out_min - spec.out_zero_point) * spec.out_scale,
                (spec.out_max - spec.out_zero_point) * spec.out_scale};
    if (spec.residual) {
        const double low = -unsigned_zero_point(*spec.residual) * double{spec.residual->scale};
        const double high = (255 - unsigned_zero_point(*spec.residual)) * double{spec.residual->scale};
        range = {range.min - high, range.max - low};
    }
    return range;
}

// The same of the pre-activation.
Range derive_range(const Fixed16Spec& spec) {
    Range range = output_range(spec);
    switch (spec.activation) {
        case Activation::none:
            break;
        case Activation::relu:
            range.min = 0;
            break;
        case Activation::leaky:
            range.min = spec.alpha > 0   ? range.min / spec.alpha
                        : spec.alpha < 0 ? std::min(range.min, range.max / spec.alpha)
                                         : 0;
            break;
        case Activation::prelu:
            range.min = behind_slopes(range, spec.prelu_alpha, reach_of(spec), spec.out_scale);
            break;
        case Activation::clip:
            if (std::isfinite(spec.clip_lo)) range.min = std::min(range.min, spec.clip_lo);
            if (std::isfinite(spec.clip_hi)) range.max = std::max(range.max, spec.clip_hi);
            break;
        case Activation::hardswish:  // 0 below -3, the identity above 3
            range = {-3.0, std::max(range.max, 3.0)};
            break;
        case Activation::table:  // has a grid of its own
            break;
        case Activation::gated:
            range.min = -gate_reach * largest_gain(spec);
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
    return static_cast<std::int16_t>(std::clamp(std::round(x * 32768), -32767.0, 32767.0));
}

// The table activation's nodes in real values, and the grids of p and u.
struct Table {
    Piecewise fit;
    double p_step = 0, u_step = 0;
};

tl::expected<Table, std::string> make_table(const Fixed16Spec& spec) {
    const bool u8 = spec.output == OutputKind::u8;
    const double most = 32767 * spec.out_scale;
    Range range{-most, most};
    if (u8) range = output_range(spec);
    const PiecewiseSpec piecewise{.function = spec.function,
                                  .reach = reach_of(spec),
                                  .lowest = range.min,
                                  .highest = range.max,
                                  .step = spec.out_scale};
    const auto fit = fit_piecewise(piecewise);
    if (!fit) return fail(fit.error());
    if (u8 && fit->worst_error > spec.out_scale / 2) {
        return fail("its activation is " + number(fit->worst_error / spec.out_scale) +
                    " steps of the output from 64 straight segments");
    }
    double largest = 0, steepest = 0;
    for (std::size_t i = 0; i < fit->nodes.size(); ++i) {
        largest = std::max(largest, std::abs(fit->nodes[i]));
        if (i > 0) steepest = std::max(steepest, std::abs(fit->nodes[i] - fit->nodes[i - 1]));
    }
    if (!u8 && fit->worst_error > largest / 1024) {
        return fail("its activation is " + number(largest / fit->worst_error) +
                    "th of its range from 64 straight segments; 16 bits want a 1024th");
    }
    // A little less than 2^15, for what out_mult rounds.
    const double u_step = u8 ? std::max({largest, steepest, spec.out_scale}) / 32700 : spec.out_scale;
    if (steepest > 32767 * u_step) return fail("its activation is too steep for 64 segments");
    return Table{*fit, fit->half_width / (1 << 14), u_step};
}

// Whether a table is as good as a gate, whose error is a 1000th of each value.
bool is_fine(const Table& table, const Fixed16Spec& spec) {
    if (spec.output == OutputKind::u8) return table.fit.worst_error <= spec.out_scale / 16;
    const double most = *std::max_element(table.fit.nodes.begin(), table.fit.nodes.end());
    return table.fit.worst_error <= std::ldexp(most, -14);
}

// The gate's nodes over +-gate_reach.
tl::expected<std::vector<std::int16_t>, std::string> gate_nodes(const RealFunction& gate) {
    const auto fit = fit_piecewise({.function = gate, .lowest = 0, .highest = 1, .half_width = gate_reach});
    if (!fit) return fail(fit.error());
    std::vector<std::int16_t> nodes;
    for (const double node : fit->nodes) {
        nodes.push_back(static_cast<std::int16_t>(std::clamp(std::round(node * 32768), 0.0, 32767.0)));
    }
    nodes.front() = 0;
    nodes.back() = 32767;
    return nodes;
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
    params.channel_alpha = channel_alpha_.empty() ? nullptr : channel_alpha_.data();
    params.nodes = nodes_.empty() ? nullptr : nodes_.data();
    return params;
}

tl::expected<Fixed16Storage, std::string> make_fixed16(const Fixed16Spec& asked) {
    Fixed16Spec spec = asked;
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

    Table table;
    if (spec.activation == Activation::table && spec.output != OutputKind::s32) {
        if (!spec.channel_gain.empty() && spec.channel_gain.size() != spec.acc_scale.size())
            return fail("one gain a channel is needed");
        const bool has_gains = !spec.channel_gain.empty();
        if (has_gains && !spec.gate) return fail("gains need an activation with a gate");
        const auto made = has_gains ? fail("gains need a gate") : make_table(spec);
        // 16 bits on a grid too fine for what the gate multiplies.
        const bool holds = u8 || guaranteed_range * spec.out_scale >= gate_reach * largest_gain(spec);
        if (spec.gate && holds && !(made && is_fine(*made, spec))) {
            spec.activation = Activation::gated;
        } else if (made) {
            table = *made;
        } else if (has_gains) {
            return fail("steps of " + number(spec.out_scale) + " are too fine for a gain of " +
                        number(largest_gain(spec)));
        } else {
            return tl::unexpected(made.error());
        }
    }

    Fixed16Storage storage;
    Fixed16& params = storage.params_;
    params.channels = channels;
    params.output = spec.output;
    params.activation = spec.activation;

    // f: as fine as the range allows, and not finer than the coarsest accumulator.
    const bool by_table = spec.activation == Activation::table && spec.output != OutputKind::s32;
    int f = 0;
    if (spec.output != OutputKind::s32 && !by_table) {
        const Range range = u8 ? derive_range(spec) : s16_range(spec);
        const double largest = std::max({std::abs(range.min), std::abs(range.max), 1e-30});
        if (!std::isfinite(largest)) return fail("pre-activation range is not finite");
        const Grids grids = grids_of(spec.activation);
        f = std::min({grids.highest_f, static_cast<int>(std::floor(std::log2(guaranteed_range / largest)))});
        while (!params.shifts_left() && f >= grids.lowest_f &&
               std::round(largest_scale * std::ldexp(1.0, f + 15)) > 32767)
            --f;
        if (f < grids.lowest_f) {
            return fail("a pre-activation range of " + number(largest) + " or an accumulator scale of " +
                        number(largest_scale) + " leaves no 16-bit grid");
        }
        const double s16_step = std::ldexp(1.0, spec.activation == Activation::hardswish ? 1 - f : -f);
        if (spec.output == OutputKind::s16 && s16_step != spec.out_scale) {
            return fail("16-bit outputs in steps of " + number(s16_step) + " are possible, not " +
                        number(spec.out_scale));
        }
        params.f = f;
    }

    // out_shift: the largest for which both multipliers fit in 15 bits.
    const double post = post_scale(spec);
    double step = by_table ? table.p_step : std::ldexp(1.0, -f);  // of p
    if (u8) {
        const double ratio = (by_table ? table.u_step : post * step) / spec.out_scale;
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
        // What out_mult loses to rounding, mult makes good, or the table.
        const double u_step = params.out_mult * std::ldexp(spec.out_scale, -out_bits - k);
        (by_table ? table.u_step : step) = by_table ? u_step : u_step / post;
    }
    for (const double node : by_table ? std::span<const double>(table.fit.nodes) : std::span<const double>()) {
        storage.nodes_.push_back(
            static_cast<std::int16_t>(std::clamp(std::round(node / table.u_step), -32768.0, 32767.0)));
    }

    const std::size_t padded = fixed16_entries(channels);
    storage.bias_.assign(padded, 0);
    storage.shift_.assign(padded, 0);
    storage.mult_.assign(padded, 0);
    Centring centring;
    for (int c = 0; c < channels; ++c) {
        int shift = 0;
        std::int64_t centre = 0, zero_of_p = 0;
        double acc_scale = spec.acc_scale[c] * gain_of(spec, c), own_bias = spec.bias.empty() ? 0 : spec.bias[c];
        if (by_table) {
            // A channel without weights has but its bias, on whatever scale.
            const bool empty = !spec.weight_abs_sum.empty() && spec.weight_abs_sum[c] == 0;
            if (empty) {
                own_bias = std::round(own_bias * acc_scale / step);
                acc_scale = step;
            }
            if (acc_scale == 0) return fail("scale of channel " + std::to_string(c) + " is 0");
            zero_of_p = std::llround(std::clamp(table.fit.centre / acc_scale, -4e9, 4e9));
        }
        if (spec.output != OutputKind::s32) {
            const double ratio = acc_scale / step;
            const auto mult = [&](int s) { return std::round(ratio * std::ldexp(1.0, 15 + s)); };
            while (shift < 31 && mult(shift + 1) <= 32767) ++shift;
            while (params.shifts_left() && shift > -15 && mult(shift) > 32767) --shift;
            if (params.shifts_left() && mult(shift) > 32767) {
                return fail("accumulators of channel " + std::to_string(c) + ", in steps of " + number(acc_scale) +
                            ", are far too coarse");
            }
            storage.mult_[c] = static_cast<std::int16_t>(std::min(mult(shift), 32767.0));
            centre = centring.next(storage.mult_[c], shift);
        }
        const std::int64_t bias =
            static_cast<std::int64_t>(own_bias) - zero_of_p -
            std::int64_t{spec.in_zero_point} * (spec.weight_sum.empty() ? 0 : spec.weight_sum[c]) +
            (shift > 0 ? std::int64_t{1} << (shift - 1) : 0) - centre;
        const std::int64_t reach = spec.weight_abs_sum.empty() ? 0 : spec.weight_abs_sum[c] * spec.in_max;
        if (std::abs(bias) + reach > std::numeric_limits<std::int32_t>::max() >> std::max(0, -shift)) {
            return fail("accumulator of channel " + std::to_string(c) + " can exceed 32 bits");
        }
        storage.bias_[c] = static_cast<std::int32_t>(bias);
        storage.shift_[c] = shift;
    }
    if (spec.activation == Activation::leaky) {
        if (std::abs(spec.alpha) >= 1) return fail("leaky slope " + number(spec.alpha) + " is outside (-1, 1)");
        params.alpha = q15(spec.alpha);
    }
    if (spec.activation == Activation::prelu) {
        if (spec.prelu_alpha.size() != spec.acc_scale.size()) return fail("prelu needs one slope a channel");
        storage.channel_alpha_.assign(padded, 0);
        for (int c = 0; c < channels; ++c) {
            if (std::abs(spec.prelu_alpha[c]) >= 1) {
                return fail("prelu slope of channel " + std::to_string(c) + " is outside (-1, 1)");
            }
            storage.channel_alpha_[c] = q15(spec.prelu_alpha[c]);
        }
    }
    if (spec.activation == Activation::gated) {
        auto nodes = gate_nodes(spec.gate);
        if (!nodes) return tl::unexpected(nodes.error());
        storage.nodes_ = std::move(*nodes);
        // From p's grid to that on which 2^14 is gate_reach.
        const auto alpha = [&](int c, int shift) {
            return std::round(std::ldexp(step / gain_of(spec, c) / gate_reach, 14 + shift));
        };
        const auto fit = [&](int shift) {
            for (int c = 0; c < channels; ++c) {
                if (alpha(c, shift) > 32767) return false;
            }
            return true;
        };
        params.gate_shift = 15;
        while (params.gate_shift > 1 && !fit(params.gate_shift)) --params.gate_shift;
        if (!fit(params.gate_shift)) return fail("its output reaches too far for its activation");
        storage.channel_alpha_.assign(padded, 0);
        for (int c = 0; c < channels; ++c)
            storage.channel_alpha_[c] = static_cast<std::int16_t>(alpha(c, params.gate_shift));
    }
    if (spec.activation == Activation::clip) {
        params.clip_lo = static_cast<std::int16_t>(std::clamp(std::round(spec.clip_lo / step), -32768.0, 32767.0));
        params.clip_hi = static_cast<std::int16_t>(std::clamp(std::round(spec.clip_hi / step), -32768.0, 32767.0));
    }
    if (spec.output == OutputKind::s16 && spec.activation == Activation::hardswish) {
        params.out_mult = q15(2.0 / 3.0);  // 4/3 * 2^-f -> 2^-(f-1)
    }
    return storage;
}

}  // namespace octet::kernels
