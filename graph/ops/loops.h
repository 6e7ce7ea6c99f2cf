#pragma once

// Loops that the operators' evaluation functions share.

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "base/dtype.h"
#include "graph/ir/shape.h"
#include "graph/ops/op_def.h"

namespace octet::ops {

// dispatch() restricted to types that inference has let through.
template <typename F>
decltype(auto) dispatch_floating(DType type, F&& f) {
    return type == DType::float64 ? f.template operator()<double>() : f.template operator()<float>();
}
template <typename F>
decltype(auto) dispatch_numeric(DType type, F&& f) {
    return dispatch(type, [&]<typename T>() {
        return f.template operator()<std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>>();
    });
}
// An unsigned type of the element's size, for operators that only move elements.
template <typename F>
decltype(auto) dispatch_size(DType type, F&& f) {
    switch (dtype_size(type)) {
        case 1:
            return f.template operator()<std::uint8_t>();
        case 2:
            return f.template operator()<std::uint16_t>();
        case 4:
            return f.template operator()<std::uint32_t>();
        default:
            return f.template operator()<std::uint64_t>();
    }
}
// The elements as values of a type of the same size.
template <typename T>
const T* elements(const Tensor& tensor) {
    return reinterpret_cast<const T*>(tensor.raw());
}
template <typename T>
T* mutable_elements(Tensor& tensor) {
    return reinterpret_cast<T*>(tensor.mutable_raw());
}

// body(begin, end) over [0, count) in pieces of `grain`.
template <typename F>
void parallel_ranges(const ParallelFor& parallel_for, std::int64_t count, std::int64_t grain, F&& body) {
    const std::int64_t pieces = (count + grain - 1) / grain;
    if (pieces <= 1) {
        if (count > 0) body(std::int64_t{0}, count);
        return;
    }
    parallel_for(pieces, [&](std::int64_t i) { body(i * grain, std::min(count, (i + 1) * grain)); });
}

// Elements of work that outweigh the cost of handing them to another thread.
inline constexpr std::int64_t elementwise_grain = 1 << 16;

// How many rows of `row` elements make a piece of that size.
inline std::int64_t row_grain(std::int64_t row) {
    return std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(1, row));
}

// Product of dimensions [begin, end).
inline std::int64_t product(const Shape& shape, std::size_t begin, std::size_t end) {
    std::int64_t result = 1;
    for (std::size_t i = begin; i < end; ++i) result *= shape[i];
    return result;
}

// A tensor seen as [outer, extent, inner] around one axis.
struct AxisView {
    std::int64_t outer, extent, inner;
};
inline AxisView around(const Shape& shape, std::int64_t axis) {
    const auto a = static_cast<std::size_t>(axis);
    return {product(shape, 0, a), shape[a], product(shape, a + 1, shape.size())};
}

// Steps a multi-index through `shape` in row-major order; false after the last one.
inline bool next_index(std::vector<std::int64_t>& index, const Shape& shape) {
    for (std::size_t d = shape.size(); d-- > 0;) {
        if (++index[d] < shape[d]) return true;
        index[d] = 0;
    }
    return false;
}

}  // namespace octet::ops
