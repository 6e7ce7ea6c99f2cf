#include "kernels/mul.h"

#include "kernels/arm_neon/fixed16.h"
#include "kernels/arm_neon/pixel_bytes.h"

namespace octet::kernels {
namespace {

struct MulVector {
    int16x8_t a_zero, b_zero, out_zero;
    float scale;
    uint8x16_t out_min, out_max;

    OCTET_INLINE explicit MulVector(const MulParams& p)
        : a_zero(set16(p.a_zero_point)),
          b_zero(set16(p.b_zero_point)),
          out_zero(set16(p.out_zero_point)),
          scale(p.scale),
          out_min(vdupq_n_u8(p.out_min)),
          out_max(vdupq_n_u8(p.out_max)) {}

    OCTET_INLINE int32x4_t scaled(int32x4_t product) const {
        return vcvtnq_s32_f32(vmulq_n_f32(vcvtq_f32_s32(product), scale));
    }

    // Where 16 bits saturate, the result is beyond 8 bits anyway.
    OCTET_INLINE int16x8_t half(uint8x8_t a, uint8x8_t b) const {
        const int16x8_t first = vsubq_s16(vreinterpretq_s16_u16(vmovl_u8(a)), a_zero);
        const int16x8_t second = vsubq_s16(vreinterpretq_s16_u16(vmovl_u8(b)), b_zero);
        const int32x4_t low = scaled(vmull_s16(vget_low_s16(first), vget_low_s16(second)));
        return vqaddq_s16(vqmovn_high_s32(vqmovn_s32(low), scaled(vmull_high_s16(first, second))), out_zero);
    }

    OCTET_INLINE uint8x16_t operator()(uint8x16_t a, uint8x16_t b) const {
        const uint8x8_t low = vqmovun_s16(half(vget_low_u8(a), vget_low_u8(b)));
        const uint8x16_t y = vqmovun_high_s16(low, half(vget_high_u8(a), vget_high_u8(b)));
        return vminq_u8(vmaxq_u8(y, out_min), out_max);
    }
};

}  // namespace

void mul_u8_neon(const MulCall& call, int row_begin, int row_end) noexcept {
    const MulVector mul(call.params);
    for_each_pair<PixelBytes>(
        call, row_begin, row_end, [&](std::uint8_t* out, std::int64_t count, PixelBytes a, PixelBytes b) {
            for (std::int64_t i = 0; i < count; i += 16) {
                store_bytes(out + i, mul(a(i), b(i)), count - i < 16 ? static_cast<int>(count - i) : 16);
            }
        });
}

}  // namespace octet::kernels
