#include "kernels/avgpool.h"

#include "kernels/arm_neon/fixed16.h"

namespace octet::kernels {
namespace {

// As many bytes as 16 bits can add up.
constexpr int most_in_16_bits = 257;

// Sums of 16 channels: 16 bits that are emptied into 32 before they overflow.
struct Sums {
    uint16x8_t narrow[2];
    uint32x4_t wide[4];
    int added = 0;

    OCTET_INLINE Sums() {
        for (uint16x8_t& sum : narrow) sum = vdupq_n_u16(0);
        for (uint32x4_t& sum : wide) sum = vdupq_n_u32(0);
    }
    OCTET_INLINE void add(const std::uint8_t* pixel) {
        if (added == most_in_16_bits) empty();
        ++added;
        const uint8x16_t bytes = vld1q_u8(pixel);
        narrow[0] = vaddw_u8(narrow[0], vget_low_u8(bytes));
        narrow[1] = vaddw_high_u8(narrow[1], bytes);
    }
    OCTET_INLINE void empty() {
        for (int i = 0; i < 2; ++i) {
            wide[2 * i] = vaddw_u16(wide[2 * i], vget_low_u16(narrow[i]));
            wide[2 * i + 1] = vaddw_high_u16(wide[2 * i + 1], narrow[i]);
            narrow[i] = vdupq_n_u16(0);
        }
        added = 0;
    }
    // RNE(float(sum - zero) * scale) + out_zero as bytes. Where 16 bits saturate, the result is beyond 8 bits anyway.
    OCTET_INLINE int16x8_t half(int i, int32x4_t zero, float scale, int16x8_t out_zero) const {
        const auto rounded = [&](uint32x4_t sum) {
            const int32x4_t centred = vsubq_s32(vreinterpretq_s32_u32(sum), zero);
            return vcvtnq_s32_f32(vmulq_n_f32(vcvtq_f32_s32(centred), scale));
        };
        const int16x8_t both = vqmovn_high_s32(vqmovn_s32(rounded(wide[2 * i])), rounded(wide[2 * i + 1]));
        return vqaddq_s16(both, out_zero);
    }
    OCTET_INLINE uint8x16_t mean(int32x4_t zero, float scale, int16x8_t out_zero) {
        empty();
        return vqmovun_high_s16(vqmovun_s16(half(0, zero, scale, out_zero)), half(1, zero, scale, out_zero));
    }
};

}  // namespace

void avgpool_u8_neon(const AvgPoolCall& call, int row_begin, int row_end) noexcept {
    const int16x8_t out_zero = vdupq_n_s16(call.params.out_zero_point);
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const AvgPoolWindow window(call, y, x);
            const int32x4_t zero = vdupq_n_s32(window.pixels() * call.params.in_zero_point);
            const float scale = avgpool_scale(window.count, call.params);
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; c += 16) {
                Sums sums;
                for (int iy = window.rows.begin; iy < window.rows.end; ++iy) {
                    const std::uint8_t* in = call.in.pixel(iy, window.columns.begin) + c;
                    for (int ix = window.columns.begin; ix < window.columns.end; ++ix, in += call.in.pixel_stride)
                        sums.add(in);
                }
                store_bytes(out + c, sums.mean(zero, scale, out_zero), call.out.c - c < 16 ? call.out.c - c : 16);
            }
        }
    }
}

}  // namespace octet::kernels
