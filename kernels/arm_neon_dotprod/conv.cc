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
    static constexpr bool pairs = false;
    template <int quads>
    static constexpr int max_pixels = quads == 1   ? 12
                                      : quads == 2 ? 10
                                      : quads == 3 ? 8
                                                   : 6;

    static int padded(int depth) { return (depth + 3) / 4 * 4; }
    static int position(int, int quads, int o, int k) { return k / 4 * 16 * quads + o * 4 + k % 4; }
    static std::int32_t constant(std::int32_t sum) { return 128 * sum; }

    // vdotq_laneq_s32 as GCC 12 compiles it copies accumulators in tiles that fill the registers; an operand that is tied
    // to its register stays there.
    template <int lane>
    static OCTET_INLINE void multiply_add(int32x4_t& acc, int8x16_t weights, int8x16_t in) {
        asm("sdot %0.4s, %1.16b, %2.4b[%3]" : "+w"(acc) : "w"(weights), "w"(in), "i"(lane));
    }

    // weights: of the four channels of the input in `lane`.
    template <int lane, int quads, int pixels>
    static OCTET_INLINE void add(int32x4_t (&acc)[pixels][quads], const int8x16_t (&in)[pixels],
                                 const std::int8_t* weights) {
#pragma GCC unroll 4
        for (int q = 0; q < quads; q += 2) {
            // Two at a time, which is one load.
            const bool two = q + 1 < quads;
            const std::int8_t* from = weights + (lane * quads + q) * 16;
            const int8x16_t w0 = vld1q_s8(from), w1 = two ? vld1q_s8(from + 16) : w0;
#pragma GCC unroll 16
            for (int p = 0; p < pixels; ++p) multiply_add<lane>(acc[p][q], w0, in[p]);
            if (!two) continue;
#pragma GCC unroll 16
            for (int p = 0; p < pixels; ++p) multiply_add<lane>(acc[p][q + 1], w1, in[p]);
        }
    }

    template <int quads, int pixels>
    static OCTET_INLINE void load(int8x16_t (&in)[pixels], const std::uint8_t* const (&at)[pixels],
                                  std::int64_t offset) {
        uint8x16_t flip = vdupq_n_u8(128);
        // Made anew each time: a large tile leaves no register for it.
        if constexpr (pixels * quads > 20) asm volatile("movi %0.16b, #128" : "=w"(flip));
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) in[p] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at[p] + offset), flip));
    }

    template <int quads, bool upsampled, int pixels>
    static OCTET_INLINE void tile(const Taps& taps, int x, const std::int8_t* weights, const int32x4_t* start,
                                  std::int32_t* sums) {
        int32x4_t acc[pixels][quads];
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) acc[p][q] = start[q];
        }
        const int whole = padded(taps.depth) / 16, rest = padded(taps.depth) % 16 / 4;
        taps.template for_each_run<upsampled, pixels>(
            x, [&](const std::uint8_t* const(&at)[pixels], std::int64_t offset) __attribute__((always_inline)) {
                int8x16_t in[pixels];
                for (int step = whole; step > 0; --step, offset += 16) {
                    load<quads>(in, at, offset);
                    add<0>(acc, in, weights);
                    add<1>(acc, in, weights);
                    add<2>(acc, in, weights);
                    add<3>(acc, in, weights);
                    weights += 64 * quads;
                }
                if (rest > 0) {
                    load<quads>(in, at, offset);
                    add<0>(acc, in, weights);
                    if (rest > 1) add<1>(acc, in, weights);
                    if (rest > 2) add<2>(acc, in, weights);
                    weights += rest * 16 * quads;
                }
            });
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int q = 0; q < quads; ++q) vst1q_s32(sums + p * 4 * quads + 4 * q, acc[p][q]);
        }
    }
};

}  // namespace

extern constinit const ConvKernel conv_u8s8_6x16_neon_dotprod =
    conv_kernel<DirectNeon<ProductsDot>>("conv_u8s8_6x16_neon_dotprod", needs::neon_dotprod);
extern constinit const ConvKernel conv_grouped_u8s8_6x16_neon_dotprod =
    conv_kernel<Grouped<DirectNeon<ProductsDot>>>("conv_grouped_u8s8_6x16_neon_dotprod", needs::neon_dotprod);

}  // namespace octet::kernels
