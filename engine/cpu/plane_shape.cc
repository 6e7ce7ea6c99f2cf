#include "engine/cpu/plane_shape.h"

#include <algorithm>

namespace octet::engine::cpu {
namespace {

// How many of the dimensions are channels.
std::size_t channel_dimensions(const Shape& shape) {
    const std::size_t rank = shape.size();
    return rank < 3 ? rank : rank == 3 ? 2 : rank - 2;
}

}  // namespace

PlaneShape plane_shape(const Shape& shape) {
    PlaneShape plane;
    const std::size_t channels = channel_dimensions(shape);
    for (std::size_t d = 0; d < channels; ++d) plane.c *= shape[d];
    if (channels < shape.size()) plane.w = shape.back();
    if (channels + 1 < shape.size()) plane.h = shape[channels];
    return plane;
}

Shape image_shape(const QuantValue& value) {
    Shape shape = value.shape;
    if (value.images > 1) shape[0] = 1;
    return shape;
}

std::optional<PlaneAxis> plane_axis(const Shape& shape, int dimension) {
    const auto d = static_cast<std::size_t>(dimension);
    const std::size_t channels = channel_dimensions(shape);
    if (d >= channels) return d + 1 == shape.size() ? PlaneAxis::columns : PlaneAxis::rows;
    const bool first = std::all_of(shape.begin(), shape.begin() + dimension, [](std::int64_t n) { return n == 1; });
    return first ? std::optional(PlaneAxis::channels) : std::nullopt;
}

bool broadcasts_in_planes(const Shape& x, const Shape& y) {
    if (x.size() > y.size()) return false;
    Shape aligned(y.size() - x.size(), 1);
    aligned.insert(aligned.end(), x.begin(), x.end());
    const PlaneShape plane = plane_shape(aligned);
    if (plane != plane_shape(x)) return false;
    if (plane.c == 1) return true;
    // Channels of several dimensions are repeated all together or not at all.
    const auto channels = static_cast<std::ptrdiff_t>(channel_dimensions(y));
    return std::equal(y.begin(), y.begin() + channels, aligned.begin());
}

}  // namespace octet::engine::cpu
