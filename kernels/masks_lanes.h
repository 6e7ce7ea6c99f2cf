#pragma once

// The kernels of masks.h, written once for any vector of floats (float_lanes.h) and compiled by each level's masks.cc.
// What does not fill a vector is done by the same code on single floats.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include "kernels/float_lanes.h"
#include "kernels/masks.h"

namespace octet::kernels {
namespace {

// From element `begin` on, as many whole vectors as there are; returns where they end.
template <typename Vector>
OCTET_INLINE std::int64_t argmax_vectors(const ArgmaxCall& call, std::int64_t begin) {
    using Lanes = FloatLanes<Vector>;
    const Vector one = Lanes::broadcast(1), zero = Lanes::broadcast(0);
    for (; begin + Lanes::count <= call.count; begin += Lanes::count) {
        const auto greater = Lanes::load(call.foreground + begin) > Lanes::load(call.background + begin);
        alignas(64) float flags[Lanes::count];
        Lanes::store(flags, Lanes::select(greater, one, zero));
        for (int lane = 0; lane < Lanes::count; ++lane)
            call.mask[begin + lane] = static_cast<std::uint8_t>(flags[lane]);
    }
    return begin;
}

template <typename Vector>
OCTET_INLINE std::int64_t blend_margin_vectors(const BlendMarginCall& call, std::int64_t begin) {
    using Lanes = FloatLanes<Vector>;
    const Vector first_weight = Lanes::broadcast(1.0F - call.t), second_weight = Lanes::broadcast(call.t);
    for (; begin + Lanes::count <= call.count; begin += Lanes::count) {
        const auto margin = [&](const BlendMarginCall::Row& row) {
            return Lanes::load(row.foreground + begin) - Lanes::load(row.background + begin);
        };
        Lanes::store(call.out + begin, margin(call.first) * first_weight + margin(call.second) * second_weight);
    }
    return begin;
}

template <typename Vector>
OCTET_INLINE void argmax_of(const ArgmaxCall& call) {
    argmax_vectors<float>(call, argmax_vectors<Vector>(call, 0));
}

template <typename Vector>
OCTET_INLINE void blend_margin_of(const BlendMarginCall& call) {
    blend_margin_vectors<float>(call, blend_margin_vectors<Vector>(call, 0));
}

}  // namespace
}  // namespace octet::kernels
