#pragma once

// What elementwise float kernels are written with: vectors of floats with +, - and *, comparisons, loads, stores and
// select. No fused multiply-add, no division, no mathematical function: their last bits depend on the instruction set.
// Here one float is a vector of one lane; float_lanes_xsimd.h has the others.

#include "kernels/tensor_view.h"

namespace octet::kernels {
namespace {

template <typename Vector>
struct FloatLanes;

template <>
struct FloatLanes<float> {
    static constexpr int count = 1;
    static OCTET_INLINE float broadcast(float x) { return x; }
    static OCTET_INLINE float load(const float* from) { return *from; }
    static OCTET_INLINE void store(float* to, float x) { *to = x; }
    static OCTET_INLINE float select(bool condition, float yes, float no) { return condition ? yes : no; }
};

}  // namespace
}  // namespace octet::kernels
