#pragma once

#include <algorithm>
#include <cstdint>

namespace octet::ops {

// TensorFlow's SAME of one axis: ceil(in / stride) outputs, and as much padding before as behind, or one less.
constexpr bool is_same_padding(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                               std::int64_t before, std::int64_t behind) {
    const std::int64_t out = (in + stride - 1) / stride;
    const std::int64_t whole = std::max<std::int64_t>(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - in);
    return before == whole / 2 && behind == whole - whole / 2;
}

}  // namespace octet::ops
