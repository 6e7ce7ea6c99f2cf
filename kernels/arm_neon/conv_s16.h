#pragma once

// Products of 16-bit activations: smlal by lane, one channel of the input at a time. For conv_direct.h.
//
//     weights of a run: [channel of the input][output, 4 * quads]
//
// In an unnamed namespace on purpose: each file compiles a private copy.

#include "kernels/arm_neon/conv_direct.h"
#include "kernels/arm_neon/products16.h"

namespace octet::kernels {
namespace {

struct Products16 {
    using Weight = std::int16_t;
    static constexpr ConvInput input = ConvInput::s16;
    static constexpr bool pairs = false;
    template <int quads>
    static constexpr int max_pixels = quads == 1 ? 8 : 6;

    static int padded(int depth) { return (depth + 3) / 4 * 4; }
    static int position(int, int quads, int o, int k) { return k * 4 * quads + o; }
    static std::int32_t constant(std::int32_t) { return 0; }

    template <int quads, bool upsampled, int pixels>
    static OCTET_INLINE void tile(const Taps& taps, int x, const std::int16_t* weights, const int32x4_t* start,
                                  std::int32_t* sums) {
        int32x4_t acc[pixels][quads];
#pragma GCC unroll 8
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) acc[p][q] = start[q];
        }
        const int whole = padded(taps.depth) / 8, rest = padded(taps.depth) % 8;
        taps.template for_each_run<upsampled, pixels>(
            x, [&](const std::uint8_t* const(&at)[pixels], std::int64_t offset) __attribute__((always_inline)) {
                int16x8_t in[pixels];
                const auto load = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) in[p] = vreinterpretq_s16_u8(vld1q_u8(at[p] + offset));
                };
                for (int step = whole; step > 0; --step, offset += 16) {
                    load();
                    add_four_lanes<0>(acc, in, weights);
                    add_four_lanes<4>(acc, in, weights);
                }
                if (rest > 0) {
                    load();
                    add_four_lanes<0>(acc, in, weights);
                }
            });
#pragma GCC unroll 8
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) vst1q_s32(sums + p * 4 * quads + 4 * q, acc[p][q]);
        }
    }
};

}  // namespace
}  // namespace octet::kernels
