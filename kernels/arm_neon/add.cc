#include "kernels/add.h"

#include "kernels/arm_neon/fixed16.h"
#include "kernels/arm_neon/pixel_bytes.h"

namespace octet::kernels {
namespace {

struct AddVector {
    int16x8_t a_zero, b_zero, a_mult, b_mult, alpha, offset, shift;
    uint8x16_t out_min, out_max;
    bool leaky;

    OCTET_INLINE explicit AddVector(const AddParams& p)
        : a_zero(set16(p.a_zero_point)),
          b_zero(set16(p.b_zero_point)),
          a_mult(set16(p.a_mult)),
          b_mult(set16(p.b_mult)),
          alpha(set16(p.alpha)),
          offset(set16(p.offset)),
          shift(set16(-p.shift)),
          out_min(vdupq_n_u8(p.out_min)),
          out_max(vdupq_n_u8(p.out_max)),
          leaky(p.leaky) {}

    static OCTET_INLINE int16x8_t term(uint8x8_t x, int16x8_t zero, int16x8_t mult) {
        const int16x8_t wide = vreinterpretq_s16_u16(vmovl_u8(x));
        return vqrdmulhq_s16(vshlq_n_s16(vsubq_s16(wide, zero), 7), mult);
    }

    OCTET_INLINE int16x8_t half(uint8x8_t a, uint8x8_t b) const {
        int16x8_t v = vqaddq_s16(term(a, a_zero, a_mult), term(b, b_zero, b_mult));
        if (leaky) v = vmaxq_s16(v, vqrdmulhq_s16(v, alpha));
        return vshlq_s16(vqaddq_s16(v, offset), shift);
    }

    OCTET_INLINE uint8x16_t operator()(uint8x16_t a, uint8x16_t b) const {
        const uint8x8_t low = vqmovun_s16(half(vget_low_u8(a), vget_low_u8(b)));
        const uint8x16_t y = vqmovun_high_s16(low, half(vget_high_u8(a), vget_high_u8(b)));
        return vminq_u8(vmaxq_u8(y, out_min), out_max);
    }
};

}  // namespace

void add_u8_neon(const AddCall& call, int row_begin, int row_end) noexcept {
    const AddVector add(call.params);
    for_each_pair<PixelBytes>(
        call, row_begin, row_end, [&](std::uint8_t* out, std::int64_t count, PixelBytes a, PixelBytes b) {
            for (std::int64_t i = 0; i < count; i += 16) {
                store_bytes(out + i, add(a(i), b(i)), count - i < 16 ? static_cast<int>(count - i) : 16);
            }
        });
}

}  // namespace octet::kernels
