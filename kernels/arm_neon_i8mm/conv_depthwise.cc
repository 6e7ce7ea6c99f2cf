// Depthwise convolution with usdot, u8 x s8. See kernels/conv_depthwise.h.

#include "kernels/arm_neon_dotprod/conv_depthwise.h"

namespace octet::kernels {
namespace {

struct DepthwiseUsdot : DepthwiseDot {
    static OCTET_INLINE void multiply_add(Vector& acc, uint8x16_t column, Vector weights) {
        acc = vusdotq_s32(acc, column, vreinterpretq_s8_s32(weights));
    }
};

}  // namespace

extern constinit const ConvKernel conv_depthwise_u8s8_4x8_neon_i8mm =
    conv_kernel<Depthwise<DepthwiseUsdot>>("conv_depthwise_u8s8_4x8_neon_i8mm", needs::neon_i8mm);

}  // namespace octet::kernels
