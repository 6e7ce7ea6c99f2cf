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
    static constexpr int depth = 4, interleaved = 1;

    template <int vectors, int tiles>
    __attribute__((noinline)) static void sums(const std::byte* transformed, std::int64_t tile_bytes, int channels,
                                               const std::int16_t* weights, std::byte* result) {
        int32x4_t acc[tiles][vectors];
        const std::byte* at[tiles];
#pragma GCC unroll 16
        for (int t = 0; t < tiles; ++t) at[t] = transformed + t * tile_bytes;
        int16x8_t in[tiles];
        int k = 0;
        const auto load = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 16
            for (int t = 0; t < tiles; ++t) in[t] = vld1q_s16(reinterpret_cast<const std::int16_t*>(at[t]) + k);
        };
        load();
        add_four_lanes<0, true>(acc, in, weights);
        if (channels > 4) add_four_lanes<4>(acc, in, weights);
        for (k = 8; k + 4 < channels; k += 8) {
            load();
            add_four_lanes<0>(acc, in, weights);
            add_four_lanes<4>(acc, in, weights);
        }
        if (k < channels) {
            load();
            add_four_lanes<0>(acc, in, weights);
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

    using I16 __attribute__((vector_size(16), may_alias)) = std::int16_t;
    using I32 __attribute__((vector_size(16), may_alias)) = std::uint32_t;  // unsigned: sums wrap

    template <int vectors>
    using Epilogue = QuadsEpilogue<vectors>;

    static OCTET_INLINE I16 load_u8(const std::uint8_t* x) { return reinterpret_cast<I16>(vmovl_u8(vld1_u8(x))); }

    // Channels [c, c + 8) of the 4 * cin of a block of 2x2 pixels: rows[dy] + columns[dx]. A pixel is readable up to its
    // 4th channel.
    static constexpr bool folds = true;
    static OCTET_INLINE I16 load_folded(int cin, const std::uint8_t* const* rows, const std::int64_t* columns, int c) {
        std::uint32_t words[4];
        for (int i = 0; i < 4; ++i) __builtin_memcpy(&words[i], rows[i / 2] + columns[i % 2], 4);
        const uint32x4_t pixels = {words[0], words[1], words[2], words[3]};
        const uint8x8_t order = vld1_u8(folded_order[cin - 1] + c);
        return reinterpret_cast<I16>(vmovl_u8(vqtbl1_u8(vreinterpretq_u8_u32(pixels), order)));
    }
    // Closes the gaps between pixels of less than 4 channels; 16: nothing.
    static constexpr std::uint8_t folded_order[4][16] = {
        {0, 4, 8, 12, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16},
        {0, 1, 4, 5, 8, 9, 12, 13, 16, 16, 16, 16, 16, 16, 16, 16},
        {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 16, 16, 16},
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    };

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
