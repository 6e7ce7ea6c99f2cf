#include "kernels/concat.h"

#include "kernels/arm_neon/fixed16.h"
#include "kernels/rows.h"

namespace octet::kernels {
namespace {

struct CopyVector {
    int16x8_t zero, offset, shift;
    std::int16_t mult;
    uint8x16_t out_min, out_max;

    OCTET_INLINE explicit CopyVector(const RequantizeCopyParams& p)
        : zero(vdupq_n_s16(p.in_zero_point)),
          offset(vdupq_n_s16(p.offset)),
          shift(vdupq_n_s16(static_cast<std::int16_t>(-p.shift))),
          mult(p.mult),
          out_min(vdupq_n_u8(p.out_min)),
          out_max(vdupq_n_u8(p.out_max)) {}

    OCTET_INLINE int16x8_t half(uint8x8_t x) const {
        const int16x8_t centred = vshlq_n_s16(vsubq_s16(vreinterpretq_s16_u16(vmovl_u8(x)), zero), 7);
        return vshlq_s16(vqaddq_s16(vqrdmulhq_n_s16(centred, mult), offset), shift);
    }

    OCTET_INLINE uint8x16_t operator()(uint8x16_t x) const {
        const uint8x16_t y = vqmovun_high_s16(vqmovun_s16(half(vget_low_u8(x))), half(vget_high_u8(x)));
        return vminq_u8(vmaxq_u8(y, out_min), out_max);
    }
};

}  // namespace

void concat_u8_neon(const ConcatCall& call, int row_begin, int row_end) noexcept {
    const CopyVector copy(call.params);
    const int c = call.out.c;
    const bool dense = is_dense(call.in, c) && is_dense(call.out, c), plain = call.params.plain;
    for (int y = row_begin; y < row_end; ++y) {
        for_each_run(call.out.w, c, dense, [&](int x, std::int64_t count) {
            const std::uint8_t* in = call.in.pixel(y, x);
            std::uint8_t* out = call.out.pixel(y, x);
            for (std::int64_t i = 0; i < count; i += 16) {
                const uint8x16_t bytes = vld1q_u8(in + i);
                store_bytes(out + i, plain ? bytes : copy(bytes), count - i < 16 ? static_cast<int>(count - i) : 16);
            }
        });
    }
}

}  // namespace octet::kernels
