#pragma once

// float_lanes.h for the vectors of an instruction set: xsimd::batch<float, its name in xsimd>.

#include <xsimd/xsimd.hpp>

#include "kernels/float_lanes.h"

namespace octet::kernels {
namespace {

template <typename Arch>
struct FloatLanes<xsimd::batch<float, Arch>> {
    using Vector = xsimd::batch<float, Arch>;
    static constexpr int count = Vector::size;
    static OCTET_INLINE Vector broadcast(float x) { return Vector(x); }
    static OCTET_INLINE Vector load(const float* from) { return Vector::load_unaligned(from); }
    static OCTET_INLINE void store(float* to, const Vector& x) { x.store_unaligned(to); }
    static OCTET_INLINE Vector select(const typename Vector::batch_bool_type& condition, const Vector& yes,
                                      const Vector& no) {
        return xsimd::select(condition, yes, no);
    }
};

}  // namespace
}  // namespace octet::kernels
