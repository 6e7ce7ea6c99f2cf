#include "kernels/masks.h"

#include "kernels/masks_lanes.h"

namespace octet::kernels {

void argmax_f32_reference(const ArgmaxCall& call) noexcept {
    argmax_vectors<float>(call, 0);
}

void blend_margin_f32_reference(const BlendMarginCall& call) noexcept {
    blend_margin_vectors<float>(call, 0);
}

}  // namespace octet::kernels
