#pragma once

// The geometry that convolutions and poolings share. One to three spatial dimensions are supported; they are kept as
// three, [depth, height, width], with leading ones.
//
//   effective kernel   e = dilation * (kernel - 1) + 1
//   output             floor or ceil((input + pad_begin + pad_end - e) / stride) + 1
//   input position     output * stride - pad_begin + tap * dilation

#include <array>
#include <cstdint>

#include "graph/ops/check.h"

namespace octet::ops {

using Extent = std::array<std::int64_t, 3>;

struct Window {
    Extent in, out, kernel, stride, dilation, pad_begin, pad_end;

    std::int64_t in_size() const { return in[0] * in[1] * in[2]; }
    std::int64_t out_size() const { return out[0] * out[1] * out[2]; }
    std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
    // A 1x1 kernel that reads every input position once, in order.
    bool pointwise() const;
    // The output's shape with the spatial dimensions that the input [N, C, …] has.
    Shape output_shape(const Shape& input, std::int64_t channels) const;
};

// From the attributes strides, dilations, pads, auto_pad and, for poolings, ceil_mode. `kernel` has the spatial rank of
// `input`, which is [N, C, …].
Result<Window> make_window(const Node& node, const Shape& input, const Shape& kernel);

// Writes the window into the node's attributes: kernel_shape, strides, dilations and pads say all, auto_pad is gone.
// `rank` is the number of spatial dimensions.
void write_window(const Window& window, std::size_t rank, Node& node);

// The window of a pooling of `input`, whose kernel is the attribute kernel_shape.
Result<Window> pool_window(const Node& node, const Shape& input);
// OpDef::resolve of poolings.
void resolve_pool(Node& node, std::span<const TensorType* const> inputs);

}  // namespace octet::ops
