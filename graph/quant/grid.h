#pragma once

// Making quantization grids (base/grid.h) of int8, uint8, int16 and uint16, and rounding onto them:
//
//   q = saturate(round_half_even(real / scale) + zero_point)
//
// saturate() clamps to the range of the integer type. Every range is widened to hold 0, so that padding and the zeros
// of a rectifier are exact.

#include <cstdint>
#include <span>

#include "base/grid.h"
#include "graph/ir/tensor.h"

namespace octet::quant {

// A closed interval of real numbers.
struct Range {
    float lo = 0;
    float hi = 0;
    bool operator==(const Range&) const = default;
};

std::int32_t grid_min(DType dtype);
std::int32_t grid_max(DType dtype);

// The reals that a grid reaches.
Range reach(const Grid& grid);

// The whole integer range spread over [min(lo,0), max(hi,0)]; scale 1 for the range [0, 0] and for one whose scale
// would not be a normal number.
Grid asymmetric_grid(Range range, DType dtype);
// Zero point in the middle: 0 for signed types, 128 for uint8; magnitudes up to the larger one of |lo|, |hi|. Signed
// types use [−127, 127] (or ±32767), so that negation is exact.
Grid symmetric_grid(Range range, DType dtype);
// Symmetric with the scale 2^−f, f as large as leaves `headroom` × the range representable; f within [−8, 24].
Grid power_of_two_grid(Range range, DType dtype, float headroom);

std::int32_t quantize(float real, const Grid& grid);
inline float dequantize(std::int32_t q, const Grid& grid) {
    return grid.scale * static_cast<float>(q - grid.zero_point);
}
// A float tensor on the grid: integers of grid.dtype, and back.
Tensor quantize(const Tensor& real, const Grid& grid);
Tensor dequantize(const Tensor& integers, const Grid& grid);

}  // namespace octet::quant
