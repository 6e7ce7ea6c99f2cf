#include "kernels/batchnorm.h"

#include "kernels/arm_neon/conv_epilogue.h"

namespace octet::kernels {

// The accumulators end as a convolution's do.
void batchnorm_u8_neon(const BatchNormCall& call, int row_begin, int row_end) noexcept {
    constexpr int pixels = 32;
    ConvCall conv{};
    conv.params.cout = call.out.c;
    conv.epilogue = call.epilogue;
    conv.out_u8 = call.out;
    const ConvRow row = {&conv, {}, nullptr, nullptr, 0, 0, {1, 4}};
    for (int c = 0; c < call.out.c; c += 16) {
        const QuadsEpilogue<4> epilogue(row, c);
        const int16x8_t weights[2] = {vld1q_s16(call.weights + c), vld1q_s16(call.weights + c + 8)};
        for (int y = row_begin; y < row_end; ++y) {
            for (int x = 0; x < call.out.w; x += pixels) {
                const int count = call.out.w - x < pixels ? call.out.w - x : pixels;
                std::int32_t sums[pixels * 16];
                for (int i = 0; i < count; ++i) {
                    const uint8x16_t bytes = vld1q_u8(call.in.pixel(y, x + i) + c);
                    const int16x8_t wide[2] = {vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes))),
                                               vreinterpretq_s16_u16(vmovl_high_u8(bytes))};
#pragma GCC unroll 2
                    for (int h = 0; h < 2; ++h) {
                        std::int32_t* sum = sums + 16 * i + 8 * h;
                        vst1q_s32(sum,
                                  vmlal_s16(epilogue.bias[2 * h], vget_low_s16(wide[h]), vget_low_s16(weights[h])));
                        vst1q_s32(sum + 4, vmlal_high_s16(epilogue.bias[2 * h + 1], wide[h], weights[h]));
                    }
                }
                epilogue.store(conv, sums, count, y, x);
            }
        }
    }
}

}  // namespace octet::kernels
