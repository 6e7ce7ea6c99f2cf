// Depthwise convolution with sdot, of x - 128. See kernels/conv_depthwise.h.

#include "kernels/arm_neon_dotprod/conv_depthwise.h"

namespace octet::kernels {
namespace {

struct DepthwiseSdot : DepthwiseDot {
    template <int count>
    static OCTET_INLINE Column column(const std::uint8_t* in, std::int64_t row_bytes) {
        const Column bytes = DepthwiseDot::column<count>(in, row_bytes);
        return {veorq_u8(bytes.low, vdupq_n_u8(128)), veorq_u8(bytes.high, vdupq_n_u8(128))};
    }

    static OCTET_INLINE void multiply_add(Vector& acc, uint8x16_t column, Vector weights) {
        acc = vdotq_s32(acc, vreinterpretq_s8_s32(weights), vreinterpretq_s8_u8(column));
    }

    // 128 * the sum of the weights.
    static OCTET_INLINE void complete(Vector (&bias)[2], const Vector* weights, int taps) {
        for (int v = 0; v < 2; ++v) {
            int32x4_t sum = vdupq_n_s32(0);
            for (int i = 0; i < taps; ++i) {
                sum = vdotq_s32(sum, vreinterpretq_s8_s32(weights[2 * i + v]), vdupq_n_s8(1));
            }
            bias[v] = vaddq_s32(bias[v], vshlq_n_s32(sum, 7));
        }
    }
};

}  // namespace

extern constinit const ConvKernel conv_depthwise_u8s8_4x8_neon_dotprod =
    conv_kernel<Depthwise<DepthwiseSdot>>("conv_depthwise_u8s8_4x8_neon_dotprod", needs::neon_dotprod);

}  // namespace octet::kernels
