// Direct convolution of Armv8.0: u8 x s8 as smull, smlal2, sadalp of x - 128, along the input's channels; s16 x s8 as
// smlal by lane. See conv_direct.h.

#include "kernels/conv.h"

#include "kernels/arm_neon/conv_direct.h"
#include "kernels/arm_neon/conv_s16.h"
#include "kernels/conv_grouped.h"

namespace octet::kernels {
namespace {

// Lanes hold sums over every eighth channel of the input, of one pixel and one output. Two products fit 16 bits, but
// for twice -128 * -128:
//
//     weights of a run: [16 channels of the input][output, 4][16], at its end 8 channels or none
struct Products8 {
    using Weight = std::int8_t;
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr int tile_quads = 1;
    static constexpr bool pairs = false;
    template <int quads>
    static constexpr int max_pixels = 6;

    static int padded(int depth) { return (depth + 7) / 8 * 8; }
    static int position(int depth, int, int o, int k) {
        const int whole = depth / 16 * 16;
        return k < whole ? k / 16 * 64 + o * 16 + k % 16 : whole * 4 + o * 8 + k - whole;
    }
    static std::int32_t constant(std::int32_t sum) { return 128 * sum; }

    // 1: two weights of -128 may share a lane of 16 bits.
    static std::int32_t flags(const ConvParams& p, const std::int8_t* weights) {
        const std::int64_t count = std::int64_t{p.cout} * p.kernel_h * p.kernel_w * p.cin;
        std::int64_t lowest = 0;
        for (std::int64_t i = 0; i < count; ++i) lowest += weights[i] == -128;
        return lowest > 1 ? 1 : 0;
    }

    static OCTET_INLINE int8x16_t flipped(const std::uint8_t* x) {
        return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(x), vdupq_n_u8(128)));
    }

    template <int pixels, bool careful, bool upsampled>
    static OCTET_INLINE void add(int32x4_t (&acc)[pixels][4], const Taps& taps, int x, const std::int8_t* weights) {
        const int whole = padded(taps.depth) / 16, rest = padded(taps.depth) % 16;
        taps.template for_each_run<upsampled, pixels>(
            x, [&](const std::uint8_t* const(&at)[pixels], std::int64_t offset) __attribute__((always_inline)) {
                for (int step = 0; step < whole; ++step, offset += 16, weights += 64) {
                    int8x16_t w[4];
#pragma GCC unroll 4
                    for (int o = 0; o < 4; ++o) w[o] = vld1q_s8(weights + 16 * o);
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) {
                        const int8x16_t in = flipped(at[p] + offset);
#pragma GCC unroll 4
                        for (int o = 0; o < 4; ++o) {
                            int16x8_t products = vmull_s8(vget_low_s8(in), vget_low_s8(w[o]));
                            if constexpr (careful) {
                                acc[p][o] = vpadalq_s16(acc[p][o], products);
                                products = vmull_high_s8(in, w[o]);
                            } else {
                                products = vmlal_high_s8(products, in, w[o]);
                            }
                            acc[p][o] = vpadalq_s16(acc[p][o], products);
                        }
                    }
                }
                if (rest > 0) {
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) {
                        const int8x8_t in = vreinterpret_s8_u8(veor_u8(vld1_u8(at[p] + offset), vdup_n_u8(128)));
#pragma GCC unroll 4
                        for (int o = 0; o < 4; ++o) {
                            acc[p][o] = vpadalq_s16(acc[p][o], vmull_s8(in, vld1_s8(weights + 8 * o)));
                        }
                    }
                    weights += 32;
                }
            });
    }

    template <int, bool upsampled, int pixels>
    static OCTET_INLINE void tile(const Taps& taps, int x, const std::int8_t* weights, const int32x4_t* start,
                                  std::int32_t* sums, int pitch) {
        int32x4_t acc[pixels][4];
#pragma GCC unroll 8
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int o = 0; o < 4; ++o) acc[p][o] = vdupq_n_s32(0);
        }
        if (taps.flags != 0) {
            add<pixels, true, upsampled>(acc, taps, x, weights);
        } else {
            add<pixels, false, upsampled>(acc, taps, x, weights);
        }
#pragma GCC unroll 8
        for (int p = 0; p < pixels; ++p) {
            const int32x4_t sum = vpaddq_s32(vpaddq_s32(acc[p][0], acc[p][1]), vpaddq_s32(acc[p][2], acc[p][3]));
            vst1q_s32(sums + p * pitch, vaddq_s32(sum, start[0]));
        }
    }
};

}  // namespace

extern constinit const ConvKernel conv_u8s8_6x4_neon =
    conv_kernel<DirectNeon<Products8>>("conv_u8s8_6x4_neon", needs::neon);
extern constinit const ConvKernel conv_s16s8_6x16_neon =
    conv_kernel<DirectNeon<Products16>>("conv_s16s8_6x16_neon", needs::neon);
extern constinit const ConvKernel conv_grouped_u8s8_6x4_neon =
    conv_kernel<Grouped<DirectNeon<Products8>>>("conv_grouped_u8s8_6x4_neon", needs::neon);
extern constinit const ConvKernel conv_grouped_s16s8_6x16_neon =
    conv_kernel<Grouped<DirectNeon<Products16>>>("conv_grouped_s16s8_6x16_neon", needs::neon);

}  // namespace octet::kernels
