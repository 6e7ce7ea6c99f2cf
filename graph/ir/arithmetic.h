#pragma once

// Conversions and integer arithmetic that C++ leaves undefined for some values, defined for all.

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace octet {

// Integers wrap around as the model's own two's complement arithmetic does: they are added, subtracted and multiplied
// as Wrapping<T> and converted back. Floats stay as they are.
template <typename T>
using Wrapping = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;

// static_cast, but floats that the integer type To cannot hold: those beyond its range become the nearest value of it,
// NaN becomes 0.
template <typename To, typename From>
To convert(From x) {
    if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && !std::is_same_v<To, bool>) {
        // 2^digits is exact where the largest integer itself may not be.
        const From bound = std::ldexp(From(1), std::numeric_limits<To>::digits);
        if (std::isnan(x)) return To(0);
        if (x >= bound) return std::numeric_limits<To>::max();
        // Also what lies within 1 below: it is truncated to the lowest value.
        if (x <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    }
    return static_cast<To>(x);
}

}  // namespace octet
