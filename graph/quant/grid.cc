#include "graph/quant/grid.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace octet::quant {
namespace {

// A scale below the normal numbers has no precision of its own: such a range counts as [0, 0].
bool is_usable(float scale) {
    return scale >= std::numeric_limits<float>::min();
}

}  // namespace

std::int32_t grid_min(DType dtype) {
    switch (dtype) {
        case DType::int8:
            return -128;
        case DType::int16:
            return -32768;
        default:
            return 0;
    }
}

std::int32_t grid_max(DType dtype) {
    switch (dtype) {
        case DType::int8:
            return 127;
        case DType::int16:
            return 32767;
        case DType::uint16:
            return 65535;
        default:
            return 255;
    }
}

Range reach(const Grid& grid) {
    return {dequantize(grid_min(grid.dtype), grid), dequantize(grid_max(grid.dtype), grid)};
}

Grid asymmetric_grid(Range range, DType dtype) {
    const float lo = std::min(range.lo, 0.0F);
    const float hi = std::max(range.hi, 0.0F);
    const std::int32_t qmin = grid_min(dtype);
    const std::int32_t qmax = grid_max(dtype);
    const auto steps = static_cast<float>(qmax - qmin);
    const float span = hi - lo;
    const float scale = std::isfinite(span) ? span / steps : hi / steps - lo / steps;
    if (!is_usable(scale)) return {dtype, 1.0F, std::clamp(0, qmin, qmax)};
    const auto zero_point = static_cast<std::int32_t>(std::nearbyint(static_cast<float>(qmin) - lo / scale));
    return {dtype, scale, std::clamp(zero_point, qmin, qmax)};
}

Grid symmetric_grid(Range range, DType dtype) {
    const float magnitude = std::max(std::fabs(range.lo), std::fabs(range.hi));
    const bool is_signed = grid_min(dtype) < 0;
    const std::int32_t zero_point = is_signed ? 0 : (grid_max(dtype) + 1) / 2;
    const auto steps = static_cast<float>(grid_max(dtype) - zero_point);
    const float scale = magnitude / steps;
    return {dtype, is_usable(scale) ? scale : 1.0F, zero_point};
}

Grid power_of_two_grid(Range range, DType dtype, float headroom) {
    const float magnitude = std::max(std::fabs(range.lo), std::fabs(range.hi)) * headroom;
    const auto steps = static_cast<float>(grid_max(dtype));
    int f = 24;
    while (f > -8 && std::ldexp(magnitude, f) > steps) --f;
    return {dtype, std::ldexp(1.0F, -f), 0};
}

std::int32_t quantize(float real, const Grid& grid) {
    const auto lo = static_cast<float>(grid_min(grid.dtype) - grid.zero_point);
    const auto hi = static_cast<float>(grid_max(grid.dtype) - grid.zero_point);
    // Clamped before the conversion: a float beyond the range of int32 has no integer value.
    const float q = std::clamp(std::nearbyint(real / grid.scale), lo, hi);
    return static_cast<std::int32_t>(q) + grid.zero_point;
}

Tensor quantize(const Tensor& real, const Grid& grid) {
    assert(real.dtype() == DType::float32);
    Tensor integers(grid.dtype, real.shape());
    const auto in = real.data<float>();
    const auto lo = static_cast<float>(grid_min(grid.dtype) - grid.zero_point);
    const auto hi = static_cast<float>(grid_max(grid.dtype) - grid.zero_point);
    // Adding and subtracting 1.5·2^23 rounds to the nearest integer, ties to even, for magnitudes below 2^22, and
    // unlike nearbyint() it vectorizes; the clamp before it keeps the sum in that range.
    constexpr float magic = 12582912.0F;
    dispatch(grid.dtype, [&]<typename T>() {
        if constexpr (!std::is_same_v<T, bool>) {
            auto out = integers.mutable_data<T>();
            for (std::size_t i = 0; i < in.size(); ++i) {
                const float clamped = std::min(std::max(in[i] / grid.scale, lo), hi);
                const float rounded = (clamped + magic) - magic;
                out[i] = static_cast<T>(static_cast<std::int32_t>(rounded) + grid.zero_point);
            }
        }
    });
    return integers;
}

Tensor dequantize(const Tensor& integers, const Grid& grid) {
    Tensor real(DType::float32, integers.shape());
    auto out = real.mutable_data<float>();
    dispatch(integers.dtype(), [&]<typename T>() {
        const auto in = integers.data<T>();
        for (std::size_t i = 0; i < in.size(); ++i) {
            out[i] = grid.scale * static_cast<float>(static_cast<std::int32_t>(in[i]) - grid.zero_point);
        }
    });
    return real;
}

}  // namespace octet::quant
