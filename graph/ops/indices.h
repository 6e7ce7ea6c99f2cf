#pragma once

// Index tensors of Gather, Scatter and kin: checked against the extent they index, negative ones counted from the end.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "graph/ir/tensor.h"

namespace octet::ops {

Result<std::int64_t> position_in(std::int64_t index, std::int64_t extent);
// All of `indices`, in [0, extent).
Result<std::vector<std::int64_t>> positions_in(const Tensor& indices, std::int64_t extent);

// GatherElements, ScatterElements: the index tensor has the data's rank and reaches no further outside of the axis.
Result<void> expect_fitting_indices(const Shape& data, const Shape& indices, std::int64_t axis);
// For each element of `indices`, the offset of the data element at the same multi-index with the axis replaced by it.
Result<std::vector<std::int64_t>> element_offsets(const Shape& data, const Tensor& indices, std::int64_t axis);

// GatherND, ScatterND: the last dimension of `indices` holds coordinates into data dimensions [first, first + its
// size). For each tuple the offset of its slice relative to the start of dimension `first`.
Result<std::vector<std::int64_t>> slice_offsets(const Shape& data, const Tensor& indices, std::size_t first);

}  // namespace octet::ops
