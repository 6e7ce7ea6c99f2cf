#pragma once

// Which input positions each output position of Resize reads, along each axis on its own. For output o of an axis with
// `in` and `out` positions the input coordinate is
//
//   half_pixel            (o + ½)/scale − ½
//   pytorch_half_pixel    the same; 0 when the output has one position
//   half_pixel_symmetric  half_pixel, shifted so that the cut-off part is the same on both sides
//   align_corners         o · (in − 1)/(out − 1)
//   asymmetric            o / scale
//   tf_crop_and_resize    start·(in − 1) + o·(end − start)·(in − 1)/(out − 1)
//
// Where ONNX Runtime and ONNX's own reference evaluator differ this follows ONNX Runtime, with whose outputs users
// compare:
//   coordinates are float32, computed in the order of the formulas, so that ties fall on the same side;
//   align_corners counts the output positions, where the reference takes the fractional length in·scale;
//   out = ⌊in · scale⌋ with the product in float32, for tf_crop_and_resize too, whatever part is cropped;
//   halves are what differs by less than 1e-6 from one, for round_prefer_floor and round_prefer_ceil;
//   an axis with scale 1 is copied, for tf_crop_and_resize too; so is a tensor that keeps its shape, and with antialias
//   an axis that keeps its length.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "graph/ir/graph.h"

namespace octet::ops {

enum class ResizeMode { nearest, linear, cubic };
enum class ResizeTransform {
    half_pixel,
    pytorch_half_pixel,
    half_pixel_symmetric,
    align_corners,
    asymmetric,
    tf_crop_and_resize,
};
enum class NearestMode { round_prefer_floor, round_prefer_ceil, floor, ceil };

struct ResizeAttributes {
    ResizeMode mode = ResizeMode::nearest;
    ResizeTransform transform = ResizeTransform::half_pixel;
    NearestMode nearest = NearestMode::round_prefer_floor;
    double cubic_a = -0.75;
    double extrapolation = 0;
    bool antialias = false;
    bool exclude_outside = false;
};
Result<ResizeAttributes> resize_attributes(const Node& node);

// The values of roi, scales and sizes; empty where the input is omitted or has no elements.
struct ResizeInputs {
    std::vector<float> roi, scales;
    std::vector<std::int64_t> sizes;
};

struct ResizeAxis {
    std::int64_t in = 1, out = 1;
    float scale = 1, start = 0, end = 1;
    bool is_copied() const { return in == out && scale == 1; }
};
// One for each dimension of the input's shape.
Result<std::vector<ResizeAxis>> resize_axes(const Node& node, const Shape& shape, const ResizeInputs& given);

// The position that output o copies (mode nearest), or -1 for the extrapolation value.
std::int64_t nearest_source(const ResizeAttributes& attributes, const ResizeAxis& axis, std::int64_t o);

struct ResizeTap {
    std::int64_t index;
    double weight;
};
// What output o is the weighted sum of (modes linear and cubic). An empty list stands for the extrapolation value.
std::vector<ResizeTap> resize_taps(const ResizeAttributes& attributes, const ResizeAxis& axis, std::int64_t o);

}  // namespace octet::ops
