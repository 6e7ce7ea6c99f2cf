#include "kernels/requantize.h"

#include <algorithm>
#include <cmath>

namespace octet::kernels {

const char* requant_flavour_name(RequantFlavour flavour) {
    switch (flavour) {
        case RequantFlavour::onnx:
            return "onnx";
        case RequantFlavour::onnx_ref:
            return "onnx-ref";
        case RequantFlavour::tflite_double:
            return "tflite-double";
        case RequantFlavour::tflite_single:
            return "tflite-single";
        case RequantFlavour::tosa_double:
            return "tosa-double";
        case RequantFlavour::tosa_scale16:
            return "tosa-scale16";
        case RequantFlavour::ethos_symmetric:
            return "ethos-u-symmetric";
        case RequantFlavour::ethos_truncate:
            return "ethos-u-truncate";
        case RequantFlavour::ethos_floor:
            return "ethos-u-floor";
        case RequantFlavour::pow2_floor:
            return "pow2-floor";
        case RequantFlavour::pow2_half_up:
            return "pow2-half-up";
        case RequantFlavour::pow2_half_away:
            return "pow2-half-away";
        case RequantFlavour::pow2_rne:
            return "pow2-rne";
    }
    return "unknown";
}

QuantizedMultiplier quantize_multiplier(double scale) {
    if (scale == 0) return {};
    int exponent = 0;
    const double q = std::frexp(scale, &exponent);
    auto m = static_cast<int64_t>(std::round(q * 2147483648.0));
    if (m == int64_t{1} << 31) {
        m /= 2;
        ++exponent;
    }
    return {static_cast<int32_t>(m), exponent};
}

bool make_requant(RequantFlavour flavour, double x_scale, double w_scale, double y_scale, int32_t zero_point,
                  int32_t qmin, int32_t qmax, RequantParams* params) {
    const double scale = x_scale * w_scale / y_scale;
    if (!std::isfinite(scale) || scale < 0) return false;
    const QuantizedMultiplier quantized = quantize_multiplier(scale);
    if (quantized.exponent < -31 || quantized.exponent > 31) return false;
    if (flavour >= RequantFlavour::pow2_floor && quantized.multiplier != 1 << 30) return false;
    *params = {.flavour = flavour,
               .scale = static_cast<float>(x_scale) * static_cast<float>(w_scale) / static_cast<float>(y_scale),
               .multiplier = quantized.multiplier,
               .exponent = quantized.exponent,
               .zero_point = zero_point,
               .qmin = qmin,
               .qmax = qmax};
    return true;
}

namespace {

int32_t saturate32(int64_t x) {
    return static_cast<int32_t>(
        std::clamp<int64_t>(x, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
}

// (v * m + r) >> sh in 128 bits: a left shift (sh < 0 for S >= 2^31) and an int64 accumulator cannot overflow it.
using Wide = __int128;

int32_t scale_and_shift(int64_t v, int32_t multiplier, int shift, Wide rounding) {
    const Wide product = Wide{v} * multiplier;
    if (shift <= 0) return saturate32(static_cast<int64_t>(product << -shift));
    return saturate32(static_cast<int64_t>((product + rounding) >> shift));
}

Wide half(int shift) {
    return shift > 0 ? Wide{1} << (shift - 1) : 0;
}

// acc * 2^-shift; a negative shift multiplies.
int32_t shift_pow2(int64_t acc, int shift, RequantFlavour flavour) {
    if (shift <= 0)
        return saturate32(static_cast<int64_t>(std::clamp(Wide{acc} << -shift, -(Wide{1} << 62), Wide{1} << 62)));
    if (shift > 62) return acc < 0 && flavour == RequantFlavour::pow2_floor ? -1 : 0;
    const int64_t one = int64_t{1} << shift;
    const int64_t floor = acc >> shift;
    const int64_t rest = acc - floor * one;  // 0 … one - 1
    const bool tie = rest * 2 == one;
    switch (flavour) {
        case RequantFlavour::pow2_floor:
            return saturate32(floor);
        case RequantFlavour::pow2_half_away:
            return saturate32(floor + (tie ? acc >= 0 : rest * 2 > one));
        case RequantFlavour::pow2_rne:
            return saturate32(floor + (tie ? (floor & 1) != 0 : rest * 2 > one));
        default:  // half up
            return saturate32(floor + (rest * 2 >= one));
    }
}

}  // namespace

int32_t multiply_tflite_double(int32_t x, int32_t multiplier, int exponent) {
    const int left = std::max(exponent, 0), right = std::max(-exponent, 0);
    // TFLite shifts in 32 bits and relies on the result fitting; saturating gives the same on that domain.
    const int32_t shifted = saturate32(int64_t{x} * (int64_t{1} << left));
    const bool overflow = shifted == multiplier && shifted == std::numeric_limits<int32_t>::min();
    const int64_t product = int64_t{shifted} * multiplier;
    const int64_t nudge = product >= 0 ? int64_t{1} << 30 : 1 - (int64_t{1} << 30);
    // gemmlowp divides (truncation) after a nudge with the product's sign; this equals (product + 2^30) >> 31.
    const int32_t high =
        overflow ? std::numeric_limits<int32_t>::max() : static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
    const int32_t mask = static_cast<int32_t>((int64_t{1} << right) - 1);
    const int32_t remainder = high & mask;
    const int32_t threshold = (mask >> 1) + (high < 0 ? 1 : 0);
    return (high >> right) + (remainder > threshold ? 1 : 0);
}

int32_t multiply_tflite_single(int32_t x, int32_t multiplier, int exponent) {
    const int shift = 31 - exponent;
    return scale_and_shift(x, multiplier, shift, half(shift));
}

int32_t multiply_tosa_double(int32_t x, int32_t multiplier, int exponent) {
    const int shift = 31 - exponent;
    Wide rounding = half(shift);
    if (shift > 31) rounding += x >= 0 ? Wide{1} << 30 : -(Wide{1} << 30);
    return scale_and_shift(x, multiplier, shift, rounding);
}

int32_t multiply_tosa_scale16(int64_t x, int32_t multiplier16, int exponent) {
    const int shift = 15 - exponent;
    return scale_and_shift(x, multiplier16, shift, half(shift));
}

int32_t requantize(int64_t acc, const RequantParams& params) {
    const int32_t zp = params.zero_point;
    const int shift = 31 - params.exponent;
    const int32_t m = params.multiplier;
    int64_t scaled = 0;
    switch (params.flavour) {
        case RequantFlavour::onnx: {
            const float product = static_cast<float>(acc) * params.scale;
            const float low = static_cast<float>(params.qmin - zp), high = static_cast<float>(params.qmax - zp);
            return static_cast<int32_t>(std::nearbyint(std::clamp(product, low, high))) + zp;
        }
        case RequantFlavour::onnx_ref: {
            const double value = std::nearbyint(static_cast<double>(acc) * double{params.scale} + zp);
            return static_cast<int32_t>(std::clamp<double>(value, params.qmin, params.qmax));
        }
        case RequantFlavour::tflite_double:
            scaled = multiply_tflite_double(saturate32(acc), m, params.exponent);
            break;
        case RequantFlavour::tflite_single:
            scaled = multiply_tflite_single(saturate32(acc), m, params.exponent);
            break;
        case RequantFlavour::tosa_double:
            scaled = multiply_tosa_double(saturate32(acc), m, params.exponent);
            break;
        case RequantFlavour::tosa_scale16:
            scaled = multiply_tosa_scale16(acc, reduce_multiplier_to_16(m), params.exponent);
            break;
        case RequantFlavour::ethos_symmetric:
            scaled = scale_and_shift(acc, m, shift, half(shift) - (acc < 0 ? 1 : 0));
            break;
        case RequantFlavour::ethos_truncate:
            scaled = scale_and_shift(acc, m, shift, acc >= 0 || shift <= 0 ? 0 : (Wide{1} << shift) - 1);
            break;
        case RequantFlavour::ethos_floor:
            scaled = scale_and_shift(acc, m, shift, 0);
            break;
        default:
            // S = 2^30 * 2^(exponent - 31) = 2^-(1 - exponent)
            scaled = shift_pow2(acc, 1 - params.exponent, params.flavour);
    }
    return static_cast<int32_t>(std::clamp<int64_t>(scaled + zp, params.qmin, params.qmax));
}

int32_t quantize_linear(float x, float scale, int32_t zero_point, int32_t qmin, int32_t qmax) {
    if (std::isnan(x)) return zero_point;
    const float low = static_cast<float>(qmin - zero_point), high = static_cast<float>(qmax - zero_point);
    return static_cast<int32_t>(std::nearbyint(std::clamp(x / scale, low, high))) + zero_point;
}

}  // namespace octet::kernels
