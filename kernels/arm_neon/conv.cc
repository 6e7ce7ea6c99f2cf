// Direct convolution of Armv8.0: u8 x s8 as smull, smlal2, sadalp of x - 128, along the input's channels; s16 x s8 as
// smlal by lane. See conv_direct.h.

#include "kernels/conv.h"

#include "kernels/arm_neon/conv_direct.h"
#include "kernels/arm_neon/conv_s16.h"
#include "kernels/conv_grouped.h"

namespace octet::kernels {
namespace {

// Lanes hold sums over every eighth channel of the input, of one pixel and one output. Of the products that share a lane,
// four are added up in 16 bits where the weights prove that those hold them, else two, else one:
//
//     weights of a run: [16 channels of the input][output, 4][16], at its end 8 channels or none
struct Products8 {
    using Weight = std::int8_t;
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr int tile_quads = 1;
    static constexpr bool pairs = false;
    template <int quads>
    static constexpr int max_pixels = 5;

    static int padded(int depth) { return (depth + 7) / 8 * 8; }
    static int position(int depth, int, int o, int k) {
        const int whole = depth / 16 * 16;
        return k < whole ? k / 16 * 64 + o * 16 + k % 16 : whole * 4 + o * 8 + k - whole;
    }
    static std::int32_t constant(std::int32_t sum) { return 128 * sum; }

    // How many products of |x - 128| <= 128 may be added up in 16 bits: 4 where the weights that share a lane allow it, 2,
    // or 1.
    static int flag(const std::int8_t* group, int runs, int depth) {
        const auto magnitude = [](std::int8_t w) { return w < 0 ? -int{w} : int{w}; };
        int largest_pair = 0, largest_four = 0;
        for (int run = 0; run < runs; ++run, group += 4 * depth) {
            for (int chunk = 0; chunk + 16 <= depth; chunk += 16) {
                for (int i = 0; i < 64; ++i) {
                    if (i % 16 >= 8) continue;  // the second half of an output's 16 channels
                    const std::int8_t* w = group + 4 * chunk + i;
                    const int pair = magnitude(w[0]) + magnitude(w[8]);
                    const bool follows = chunk % 32 == 0 && chunk + 32 <= depth;
                    const int four = follows ? pair + magnitude(w[64]) + magnitude(w[72]) : 0;
                    largest_pair = pair > largest_pair ? pair : largest_pair;
                    largest_four = four > largest_four ? four : largest_four;
                }
            }
        }
        constexpr int most = 32767 / 128;
        return largest_pair > most ? 1 : largest_four > most ? 2 : 4;
    }

    static OCTET_INLINE int8x16_t flipped(const std::uint8_t* x) {
        return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(x), vdupq_n_u8(128)));
    }

    // The intrinsics as GCC 12 compiles them copy the sum where an operand dies; one that is tied to its register stays.
    static OCTET_INLINE void multiply_add_low(int16x8_t& sum, int8x16_t in, int8x16_t w) {
        asm("smlal %0.8h, %1.8b, %2.8b" : "+w"(sum) : "w"(in), "w"(w));
    }
    static OCTET_INLINE void multiply_add_high(int16x8_t& sum, int8x16_t in, int8x16_t w) {
        asm("smlal2 %0.8h, %1.16b, %2.16b" : "+w"(sum) : "w"(in), "w"(w));
    }

    // 16 channels of a pixel by those of an output: one product at a time, or two.
    template <int terms>
    static OCTET_INLINE void add_products(int32x4_t& acc, int8x16_t in, int8x16_t w) {
        int16x8_t products = vmull_s8(vget_low_s8(in), vget_low_s8(w));
        if constexpr (terms == 1) {
            acc = vpadalq_s16(acc, products);
            products = vmull_high_s8(in, w);
        } else {
            products = vmlal_high_s8(products, in, w);
        }
        acc = vpadalq_s16(acc, products);
    }

    template <int pixels, int terms, bool upsampled>
    static OCTET_INLINE void add(int32x4_t (&acc)[pixels][4], const Taps& taps, int x, const std::int8_t* weights) {
        const int whole = padded(taps.depth) / 16, rest = padded(taps.depth) % 16;
        taps.template for_each_run<upsampled, pixels>(
            x, [&](const std::uint8_t* const(&at)[pixels], std::int64_t offset) __attribute__((always_inline)) {
                int steps = whole;
                if constexpr (terms == 4) {
                    for (; steps >= 2; steps -= 2, offset += 32, weights += 128) {
                        int8x16_t first[4], second[4];
#pragma GCC unroll 4
                        for (int o = 0; o < 4; ++o) {
                            first[o] = vld1q_s8(weights + 16 * o);
                            second[o] = vld1q_s8(weights + 64 + 16 * o);
                        }
#pragma GCC unroll 8
                        for (int p = 0; p < pixels; ++p) {
                            const int8x16_t a = flipped(at[p] + offset), b = flipped(at[p] + offset + 16);
#pragma GCC unroll 4
                            for (int o = 0; o < 4; ++o) {
                                int16x8_t products = vmull_s8(vget_low_s8(a), vget_low_s8(first[o]));
                                multiply_add_high(products, a, first[o]);
                                multiply_add_low(products, b, second[o]);
                                multiply_add_high(products, b, second[o]);
                                acc[p][o] = vpadalq_s16(acc[p][o], products);
                            }
                        }
                    }
                }
                for (; steps > 0; --steps, offset += 16, weights += 64) {
                    int8x16_t w[4];
#pragma GCC unroll 4
                    for (int o = 0; o < 4; ++o) w[o] = vld1q_s8(weights + 16 * o);
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) {
                        const int8x16_t in = flipped(at[p] + offset);
#pragma GCC unroll 4
                        for (int o = 0; o < 4; ++o) add_products<terms>(acc[p][o], in, w[o]);
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
        if (taps.flag == 4) {
            add<pixels, 4, upsampled>(acc, taps, x, weights);
        } else if (taps.flag == 2) {
            add<pixels, 2, upsampled>(acc, taps, x, weights);
        } else {
            add<pixels, 1, upsampled>(acc, taps, x, weights);
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
