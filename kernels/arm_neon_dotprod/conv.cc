// Direct convolution with dot products: sdot by lane of x - 128, four channels of the input at a time. See
// kernels/arm_neon/conv_direct.h.

#include "kernels/conv.h"

#include "kernels/arm_neon/conv_direct.h"
#include "kernels/conv_grouped.h"

namespace octet::kernels {
namespace {

struct ProductsDot {
    using Weight = std::int8_t;
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr int tile_quads = 4;
    template <int quads>
    static constexpr int max_pixels = quads == 1 ? 12 : quads == 2 ? 10 : quads == 3 ? 8 : 6;

    static int padded(int depth) { return (depth + 3) / 4 * 4; }
    static int position(int, int quads, int o, int k) { return k / 4 * 16 * quads + o * 4 + k % 4; }
    static std::int32_t constant(std::int32_t sum) { return 128 * sum; }
    static std::int32_t flags(const ConvParams&, const std::int8_t*) { return 0; }

    // weights: of the four channels of the input in `lane`.
    template <int lane, int quads, int pixels>
    static OCTET_INLINE void add(int32x4_t (&acc)[pixels][quads], const int8x16_t (&in)[pixels],
                                 const std::int8_t* weights) {
#pragma GCC unroll 4
        for (int q = 0; q < quads; ++q) {
            const int8x16_t w = vld1q_s8(weights + (lane * quads + q) * 16);
#pragma GCC unroll 16
            for (int p = 0; p < pixels; ++p) acc[p][q] = vdotq_laneq_s32(acc[p][q], w, in[p], lane);
        }
    }

    template <int quads, int pixels>
    __attribute__((noinline)) static void tile(const Taps& taps, int x, const std::int8_t* weights,
                                               const int32x4_t* start, std::int32_t* sums, int pitch) {
        int32x4_t acc[pixels][quads];
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) acc[p][q] = start[q];
        }
        const int depth = padded(taps.depth);
        for (int r = 0; r < taps.rows; ++r) {
            for (int run = 0; run < taps.runs; ++run) {
                const std::uint8_t* at[pixels];
                taps.begin(r, run, x, at);
                const auto load = [&](int8x16_t(&in)[pixels], int k) __attribute__((always_inline)) {
#pragma GCC unroll 16
                    for (int p = 0; p < pixels; ++p) {
                        in[p] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at[p] + k), vdupq_n_u8(128)));
                    }
                };
                int k = 0;
                for (; k + 16 <= depth; k += 16, weights += 64 * quads) {
                    int8x16_t in[pixels];
                    load(in, k);
                    add<0>(acc, in, weights);
                    add<1>(acc, in, weights);
                    add<2>(acc, in, weights);
                    add<3>(acc, in, weights);
                }
                if (k < depth) {
                    int8x16_t in[pixels];
                    load(in, k);
                    add<0>(acc, in, weights);
                    if (k + 4 < depth) add<1>(acc, in, weights);
                    if (k + 8 < depth) add<2>(acc, in, weights);
                    weights += (depth - k) * 4 * quads;
                }
            }
        }
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) vst1q_s32(sums + p * pitch + 4 * q, acc[p][q]);
        }
    }
};

}  // namespace

extern constinit const ConvKernel conv_u8s8_6x16_neon_dotprod =
    conv_kernel<DirectNeon<ProductsDot>>("conv_u8s8_6x16_neon_dotprod", needs::neon_dotprod);
extern constinit const ConvKernel conv_grouped_u8s8_6x16_neon_dotprod =
    conv_kernel<Grouped<DirectNeon<ProductsDot>>>("conv_grouped_u8s8_6x16_neon_dotprod", needs::neon_dotprod);

}  // namespace octet::kernels
