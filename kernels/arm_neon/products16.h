#pragma once

// s16 x s16 into int32: smlal by lane. For every level of Arm.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <arm_neon.h>

#include "kernels/tensor_view.h"

namespace octet::kernels {
namespace {

// acc[row][quad] += in[row] in `lane` * weights[4 * quad …]; weights moves on to the next lane's. begins: = instead of +=.
template <int lane, bool begins = false, int quads, int rows>
OCTET_INLINE void add_lane(int32x4_t (&acc)[rows][quads], const int16x8_t (&in)[rows], const std::int16_t*& weights) {
#pragma GCC unroll 2
    for (int q = 0; q + 2 <= quads; q += 2) {
        const int16x8_t w = vld1q_s16(weights + 4 * q);
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r) {
            acc[r][q] = begins ? vmull_laneq_s16(vget_low_s16(w), in[r], lane)
                               : vmlal_laneq_s16(acc[r][q], vget_low_s16(w), in[r], lane);
            acc[r][q + 1] =
                begins ? vmull_high_laneq_s16(w, in[r], lane) : vmlal_high_laneq_s16(acc[r][q + 1], w, in[r], lane);
        }
    }
    if constexpr (quads % 2 == 1) {
        const int16x4_t w = vld1_s16(weights + 4 * (quads - 1));
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r) {
            acc[r][quads - 1] =
                begins ? vmull_laneq_s16(w, in[r], lane) : vmlal_laneq_s16(acc[r][quads - 1], w, in[r], lane);
        }
    }
    weights += 4 * quads;
}

// Lanes 0 to 3, or 4 to 7.
template <int first, bool begins = false, int quads, int rows>
OCTET_INLINE void add_four_lanes(int32x4_t (&acc)[rows][quads], const int16x8_t (&in)[rows],
                                 const std::int16_t*& weights) {
    add_lane<first, begins>(acc, in, weights);
    add_lane<first + 1>(acc, in, weights);
    add_lane<first + 2>(acc, in, weights);
    add_lane<first + 3>(acc, in, weights);
}

}  // namespace
}  // namespace octet::kernels
