#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/result.h"

namespace octet {

// Dimensions of a dense tensor, outermost first; an empty shape is a scalar. Images are NCHW.
// Every dimension is known: dynamic ones are given a value at import.
using Shape = std::vector<std::int64_t>;

// Elements of one tensor that octet agrees to handle: 2^31 - 1, so that every index fits 32 bits.
inline constexpr std::int64_t max_elements = 2147483647;

// Product of the dimensions, or an error for a negative dimension or more than max_elements.
Result<std::int64_t> element_count(const Shape& shape);

// "1x3x640x640"; "scalar" for the empty shape.
std::string to_string(const Shape& shape);

// Row-major strides in elements.
std::vector<std::int64_t> strides_of(const Shape& shape);

// NumPy's multidirectional broadcasting.
Result<Shape> broadcast(const Shape& a, const Shape& b);

// Maps a possibly negative axis into [0, rank).
Result<std::int64_t> normalize_axis(std::int64_t axis, std::int64_t rank);

}  // namespace octet
