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
    static constexpr int tile_quads = 4;
    template <int quads>
    static constexpr int max_pixels = quads == 1 ? 8 : 6;

    static int padded(int depth) { return (depth + 3) / 4 * 4; }
    static int position(int, int quads, int o, int k) { return k * 4 * quads + o; }
    static std::int32_t constant(std::int32_t) { return 0; }
    static std::int32_t flags(const ConvParams&, const std::int8_t*) { return 0; }

    template <int quads, int pixels>
    __attribute__((noinline)) static void tile(const Taps& taps, int x, const std::int16_t* weights,
                                               const int32x4_t* start, std::int32_t* sums, int pitch) {
        int32x4_t acc[pixels][quads];
#pragma GCC unroll 8
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) acc[p][q] = start[q];
        }
        const int depth = padded(taps.depth);
        for (int r = 0; r < taps.rows; ++r) {
            for (int run = 0; run < taps.runs; ++run) {
                const std::uint8_t* at[pixels];
                taps.begin(r, run, x, at);
                int k = 0;
                for (; k + 8 <= depth; k += 8) {
                    int16x8_t in[pixels];
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) in[p] = vld1q_s16(reinterpret_cast<const std::int16_t*>(at[p]) + k);
                    add_four_lanes<0>(acc, in, weights);
                    add_four_lanes<4>(acc, in, weights);
                }
                if (k < depth) {
                    int16x8_t in[pixels];
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) in[p] = vld1q_s16(reinterpret_cast<const std::int16_t*>(at[p]) + k);
                    add_four_lanes<0>(acc, in, weights);
                }
            }
        }
#pragma GCC unroll 8
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) vst1q_s32(sums + p * pitch + 4 * q, acc[p][q]);
        }
    }
};

}  // namespace
}  // namespace octet::kernels
