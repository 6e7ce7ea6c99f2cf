#pragma once

// The 16-bit floats that files hold; octet computes in float32, which has every value of both.

#include <bit>
#include <cstdint>

namespace octet {

// IEEE 754 binary16: sign 1, exponent 5 (bias 15), fraction 10.
inline float float_from_half(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
    const std::uint32_t exponent = (half >> 10) & 0x1FU;
    const std::uint32_t fraction = half & 0x3FFU;
    if (exponent == 0) {  // zero and subnormals: fraction * 2^-24 is exact in float32
        const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
        return sign != 0 ? -magnitude : magnitude;
    }
    const std::uint32_t wide = exponent == 31 ? 255U : exponent + (127U - 15U);
    return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

// bfloat16: the upper half of a float32.
inline float float_from_bfloat(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace octet
