#pragma once

// The geometry of NumPy's matmul: [batch…, m, k] · [batch…, k, n]; a vector stands for one row or one column.

#include <cstdint>

#include "graph/ir/shape.h"

namespace octet::ops {

struct MatMulShape {
    std::int64_t m = 1, n = 1, k = 1;
    Shape a_batch, b_batch, batch;  // the last one is the first two broadcast
    Shape out;
};

Result<MatMulShape> matmul_shape(const Shape& a, const Shape& b);

// Which matrix of an operand with batch shape `own` belongs to matrix i of the broadcast batch.
std::int64_t batch_index(const Shape& own, const Shape& batch, std::int64_t i);

}  // namespace octet::ops
