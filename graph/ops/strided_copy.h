#pragma once

// Gathers a strided view of a tensor into a dense one: Slice, Transpose, Expand and kin are such views.

#include <cstdint>
#include <vector>

#include "graph/ops/op_def.h"

namespace octet::ops {

// Element [i0, i1 …] of the result is source element  origin + Σ i·stride.
struct StridedView {
    std::int64_t origin = 0;
    std::vector<std::int64_t> strides;  // one for each dimension of the result; may be negative or 0
};

// Fills `out`, whose type is the source's.
void strided_copy(const ParallelFor& parallel_for, const Tensor& source, const StridedView& view, Tensor& out);

}  // namespace octet::ops
