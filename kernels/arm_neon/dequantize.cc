#include "kernels/dequantize.h"

#include <arm_neon.h>

namespace octet::kernels {
namespace {

// Four channels of a pixel; a reader may touch those up to a multiple of 4.
OCTET_INLINE int32x4_t load4(const std::uint8_t* pixel) {
    std::uint32_t word;
    __builtin_memcpy(&word, pixel, 4);
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(word)))));
}
OCTET_INLINE int32x4_t load4(const std::uint16_t* pixel) {
    return vreinterpretq_s32_u32(vmovl_u16(vld1_u16(pixel)));
}
OCTET_INLINE int32x4_t load4(const std::int16_t* pixel) {
    return vmovl_s16(vld1_s16(pixel));
}

// 4 pixels x 4 channels are read along the channels and written along the pixels.
template <typename T>
void dequantize(const TensorView<const T>& in, const DequantizeCall& call, int row_begin, int row_end) {
    const int32x4_t zero_point = vdupq_n_s32(call.zero_point);
    const std::int64_t plane = std::int64_t{in.h} * in.w;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < in.w; x += 4) {
            const int count = in.w - x < 4 ? in.w - x : 4;
            for (int c = 0; c < in.c; c += 4) {
                float32x4_t pixels[4];
                for (int p = 0; p < 4; ++p) {
                    const int32x4_t value = vsubq_s32(load4(in.pixel(y, p < count ? x + p : x) + c), zero_point);
                    pixels[p] = vmulq_n_f32(vcvtq_f32_s32(value), call.scale);
                }
                const float32x4x2_t first = vzipq_f32(pixels[0], pixels[2]), second = vzipq_f32(pixels[1], pixels[3]);
                const float32x4x2_t low = vzipq_f32(first.val[0], second.val[0]);
                const float32x4x2_t high = vzipq_f32(first.val[1], second.val[1]);
                const float32x4_t channels[4] = {low.val[0], low.val[1], high.val[0], high.val[1]};
                for (int i = 0; i < 4 && c + i < in.c; ++i) {
                    float* out = call.out + (c + i) * plane + std::int64_t{y} * in.w + x;
                    if (count == 4) {
                        vst1q_f32(out, channels[i]);
                    } else {
                        float rest[4];
                        vst1q_f32(rest, channels[i]);
                        for (int p = 0; p < count; ++p) out[p] = rest[p];
                    }
                }
            }
        }
    }
}

}  // namespace

void dequantize_f32_neon(const DequantizeCall& call, int row_begin, int row_end) noexcept {
    if (call.in_u8.data) dequantize(call.in_u8, call, row_begin, row_end);
    if (call.in_u16.data) dequantize(call.in_u16, call, row_begin, row_end);
    if (call.in_s16.data) dequantize(call.in_s16, call, row_begin, row_end);
}

}  // namespace octet::kernels
