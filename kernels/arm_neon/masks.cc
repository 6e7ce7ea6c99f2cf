#include "kernels/masks.h"

#include "kernels/float_lanes_xsimd.h"
#include "kernels/masks_lanes.h"

namespace octet::kernels {
namespace {

using Vector = xsimd::batch<float, xsimd::neon64>;

}  // namespace

// flatten: no function of xsimd may stay a function of its own, which would be a weak symbol.
__attribute__((flatten)) void argmax_f32_neon(const ArgmaxCall& call) noexcept {
    argmax_of<Vector>(call);
}

__attribute__((flatten)) void blend_margin_f32_neon(const BlendMarginCall& call) noexcept {
    blend_margin_of<Vector>(call);
}

}  // namespace octet::kernels
