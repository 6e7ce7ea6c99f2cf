#pragma once

// Elementwise operators with NumPy's broadcasting.
//
// The output's dimensions are merged as far as every operand allows it, so that same shapes and scalars become one
// dimension and a per-channel operand [1,C,1,1] gives [C] runs of H*W elements. Along the last merged dimension an
// operand's stride is 1 (it advances) or 0 (it stays).

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"

namespace octet::ops {

struct BroadcastPlan {
    Shape dims;                                      // merged, at least one
    std::vector<std::vector<std::int64_t>> strides;  // [operand][dimension], 0 where the operand is repeated

    std::int64_t rows() const { return product(dims, 0, dims.size() - 1); }
    std::int64_t run() const { return dims.back(); }
    // Where the operand's row starts.
    std::int64_t offset(std::size_t operand, std::int64_t row) const;
};

BroadcastPlan plan_broadcast(const Shape& out, std::span<const Shape> operands);

// The shape of all inputs broadcast together; they have to be of one type.
Result<TensorType> broadcast_inputs(const InferContext& ctx);

// out[i] = f(a[i], b[i])
template <typename A, typename B, typename Out, typename F>
void broadcast_binary(const ParallelFor& parallel_for, const Tensor& a, const Tensor& b, Tensor& out, F f) {
    const std::array shapes = {a.shape(), b.shape()};
    const BroadcastPlan plan = plan_broadcast(out.shape(), shapes);
    const A* pa = elements<A>(a);
    const B* pb = elements<B>(b);
    Out* py = mutable_elements<Out>(out);
    const bool step_a = plan.strides[0].back() != 0;
    const bool step_b = plan.strides[1].back() != 0;
    const auto run = [=](const A* x, const B* y, Out* z, std::int64_t count) {
        if (step_a && step_b) {
            for (std::int64_t i = 0; i < count; ++i) z[i] = f(x[i], y[i]);
        } else if (step_a) {
            const B scalar = *y;
            for (std::int64_t i = 0; i < count; ++i) z[i] = f(x[i], scalar);
        } else {
            const A scalar = *x;
            for (std::int64_t i = 0; i < count; ++i) z[i] = f(scalar, step_b ? y[i] : *y);
        }
    };
    const std::int64_t rows = plan.rows();
    const std::int64_t length = plan.run();
    if (rows == 1) {
        parallel_ranges(parallel_for, length, elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
            run(pa + (step_a ? begin : 0), pb + (step_b ? begin : 0), py + begin, end - begin);
        });
        return;
    }
    parallel_ranges(parallel_for, rows, row_grain(length), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            run(pa + plan.offset(0, row), pb + plan.offset(1, row), py + row * length, length);
        }
    });
}

}  // namespace octet::ops
