// Direct convolution with 8-bit matrix products: usmmla, 2 pixels x 8 channels of the input x 2 outputs. See
// kernels/arm_neon/conv_direct.h.

#include "kernels/conv.h"

#include "kernels/arm_neon/conv_direct.h"
#include "kernels/conv_grouped.h"

namespace octet::kernels {
namespace {

struct ProductsMatrix {
    using Weight = std::int8_t;
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr bool pairs = true;
    template <int quads>
    static constexpr int max_pixels = quads == 1   ? 12
                                      : quads == 2 ? 10
                                      : quads == 3 ? 8
                                                   : 6;

    static int padded(int depth) { return (depth + 7) / 8 * 8; }
    static int position(int, int quads, int o, int k) { return k / 8 * 32 * quads + o * 8 + k % 8; }
    static std::int32_t constant(std::int32_t) { return 0; }

    static OCTET_INLINE uint8x16_t first_halves(uint8x16_t a, uint8x16_t b) {
        return vreinterpretq_u8_u64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }
    static OCTET_INLINE uint8x16_t second_halves(uint8x16_t a, uint8x16_t b) {
        return vreinterpretq_u8_u64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }

    // vusmmlaq_s32 as GCC 12 compiles it copies accumulators in tiles that fill the registers; an operand that is tied to
    // its register stays there.
    static OCTET_INLINE void multiply_add(int32x4_t& acc, uint8x16_t in, int8x16_t weights) {
        asm("usmmla %0.4s, %1.16b, %2.16b" : "+w"(acc) : "w"(in), "w"(weights));
    }

    // acc[pair of pixels][pair of outputs]; in: 8 channels of the pixels of a pair.
    template <int quads, int pairs>
    static OCTET_INLINE void add(int32x4_t (&acc)[pairs][2 * quads], const uint8x16_t (&in)[pairs],
                                 const std::int8_t* weights) {
#pragma GCC unroll 8
        for (int j = 0; j < 2 * quads; j += 2) {
            // Two at a time, which is one load.
            const int8x16_t w0 = vld1q_s8(weights + 16 * j), w1 = vld1q_s8(weights + 16 * j + 16);
#pragma GCC unroll 8
            for (int p = 0; p < pairs; ++p) multiply_add(acc[p][j], in[p], w0);
#pragma GCC unroll 8
            for (int p = 0; p < pairs; ++p) multiply_add(acc[p][j + 1], in[p], w1);
        }
    }

    template <int quads, bool upsampled, int pixels>
    static OCTET_INLINE void tile(const Taps& taps, int x, const std::int8_t* weights, const int32x4_t* start,
                                  std::int32_t* sums) {
        constexpr int pairs = (pixels + 1) / 2;
        int32x4_t acc[pairs][2 * quads];
#pragma GCC unroll 8
        for (int p = 0; p < pairs; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) {
                const int64x2_t bias = vreinterpretq_s64_s32(start[q]);
                acc[p][2 * q] = vreinterpretq_s32_s64(vdupq_laneq_s64(bias, 0));
                acc[p][2 * q + 1] = vreinterpretq_s32_s64(vdupq_laneq_s64(bias, 1));
            }
        }
        const int whole = padded(taps.depth) / 16, rest = padded(taps.depth) % 16;
        taps.template for_each_run<upsampled, pixels>(
            x, [&](const std::uint8_t* const(&at)[pixels], std::int64_t offset) __attribute__((always_inline)) {
                const auto second = [&](int p) { return at[2 * p + 1 < pixels ? 2 * p + 1 : 2 * p]; };
                for (int step = whole; step > 0; --step, offset += 16) {
                    uint8x16_t low[pairs], high[pairs];
#pragma GCC unroll 8
                    for (int p = 0; p < pairs; ++p) {
                        const uint8x16_t a = vld1q_u8(at[2 * p] + offset), b = vld1q_u8(second(p) + offset);
                        low[p] = first_halves(a, b);
                        high[p] = second_halves(a, b);
                    }
                    add<quads>(acc, low, weights);
                    add<quads>(acc, high, weights + 32 * quads);
                    weights += 64 * quads;
                }
                if (rest > 0) {
                    uint8x16_t low[pairs];
#pragma GCC unroll 8
                    for (int p = 0; p < pairs; ++p) {
                        low[p] = vcombine_u8(vld1_u8(at[2 * p] + offset), vld1_u8(second(p) + offset));
                    }
                    add<quads>(acc, low, weights);
                    weights += 32 * quads;
                }
            });
#pragma GCC unroll 8
        for (int p = 0; p < pairs; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) {
                const int64x2_t a = vreinterpretq_s64_s32(acc[p][2 * q]), b = vreinterpretq_s64_s32(acc[p][2 * q + 1]);
                vst1q_s32(sums + 2 * p * 4 * quads + 4 * q, vreinterpretq_s32_s64(vzip1q_s64(a, b)));
                if (2 * p + 1 < pixels) {
                    vst1q_s32(sums + (2 * p + 1) * 4 * quads + 4 * q, vreinterpretq_s32_s64(vzip2q_s64(a, b)));
                }
            }
        }
    }
};

}  // namespace

extern constinit const ConvKernel conv_u8s8_6x16_neon_i8mm =
    conv_kernel<DirectNeon<ProductsMatrix>>("conv_u8s8_6x16_neon_i8mm", needs::neon_i8mm);
extern constinit const ConvKernel conv_grouped_u8s8_6x16_neon_i8mm =
    conv_kernel<Grouped<DirectNeon<ProductsMatrix>>>("conv_grouped_u8s8_6x16_neon_i8mm", needs::neon_i8mm);

}  // namespace octet::kernels
