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
    static constexpr int tile_quads = 4;
    template <int quads>
    static constexpr int max_pixels = quads == 1 ? 12 : quads == 2 ? 10 : quads == 3 ? 8 : 6;

    static int padded(int depth) { return (depth + 7) / 8 * 8; }
    static int position(int, int quads, int o, int k) { return k / 8 * 32 * quads + o * 8 + k % 8; }
    static std::int32_t constant(std::int32_t) { return 0; }
    static std::int32_t flags(const ConvParams&, const std::int8_t*) { return 0; }

    static OCTET_INLINE uint8x16_t first_halves(uint8x16_t a, uint8x16_t b) {
        return vreinterpretq_u8_u64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }
    static OCTET_INLINE uint8x16_t second_halves(uint8x16_t a, uint8x16_t b) {
        return vreinterpretq_u8_u64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }

    // acc[pair of pixels][pair of outputs]; in: 8 channels of the pixels of a pair.
    template <int quads, int pairs>
    static OCTET_INLINE void add(int32x4_t (&acc)[pairs][2 * quads], const uint8x16_t (&in)[pairs],
                                 const std::int8_t* weights) {
#pragma GCC unroll 8
        for (int j = 0; j < 2 * quads; ++j) {
            const int8x16_t w = vld1q_s8(weights + 16 * j);
#pragma GCC unroll 8
            for (int p = 0; p < pairs; ++p) acc[p][j] = vusmmlaq_s32(acc[p][j], in[p], w);
        }
    }

    template <int quads, int pixels>
    __attribute__((noinline)) static void tile(const Taps& taps, int x, const std::int8_t* weights,
                                               const int32x4_t* start, std::int32_t* sums, int pitch) {
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
        const int depth = padded(taps.depth);
        for (int r = 0; r < taps.rows; ++r) {
            for (int run = 0; run < taps.runs; ++run) {
                const std::uint8_t* at[pixels];
                taps.begin(r, run, x, at);
                const auto second = [](int p) { return 2 * p + 1 < pixels ? 2 * p + 1 : 2 * p; };
                int k = 0;
                for (; k + 16 <= depth; k += 16, weights += 64 * quads) {
                    uint8x16_t low[pairs], high[pairs];
#pragma GCC unroll 8
                    for (int p = 0; p < pairs; ++p) {
                        const uint8x16_t a = vld1q_u8(at[2 * p] + k), b = vld1q_u8(at[second(p)] + k);
                        low[p] = first_halves(a, b);
                        high[p] = second_halves(a, b);
                    }
                    add<quads>(acc, low, weights);
                    add<quads>(acc, high, weights + 32 * quads);
                }
                if (k < depth) {
                    uint8x16_t low[pairs];
#pragma GCC unroll 8
                    for (int p = 0; p < pairs; ++p) {
                        low[p] = vcombine_u8(vld1_u8(at[2 * p] + k), vld1_u8(at[second(p)] + k));
                    }
                    add<quads>(acc, low, weights);
                    weights += 32 * quads;
                }
            }
        }
#pragma GCC unroll 8
        for (int p = 0; p < pairs; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) {
                const int64x2_t a = vreinterpretq_s64_s32(acc[p][2 * q]), b = vreinterpretq_s64_s32(acc[p][2 * q + 1]);
                vst1q_s32(sums + 2 * p * pitch + 4 * q, vreinterpretq_s32_s64(vzip1q_s64(a, b)));
                if (2 * p + 1 < pixels) {
                    vst1q_s32(sums + (2 * p + 1) * pitch + 4 * q, vreinterpretq_s32_s64(vzip2q_s64(a, b)));
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
