#pragma once

// How tensors lie in planes: [1, c, h, w] as it is, and each image of a batch as if it were alone. Of other ranks the last two dimensions are height and width and all
// before them are channels; with three dimensions the last is the width, with fewer all are channels. So the elements
// of a plane by channel, row and column are those of the tensor in its order, and a Reshape that splits or joins
// channels moves nothing.

#include <optional>

#include "engine/program.h"

namespace octet::engine::cpu {

struct PlaneShape {
    std::int64_t c = 1, h = 1, w = 1;

    friend bool operator==(const PlaneShape&, const PlaneShape&) = default;
};
PlaneShape plane_shape(const Shape& shape);

// Of one image.
Shape image_shape(const QuantValue& value);

// Along which axis of a plane tensors of this shape are joined when they are joined along a dimension; nothing: they
// would be interleaved.
enum class PlaneAxis { channels, rows, columns };
std::optional<PlaneAxis> plane_axis(const Shape& shape, int dimension);

// Whether a plane of x, repeated where it has one channel, row or column, has x's elements where ONNX broadcasts them
// to y.
bool broadcasts_in_planes(const Shape& x, const Shape& y);

}  // namespace octet::engine::cpu
