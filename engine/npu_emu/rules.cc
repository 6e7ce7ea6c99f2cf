#include "engine/npu_emu/rules.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace octet::engine::npu_emu {
namespace {

using Wide = __int128;

constexpr std::pair<RequantRule, std::string_view> requant_names[] = {
    {RequantRule::double_round, "double"},
    {RequantRule::double_up, "double-up"},
    {RequantRule::single, "single"},
    {RequantRule::tosa_double, "tosa-double"},
    {RequantRule::m16, "m16"},
    {RequantRule::fp32, "fp32"},
    {RequantRule::dq_float, "dq-float"},
    {RequantRule::onnx_ref, "onnx-ref"},
    {RequantRule::ethos_symmetric, "ethos-symmetric"},
    {RequantRule::ethos_truncate, "ethos-truncate"},
    {RequantRule::ethos_floor, "ethos-floor"},
    {RequantRule::pow2_floor, "pow2-floor"},
    {RequantRule::pow2_half_up, "pow2-half-up"},
    {RequantRule::pow2_half_away, "pow2-half-away"},
    {RequantRule::pow2_rne, "pow2-rne"},
    {RequantRule::single_even, "single-even"},
    {RequantRule::double_truncating, "double-truncating"},
    {RequantRule::q8, "q8"},
};
static_assert(std::size(requant_names) == requant_rules);

constexpr std::pair<AddRule, std::string_view> add_names[] = {
    {AddRule::tfl_20, "tfl-20"}, {AddRule::xnn_21, "xnn-21"},     {AddRule::ort_fma, "ort-fma"},
    {AddRule::ort_22, "ort-22"}, {AddRule::dq_float, "dq-float"}, {AddRule::ethos_one, "ethos-one"},
};

template <typename T, std::size_t n>
std::string_view name_in(const std::pair<T, std::string_view> (&names)[n], T rule) {
    for (const auto& [candidate, name] : names) {
        if (candidate == rule) return name;
    }
    return "unknown";
}
template <typename T, std::size_t n>
std::optional<T> rule_in(const std::pair<T, std::string_view> (&names)[n], std::string_view name) {
    for (const auto& [rule, candidate] : names) {
        if (candidate == name) return rule;
    }
    return std::nullopt;
}

constexpr std::int32_t saturate32(Wide x) {
    constexpr Wide low = std::numeric_limits<std::int32_t>::min(), high = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(x < low ? low : x > high ? high : x);
}

// (v * m + rounding) >> shift in 128 bits; a left shift where shift is negative.
inline std::int32_t scale_and_shift(std::int64_t v, std::int32_t m, int shift, Wide rounding) {
    const Wide product = Wide{v} * m;
    if (shift <= 0) return saturate32(product * (Wide{1} << -shift));
    return saturate32((product + rounding) >> shift);
}

inline Wide half(int shift) {
    return shift > 0 ? Wide{1} << (shift - 1) : 0;
}

// gemmlowp's SaturatingRoundingDoublingHighMul. It divides a product nudged with its sign, truncating; that rounds half
// up, as (product + 2^30) >> 31 does.
inline std::int32_t high_mul(std::int32_t x, std::int32_t m) {
    return static_cast<std::int32_t>((std::int64_t{x} * m + (std::int64_t{1} << 30)) >> 31);
}

// gemmlowp's RoundingDivideByPOT: half away from zero.
inline std::int32_t divide_pot(std::int32_t x, int k) {
    const auto mask = static_cast<std::int32_t>((std::int64_t{1} << k) - 1);
    const std::int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> k) + ((x & mask) > threshold ? 1 : 0);
}

inline std::int32_t shifted_left(std::int32_t x, int e) {
    return e <= 0 ? x : saturate32(Wide{x} * (Wide{1} << e));
}

// x * 2^-shift; a negative shift multiplies.
std::int32_t shift_pow2(RequantRule rule, std::int64_t x, int shift) {
    if (shift <= 0) return saturate32(Wide{x} * (Wide{1} << -shift));
    const Wide one = Wide{1} << shift;
    const Wide floor = Wide{x} >> shift;
    const Wide rest = Wide{x} - floor * one;  // 0 … one - 1
    const bool tie = rest * 2 == one, above = rest * 2 > one;
    switch (rule) {
        case RequantRule::pow2_floor:
            return saturate32(floor);
        case RequantRule::pow2_half_away:
            return saturate32(floor + (tie ? x >= 0 : above));
        case RequantRule::pow2_rne:
            return saturate32(floor + (tie ? (floor & 1) != 0 : above));
        default:
            return saturate32(floor + (tie || above));
    }
}

inline std::int32_t clamped(std::int64_t value, Range range) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, range.min, range.max));
}

// RNE and clamp of a real value that the zero point is added to.
inline std::int32_t rounded(float value, std::int32_t zero_point, Range range) {
    if (std::isnan(value)) return clamped(zero_point, range);
    const float low = static_cast<float>(range.min - zero_point), high = static_cast<float>(range.max - zero_point);
    return static_cast<std::int32_t>(std::nearbyint(std::clamp(value, low, high))) + zero_point;
}

template <RequantRule rule>
inline std::int32_t multiply_as(std::int64_t x, std::int32_t m, int e) {
    const int shift = 31 - e;
    if constexpr (rule == RequantRule::double_round) {
        const std::int32_t h = high_mul(shifted_left(saturate32(x), e), m);
        return e >= 0 ? h : -e > 31 ? 0 : divide_pot(h, -e);
    } else if constexpr (rule == RequantRule::double_up) {
        const std::int32_t h = high_mul(shifted_left(saturate32(x), e), m);
        return e >= 0 ? h : static_cast<std::int32_t>((std::int64_t{h} + (std::int64_t{1} << (-e - 1))) >> -e);
    } else if constexpr (rule == RequantRule::single) {
        const std::int64_t product = std::int64_t{saturate32(x)} * m;
        if (shift > 0 && shift < 62) return saturate32((product + (std::int64_t{1} << (shift - 1))) >> shift);
        return scale_and_shift(saturate32(x), m, shift, half(shift));
    } else if constexpr (rule == RequantRule::double_truncating) {
        const auto h =
            static_cast<std::int32_t>((std::int64_t{shifted_left(saturate32(x), e)} * std::int64_t{m}) >> 31);
        if (e >= 0) return h;
        return static_cast<std::int32_t>((std::int64_t{h} + (std::int64_t{1} << (-e - 1))) >> -e);
    } else if constexpr (rule == RequantRule::single_even) {
        if (shift <= 0) return scale_and_shift(x, m, shift, 0);
        const Wide product = Wide{x} * m, down = product >> shift, rest = product - (down << shift);
        const Wide tie = half(shift);
        return saturate32(down + (rest > tie || (rest == tie && (down & 1) != 0) ? 1 : 0));
    } else if constexpr (rule == RequantRule::tosa_double) {
        Wide rounding = half(shift);
        if (shift > 31) rounding += x >= 0 ? Wide{1} << 30 : -(Wide{1} << 30);
        return scale_and_shift(saturate32(x), m, shift, rounding);
    } else if constexpr (rule == RequantRule::m16) {
        const std::int32_t m16 = m < 0x7FFF0000 ? (m + (1 << 15)) >> 16 : 0x7FFF;
        return scale_and_shift(x, m16, shift - 16, half(shift - 16));
    } else if constexpr (rule == RequantRule::ethos_symmetric) {
        return scale_and_shift(x, m, shift, half(shift) - (x < 0 ? 1 : 0));
    } else if constexpr (rule == RequantRule::ethos_truncate) {
        return scale_and_shift(x, m, shift, x >= 0 || shift <= 0 ? 0 : (Wide{1} << shift) - 1);
    } else if constexpr (rule == RequantRule::ethos_floor) {
        return scale_and_shift(x, m, shift, 0);
    } else {
        return shift_pow2(rule, x, 1 - e);  // S = 2^30 * 2^(e - 31)
    }
}

template <RequantRule rule>
inline std::int32_t requantize_as(std::int64_t x, const Requantizer& r) {
    if constexpr (rule == RequantRule::fp32) {
        return rounded(static_cast<float>(x) * r.scale, r.zero_point, r.range);
    } else if constexpr (rule == RequantRule::dq_float) {
        return rounded(static_cast<float>(x) * r.acc_scale / r.y_scale, r.zero_point, r.range);
    } else if constexpr (rule == RequantRule::onnx_ref) {
        const double value = std::nearbyint(static_cast<double>(x) * double{r.scale} + r.zero_point);
        return static_cast<std::int32_t>(std::clamp<double>(value, r.range.min, r.range.max));
    } else if constexpr (rule == RequantRule::q8) {
        const std::int64_t sum = x * r.m + std::int64_t{r.zero_point} * 256 + 128;
        return clamped(sum >> 8, r.range);
    } else {
        return clamped(std::int64_t{multiply_as<rule>(x, r.m, r.e)} + r.zero_point, r.range);
    }
}

// f.template operator()<rule>()
template <typename F>
decltype(auto) with_rule(RequantRule rule, F&& f) {
    switch (rule) {
        case RequantRule::double_round:
            return f.template operator()<RequantRule::double_round>();
        case RequantRule::double_up:
            return f.template operator()<RequantRule::double_up>();
        case RequantRule::single:
            return f.template operator()<RequantRule::single>();
        case RequantRule::tosa_double:
            return f.template operator()<RequantRule::tosa_double>();
        case RequantRule::m16:
            return f.template operator()<RequantRule::m16>();
        case RequantRule::fp32:
            return f.template operator()<RequantRule::fp32>();
        case RequantRule::dq_float:
            return f.template operator()<RequantRule::dq_float>();
        case RequantRule::onnx_ref:
            return f.template operator()<RequantRule::onnx_ref>();
        case RequantRule::ethos_symmetric:
            return f.template operator()<RequantRule::ethos_symmetric>();
        case RequantRule::ethos_truncate:
            return f.template operator()<RequantRule::ethos_truncate>();
        case RequantRule::ethos_floor:
            return f.template operator()<RequantRule::ethos_floor>();
        case RequantRule::pow2_floor:
            return f.template operator()<RequantRule::pow2_floor>();
        case RequantRule::pow2_half_up:
            return f.template operator()<RequantRule::pow2_half_up>();
        case RequantRule::pow2_half_away:
            return f.template operator()<RequantRule::pow2_half_away>();
        case RequantRule::pow2_rne:
            return f.template operator()<RequantRule::pow2_rne>();
        case RequantRule::single_even:
            return f.template operator()<RequantRule::single_even>();
        case RequantRule::double_truncating:
            return f.template operator()<RequantRule::double_truncating>();
        case RequantRule::q8:
            return f.template operator()<RequantRule::q8>();
    }
    std::abort();
}

bool is_pow2_rule(RequantRule rule) {
    return rule >= RequantRule::pow2_floor && rule <= RequantRule::pow2_rne;
}
bool multiplies_integers(RequantRule rule) {
    return rule != RequantRule::fp32 && rule != RequantRule::dq_float && rule != RequantRule::onnx_ref &&
           rule != RequantRule::q8;
}

int lowest(DType type) {
    return type == DType::uint8 ? 0 : type == DType::int16 ? -32768 : -128;
}

float real(std::int32_t stored, int zero_point, float scale) {
    return static_cast<float>(stored - zero_point) * scale;
}

}  // namespace

std::string_view name_of(RequantRule rule) {
    return name_in(requant_names, rule);
}
std::optional<RequantRule> requant_rule(std::string_view name) {
    return rule_in(requant_names, name);
}
std::string_view name_of(AddRule rule) {
    return name_in(add_names, rule);
}
std::optional<AddRule> add_rule(std::string_view name) {
    return rule_in(add_names, name);
}

Multiplier quantize_multiplier(double scale) {
    if (scale == 0) return {};
    int e = 0;
    const double q = std::frexp(scale, &e);
    auto m = static_cast<std::int64_t>(std::round(q * 2147483648.0));
    if (m == std::int64_t{1} << 31) {
        m /= 2;
        ++e;
    }
    if (e < -31) return {};
    return {static_cast<std::int32_t>(m), e};
}

Multiplier reduce_multiplier(Multiplier multiplier, int bits) {
    const int dropped = 32 - bits;
    if (dropped <= 0) return multiplier;
    const std::int64_t largest = (std::int64_t{1} << (bits - 1)) - 1;
    const std::int64_t reduced =
        std::min((std::int64_t{multiplier.m} + (std::int64_t{1} << (dropped - 1))) >> dropped, largest);
    return {static_cast<std::int32_t>(reduced << dropped), multiplier.e};
}

Result<Requantizer> make_requantizer(RequantRule rule, float xs, float ws, float ys, int zero_point, Range range,
                                     MultiplierForm form) {
    const double scale = form.from_float32
                             ? static_cast<double>(xs * ws / ys)
                             : static_cast<double>(xs) * static_cast<double>(ws) / static_cast<double>(ys);
    if (!std::isfinite(scale) || scale < 0)
        return fail(ErrorCode::unsupported, "a scale of {} * {} / {} is not a number to multiply with", xs, ws, ys);
    Requantizer r;
    r.rule = rule;
    r.zero_point = zero_point;
    r.range = range;
    r.acc_scale = xs * ws;
    r.y_scale = ys;
    r.scale = xs * ws / ys;
    if (rule == RequantRule::q8) {
        r.m = static_cast<std::int32_t>(std::lrint(256.0F * r.scale));
        return r;
    }
    const Multiplier multiplier = reduce_multiplier(quantize_multiplier(scale), form.bits);
    r.m = multiplier.m;
    r.e = multiplier.e;
    if (r.e > 30 && multiplies_integers(rule))
        return fail(ErrorCode::unsupported, "a scale of {:.3g} needs a left shift by {}; 30 is the most", scale, r.e);
    if (is_pow2_rule(rule) && r.m != 1 << 30)
        return fail(ErrorCode::unsupported, "its scale {:.9g} is no power of two, which '{}' shifts by", scale,
                    name_of(rule));
    return r;
}

std::int32_t requantize(std::int64_t x, const Requantizer& requantizer) {
    return with_rule(requantizer.rule, [&]<RequantRule rule>() { return requantize_as<rule>(x, requantizer); });
}

void requantize(std::span<const std::int32_t> acc, const Requantizer& requantizer, std::span<std::int32_t> out) {
    with_rule(requantizer.rule, [&]<RequantRule rule>() {
        for (std::size_t i = 0; i < acc.size(); ++i) out[i] = requantize_as<rule>(acc[i], requantizer);
    });
}

std::int32_t multiply(RequantRule rule, std::int64_t x, Multiplier multiplier) {
    return with_rule(rule, [&]<RequantRule r>() -> std::int32_t {
        if constexpr (r == RequantRule::fp32 || r == RequantRule::dq_float || r == RequantRule::onnx_ref ||
                      r == RequantRule::q8) {
            return 0;
        } else {
            return multiply_as<r>(x, multiplier.m, multiplier.e);
        }
    });
}

Result<Adder> make_adder(AddRule rule, RequantRule steps, const Grid& a, const Grid& b, const Grid& y, Range range,
                         bool subtract) {
    Adder adder;
    adder.rule = rule;
    adder.steps = steps;
    adder.subtract = subtract;
    adder.a_scale = a.scale;
    adder.b_scale = b.scale;
    adder.y_scale = y.scale;
    adder.a_zero = a.zero_point;
    adder.b_zero = b.zero_point;
    adder.zero_point = y.zero_point;
    adder.range = range;
    adder.shift = y.dtype == DType::int16 ? 15 : 20;
    const float ra = a.scale / y.scale, rb = b.scale / y.scale, largest = std::max(ra, rb);
    if (!std::isfinite(largest) || largest <= 0)
        return fail(ErrorCode::unsupported, "scales of {} and {} cannot be brought to {}", a.scale, b.scale, y.scale);
    switch (rule) {
        case AddRule::tfl_20:
        case AddRule::ethos_one: {
            const double twice = 2 * static_cast<double>(std::max(a.scale, b.scale));
            adder.a = quantize_multiplier(static_cast<double>(a.scale) / twice);
            adder.b = quantize_multiplier(static_cast<double>(b.scale) / twice);
            adder.out =
                quantize_multiplier(twice / (static_cast<double>(1 << adder.shift) * static_cast<double>(y.scale)));
            if (adder.out.e > 30)
                return fail(ErrorCode::unsupported, "its result's scale {} is too fine for its operands'", y.scale);
            break;
        }
        case AddRule::xnn_21:
        case AddRule::ort_22: {
            int exponent = 0;
            std::frexp(largest, &exponent);
            adder.shift = (rule == AddRule::xnn_21 ? 20 : 21) - (exponent - 1);
            if (adder.shift < 1 || adder.shift > 50)
                return fail(ErrorCode::unsupported, "a ratio of scales of {:.3g} is outside of '{}'", largest,
                            name_of(rule));
            adder.a_int = std::llrint(std::ldexp(static_cast<double>(ra), adder.shift));
            adder.b_int = std::llrint(std::ldexp(static_cast<double>(rb), adder.shift));
            break;
        }
        case AddRule::ort_fma:
            adder.a_scale = ra;
            adder.b_scale = subtract ? -rb : rb;
            adder.bias = static_cast<float>(y.zero_point) - std::fma(ra, static_cast<float>(a.zero_point),
                                                                     adder.b_scale * static_cast<float>(b.zero_point));
            break;
        case AddRule::dq_float:
            break;
    }
    return adder;
}

std::int32_t add(std::int32_t a, std::int32_t b, const Adder& adder) {
    const std::int64_t x = std::int64_t{a} - adder.a_zero, y = std::int64_t{b} - adder.b_zero;
    const int sign = adder.subtract ? -1 : 1;
    switch (adder.rule) {
        case AddRule::tfl_20: {
            const std::int64_t scaled_a = multiply(adder.steps, x * (std::int64_t{1} << adder.shift), adder.a);
            const std::int64_t scaled_b = multiply(adder.steps, y * (std::int64_t{1} << adder.shift), adder.b);
            return clamped(
                multiply(adder.steps, scaled_a + sign * scaled_b, adder.out) + std::int64_t{adder.zero_point},
                adder.range);
        }
        case AddRule::ethos_one: {
            // The operand of the larger scale is multiplied by 1/2 exactly.
            const auto scaled = [&](std::int64_t value, Multiplier m) -> std::int64_t {
                return multiply(RequantRule::single, value * (std::int64_t{1} << adder.shift), m);
            };
            return clamped(
                multiply(RequantRule::double_round, scaled(x, adder.a) + sign * scaled(y, adder.b), adder.out) +
                    std::int64_t{adder.zero_point},
                adder.range);
        }
        case AddRule::xnn_21: {
            const std::int64_t acc = x * adder.a_int + sign * y * adder.b_int + (std::int64_t{1} << (adder.shift - 1));
            return clamped((acc >> adder.shift) + adder.zero_point, adder.range);
        }
        case AddRule::ort_22: {
            const std::int64_t acc = x * adder.a_int + sign * y * adder.b_int;
            const std::int64_t rounding = (std::int64_t{1} << (adder.shift - 1)) - (acc < 0 ? 1 : 0);
            return clamped(((acc + rounding) >> adder.shift) + adder.zero_point, adder.range);
        }
        case AddRule::ort_fma: {
            const float sum = std::fma(static_cast<float>(a), adder.a_scale,
                                       std::fma(static_cast<float>(b), adder.b_scale, adder.bias));
            return rounded(sum, 0, adder.range);
        }
        case AddRule::dq_float: {
            const float p = real(a, adder.a_zero, adder.a_scale), q = real(b, adder.b_zero, adder.b_scale);
            return rounded((adder.subtract ? p - q : p + q) / adder.y_scale, adder.zero_point, adder.range);
        }
    }
    return 0;
}

Result<Multiplication> make_multiplication(MulRule rule, RequantRule requant, const Grid& a, const Grid& b,
                                           const Grid& y, Range range, MultiplierForm form) {
    Multiplication result;
    result.rule = rule;
    result.a_scale = a.scale;
    result.b_scale = b.scale;
    result.y_scale = y.scale;
    result.scale = a.scale * b.scale / y.scale;
    result.a_zero = a.zero_point;
    result.b_zero = b.zero_point;
    result.zero_point = y.zero_point;
    result.range = range;
    if (rule == MulRule::requant) {
        OCTET_ASSIGN(result.requantizer,
                     make_requantizer(requant, a.scale, b.scale, y.scale, y.zero_point, range, form));
    }
    return result;
}

std::int32_t multiply(std::int32_t a, std::int32_t b, const Multiplication& mul) {
    const std::int64_t product = (std::int64_t{a} - mul.a_zero) * (std::int64_t{b} - mul.b_zero);
    switch (mul.rule) {
        case MulRule::requant:
            return requantize(product, mul.requantizer);
        case MulRule::ort_mul:
            return rounded(static_cast<float>(product) * mul.scale + static_cast<float>(mul.zero_point), 0, mul.range);
        case MulRule::dq_float:
            return rounded(real(a, mul.a_zero, mul.a_scale) * real(b, mul.b_zero, mul.b_scale) / mul.y_scale,
                           mul.zero_point, mul.range);
    }
    return 0;
}

Result<ByteTable> requantize_table(RequantRule rule, const Grid& x, const Grid& y, Range range, MultiplierForm form) {
    OCTET_ASSIGN(const Requantizer r, make_requantizer(rule, x.scale, 1, y.scale, y.zero_point, range, form));
    ByteTable table{};
    for (int i = 0; i < 256; ++i)
        table[static_cast<std::size_t>(i)] = requantize(lowest(x.dtype) + i - x.zero_point, r);
    return table;
}

Result<ByteTable> leaky_table(RequantRule rule, const Grid& x, const Grid& y, float alpha, Range range,
                              MultiplierForm form) {
    OCTET_ASSIGN(const Requantizer positive, make_requantizer(rule, x.scale, 1, y.scale, y.zero_point, range, form));
    Requantizer negative = positive;
    if (rule == RequantRule::q8) {
        negative.m = static_cast<std::int32_t>(std::lrint(256.0F * (x.scale / y.scale * alpha)));
    } else {
        OCTET_ASSIGN(negative, make_requantizer(rule, x.scale, std::abs(alpha), y.scale, y.zero_point, range, form));
    }
    // Rules see the product alone, so that the slope's sign may be the value's.
    const int sign = alpha < 0 && rule != RequantRule::q8 ? -1 : 1;
    ByteTable table{};
    for (int i = 0; i < 256; ++i) {
        const int value = lowest(x.dtype) + i - x.zero_point;
        table[static_cast<std::size_t>(i)] =
            value >= 0 ? requantize(value, positive) : requantize(sign * value, negative);
    }
    return table;
}

namespace {

std::int32_t sat16(std::int64_t x) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(x, -32768, 32767));
}
// gemmlowp's SaturatingRoundingDoublingHighMul of 16 bits.
std::int32_t high_mul16(std::int32_t a, std::int32_t b) {
    const std::int32_t product = a * b;
    const std::int32_t nudge = product >= 0 ? 1 << 14 : 1 - (1 << 14);
    return sat16((product + nudge) / (1 << 15));
}
// The same without rounding, towards zero.
std::int32_t high_mul16_truncating(std::int32_t a, std::int32_t b) {
    return sat16(a * b / (1 << 15));
}
std::int32_t to_16_bits(std::int32_t m) {
    return m < 0x7FFF0000 ? (m + (1 << 15)) >> 16 : 0x7FFF;
}

}  // namespace

ByteTable hardswish_table(const Grid& x, const Grid& y, Range range) {
    const float hires = 1.0F / 128 * x.scale;  // of x << 7
    const Multiplier out = quantize_multiplier(static_cast<double>(hires / y.scale));
    const Multiplier relu6 = quantize_multiplier(static_cast<double>(hires / (3.0F / 32768)));
    const std::int32_t out_m = to_16_bits(out.m), relu6_m = to_16_bits(relu6.m);
    ByteTable table{};
    for (int i = 0; i < 256; ++i) {
        const std::int32_t value = (lowest(x.dtype) + i - x.zero_point) * 128;
        const std::int32_t scaled = high_mul16(value, out_m);
        std::int32_t gate = value;
        if (relu6.e > 0) gate = sat16(std::int64_t{gate} * (std::int64_t{1} << std::min(relu6.e - 1, 31)));
        gate = high_mul16(gate, relu6_m);
        if (relu6.e > 0) gate = sat16(std::int64_t{gate} * 2);
        if (relu6.e < 0) gate = divide_pot(gate, -relu6.e);
        gate = (gate + (1 << 15)) >> 1;  // from [-1, 1] to [0, 1]
        std::int32_t result = high_mul16_truncating(gate, scaled);
        result = out.e <= 0 ? divide_pot(result, -out.e) : sat16(std::int64_t{result} * (std::int64_t{1} << out.e));
        table[static_cast<std::size_t>(i)] = clamped(std::int64_t{result} + y.zero_point, range);
    }
    return table;
}

ByteTable concat_u8_table(const Grid& x, const Grid& y) {
    const float inverse = 1.0F / y.scale;
    const float scale = x.scale * inverse;
    const float bias = static_cast<float>(-x.zero_point) * scale;
    ByteTable table{};
    for (int i = 0; i < 256; ++i) {
        const float value = static_cast<float>(lowest(x.dtype) + i) * scale + bias;
        const float bounded = std::clamp(std::round(value), -1e6F, 1e6F);
        const Range range{lowest(y.dtype), lowest(y.dtype) + 255};
        table[static_cast<std::size_t>(i)] = clamped(static_cast<std::int64_t>(bounded) + y.zero_point, range);
    }
    return table;
}

std::int32_t average(std::int64_t sum, std::int64_t count) {
    return static_cast<std::int32_t>(sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count);
}

}  // namespace octet::engine::npu_emu
