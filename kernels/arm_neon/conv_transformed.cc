// The forms of conv_transformed.h with smlal by lane: int16 x int16 into int32. Only where there are no dot products:
// those do more in the direct form.

#include "kernels/conv_transformed.h"

#include "kernels/arm_neon/conv_epilogue.h"
#include "kernels/arm_neon/products16.h"
#include "kernels/conv_upsampled.h"
#include "kernels/conv_winograd.h"

namespace octet::kernels {
namespace {

struct ProductsNeon {
    using Vector = int32x4_t;
    static constexpr int max_tiles = 10;  // 20 accumulators, 10 of input, weights
    static constexpr int depth = 8, interleaved = 1;

    template <int vectors, int tiles>
    __attribute__((noinline)) static void sums(const std::byte* transformed, std::int64_t tile_bytes, int channels,
                                               const std::int16_t* weights, std::byte* result) {
        int32x4_t acc[tiles][vectors];
#pragma GCC unroll 16
        for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) acc[t][v] = vdupq_n_s32(0);
        }
        const std::byte* at[tiles];
#pragma GCC unroll 16
        for (int t = 0; t < tiles; ++t) at[t] = transformed + t * tile_bytes;
        for (int k = 0; k < channels; k += 8) {
            int16x8_t in[tiles];
#pragma GCC unroll 16
            for (int t = 0; t < tiles; ++t) in[t] = vld1q_s16(reinterpret_cast<const std::int16_t*>(at[t]) + k);
            add_four_lanes<0>(acc, in, weights);
            add_four_lanes<4>(acc, in, weights);
        }
        auto* out = reinterpret_cast<std::int32_t*>(result);
#pragma GCC unroll 16
        for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) vst1q_s32(out + 4 * (t * vectors + v), acc[t][v]);
        }
    }
};

struct TransformedNeon {
    using Products = ProductsNeon;
    static constexpr int lanes = 4;
    static constexpr bool folds = false;

    using I16 __attribute__((vector_size(16), may_alias)) = std::int16_t;
    using I32 __attribute__((vector_size(16), may_alias)) = std::uint32_t;  // unsigned: sums wrap

    template <int vectors>
    using Epilogue = QuadsEpilogue<vectors>;

    static OCTET_INLINE I16 load_u8(const std::uint8_t* x) { return reinterpret_cast<I16>(vmovl_u8(vld1_u8(x))); }

    // z = 576 * y modulo 2^32: 0x38E38E39 * 9 = 1 modulo 2^32.
    static OCTET_INLINE I32 divide_by_576(I32 z) {
        const uint32x4_t y = vmulq_n_u32(reinterpret_cast<uint32x4_t>(z), 0x38E38E39U);
        return reinterpret_cast<I32>(vshrq_n_s32(vreinterpretq_s32_u32(y), 6));
    }

    // y: `height` rows of `width` outputs from (row.y, x) on, `pitch` vectors between rows.
    template <int vectors>
    static OCTET_INLINE void store_rows(ConvRow& row, const Epilogue<vectors>& epilogue, const I32* y, int x, int width,
                                        int height, int pitch) {
        epilogue.store(*row.call, reinterpret_cast<const std::int32_t*>(y), width, row.y, x, height, pitch * lanes);
    }
};

}  // namespace

extern constinit const ConvKernel conv_winograd_u8s8_10x8_neon =
    conv_kernel<TransformedKernel<Winograd, TransformedNeon>>("conv_winograd_u8s8_10x8_neon", needs::neon);
extern constinit const ConvKernel conv_upsampled_u8s8_10x8_neon =
    conv_kernel<TransformedKernel<Upsampled, TransformedNeon>>("conv_upsampled_u8s8_10x8_neon", needs::neon);

}  // namespace octet::kernels
