#pragma once

// conv_transformed.h with vpdpwssd: int16 x int16 pairs into int32.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include "kernels/conv_transformed.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/conv_epilogue.h"

namespace octet::kernels {
namespace {

constexpr int transformed_lanes = 16;

// As in conv.cc: an operand that is tied to its register stays there.
OCTET_INLINE void multiply_add(__m512i& acc, __m512i input, __m512i weights) {
    asm("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(input), "v"(weights));
}

// Sums over the channels at one point: `tiles` tiles x the block's channels.
template <int vectors, int tiles>
__attribute__((noinline)) void transformed_sums(const std::byte* transformed, int64_t tile_bytes, int steps,
                                                const int16_t* weights, std::byte* result) {
    __m512i acc[tiles][vectors];
#pragma GCC unroll 16
    for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) acc[t][v] = _mm512_setzero_si512();
    }
    const auto* w = reinterpret_cast<const __m512i*>(weights);
    const int64_t tile_bytes3 = 3 * tile_bytes;
    // One pointer for four tiles: x86 addresses the others with 1, 2 and 3 times the stride.
    const std::byte* quad[(tiles + 3) / 4];
#pragma GCC unroll 4
    for (int q = 0; q < (tiles + 3) / 4; ++q) quad[q] = transformed + 4 * q * tile_bytes;
    for (int step = 0; step < steps; ++step, w += vectors) {
        __m512i block[vectors];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) block[v] = _mm512_load_si512(w + v);
#pragma GCC unroll 16
        for (int t = 0; t < tiles; ++t) {
            const std::byte* base = quad[t / 4];
            int32_t pair;
            __builtin_memcpy(&pair, t % 4 == 3 ? base + tile_bytes3 : base + t % 4 * tile_bytes, 4);
            const __m512i input = _mm512_set1_epi32(pair);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) multiply_add(acc[t][v], input, block[v]);
        }
#pragma GCC unroll 4
        for (int q = 0; q < (tiles + 3) / 4; ++q) quad[q] += 4;
    }
    auto* out = reinterpret_cast<__m512i*>(result);
#pragma GCC unroll 16
    for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) _mm512_store_si512(out + t * vectors + v, acc[t][v]);
    }
}

template <FusedKind kind>
struct TransformedAvx512Vnni {
    static constexpr int lanes = transformed_lanes;
    static constexpr int max_tiles = 14;
    static constexpr bool folds = false;  // 12 of 32 lanes would be in use

    using I16 __attribute__((vector_size(64), may_alias)) = int16_t;
    using I32 __attribute__((vector_size(64), may_alias)) = uint32_t;  // unsigned: sums wrap

    template <int vectors>
    using Epilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

    static OCTET_INLINE I16 load_u8(const uint8_t* x) {
        return reinterpret_cast<I16>(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))));
    }

    // z = 576 * y modulo 2^32: 0x38E38E39 * 9 = 1 modulo 2^32.
    static OCTET_INLINE I32 divide_by_576(I32 z) {
        const __m512i y = _mm512_mullo_epi32(reinterpret_cast<__m512i>(z), _mm512_set1_epi32(0x38E38E39));
        return reinterpret_cast<I32>(_mm512_srai_epi32(y, 6));
    }

    template <int vectors, int tiles>
    static void sums(const std::byte* transformed, int64_t tile_bytes, int steps, const int16_t* weights,
                     std::byte* result) {
        transformed_sums<vectors, tiles>(transformed, tile_bytes, steps, weights, result);
    }

    // y: `height` rows of `width` outputs from (row.y, x) on, `pitch` vectors between rows.
    template <int vectors>
    static OCTET_INLINE void store_rows(ConvRow& row, const Epilogue<vectors>& epilogue, const I32* y, int x, int width,
                                        int height, int pitch) {
        for (int i = 0; i < height; ++i, ++row.y, y += pitch) {
            const auto* sums = reinterpret_cast<const __m512i*>(y);
            if constexpr (kind == FusedKind::no) {
                if constexpr (vectors == 1) {
                    epilogue.store_vectors(*row.call, sums, width, row.y, x);
                } else {
                    epilogue.store_pixels(*row.call, sums, width, row.y, x);
                }
                continue;
            } else {
                for (int j = 0; j < width; j += 4, sums += 4 * vectors) {
                    const int left = width - j;
                    if constexpr (vectors == 1) {
                        const __m512i v[4] = {sums[0], sums[1], sums[2], sums[3]};
                        epilogue.template store_fused<kind>(epilogue.fused, *row.call, v, left < 4 ? left : 4, row.y,
                                                            x + j);
                    } else if (left >= 4) {
                        const __m512i acc[4][vectors] = {
                            {sums[0], sums[1]}, {sums[2], sums[3]}, {sums[4], sums[5]}, {sums[6], sums[7]}};
                        epilogue.template store_fused<kind>(*row.call, acc, row.y, x + j);
                    } else {
                        epilogue.store_pixels(*row.call, sums, left, row.y, x + j);
                    }
                }
            }
        }
    }
};

}  // namespace
}  // namespace octet::kernels
