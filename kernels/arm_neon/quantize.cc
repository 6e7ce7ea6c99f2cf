#include "kernels/quantize.h"

#include "kernels/arm_neon/fixed16.h"

namespace octet::kernels {
namespace {

struct Quantizer {
    float32x4_t scale, low, high;
    int32x4_t zero_point;
    bool divides;

    explicit OCTET_INLINE Quantizer(const QuantizeCall& call)
        : scale(vdupq_n_f32(call.scale)),
          low(vdupq_n_f32(static_cast<float>(-call.zero_point))),
          high(vdupq_n_f32(static_cast<float>(255 - call.zero_point))),
          zero_point(vdupq_n_s32(call.zero_point)),
          divides(call.scale != 1) {}

    // A NaN passes the limits, and becomes 0 as an integer.
    OCTET_INLINE uint16x4_t four(const float* in, float gain, float offset, bool affine) const {
        float32x4_t x = vld1q_f32(in);
        if (affine) x = vaddq_f32(vmulq_n_f32(x, gain), vdupq_n_f32(offset));
        if (divides) x = vdivq_f32(x, scale);
        return vqmovun_s32(vaddq_s32(vcvtnq_s32_f32(vminq_f32(vmaxq_f32(x, low), high)), zero_point));
    }
    OCTET_INLINE uint8x8_t eight(const float* in, float gain, float offset, bool affine) const {
        return vqmovn_u16(vcombine_u16(four(in, gain, offset, affine), four(in + 4, gain, offset, affine)));
    }
};

}  // namespace

void quantize_f32_u8_neon(const QuantizeCall& call, int row_begin, int row_end) noexcept {
    const std::int64_t plane = std::int64_t{call.out.h} * call.out.w;
    const Quantizer quantizer(call);
    const bool affine = call.gain != nullptr, rgb = call.out.c == 3 && call.out.pixel_stride == 4;
    const auto gain = [&](int c) { return affine ? call.gain[c] : 1; };
    const auto offset = [&](int c) { return affine ? call.offset[c] : 0; };
    for (int y = row_begin; y < row_end; ++y) {
        const float* row = call.in + std::int64_t{y} * call.out.w;
        int done = 0;
        // Three channels in pixels of four bytes, whose fourth stays.
        for (; rgb && done + 8 <= call.out.w; done += 8) {
            std::uint8_t* out = call.out.pixel(y, done);
            uint8x8x4_t pixels = vld4_u8(out);
#pragma GCC unroll 3
            for (int c = 0; c < 3; ++c)
                pixels.val[c] = quantizer.eight(row + c * plane + done, gain(c), offset(c), affine);
            vst4_u8(out, pixels);
        }
        for (int c = 0; c < call.out.c; ++c) {
            const float* in = row + c * plane;
            for (int x = done; x < call.out.w; x += 8) {
                const int count = call.out.w - x < 8 ? call.out.w - x : 8;
                float padded[8] = {};
                const float* from = in + x;
                if (count < 8) {
                    for (int i = 0; i < count; ++i) padded[i] = from[i];
                    from = padded;
                }
                std::uint8_t bytes[8];
                vst1_u8(bytes, quantizer.eight(from, gain(c), offset(c), affine));
                for (int i = 0; i < count; ++i) call.out.pixel(y, x + i)[c] = bytes[i];
            }
        }
    }
}

void pixels_u8_neon(const PixelsCall& call, int row_begin, int row_end) noexcept {
    const int c = call.out.c;
    const bool rgb = c == 3 && call.out.pixel_stride == 4;
    for (int y = row_begin; y < row_end; ++y) {
        const std::uint8_t* in = call.in + y * call.in_row_stride;
        int x = 0;
        // What lies in the fourth channel of the view's buffer stays.
        for (; rgb && x + 16 <= call.out.w; x += 16) {
            std::uint8_t* out = call.out.pixel(y, x);
            const uint8x16x3_t colours = vld3q_u8(in + std::int64_t{3} * x);
            uint8x16x4_t pixels = vld4q_u8(out);
            for (int i = 0; i < 3; ++i) pixels.val[i] = colours.val[i];
            vst4q_u8(out, pixels);
        }
        for (; x < call.out.w; ++x) {
            for (int i = 0; i < c; ++i) call.out.pixel(y, x)[i] = in[std::int64_t{x} * c + i];
        }
    }
}

}  // namespace octet::kernels
