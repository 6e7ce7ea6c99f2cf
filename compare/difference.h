#pragma once

// Two tensors of a network beside each other.

#include <cstdint>

#include "base/grid.h"
#include "graph/ir/tensor.h"
#include "graph/quant/fidelity.h"

namespace octet::compare {

struct Difference {
    std::int64_t elements = 0, differing = 0;
    double largest = 0;        // of integers in steps; of float tensors as it is
    std::int64_t first = -1;   // element that differs; -1: none
    quant::Fidelity fidelity;  // of the real values
};

// `a` and `b` have one shape; both are integers of `grid`, or float where there is none. Of different types they are
// compared as numbers.
Difference difference(const Tensor& a, const Tensor& b, const Grid* grid);
// -1: none does.
std::int64_t first_differing(const Tensor& a, const Tensor& b);
// The number of elements that differ; it stops counting behind `enough`.
std::int64_t count_differing(const Tensor& a, const Tensor& b, std::int64_t enough);

}  // namespace octet::compare
