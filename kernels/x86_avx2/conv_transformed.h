#pragma once

// The forms of conv_transformed.h in 256-bit registers. For every level of such registers.
//
// Products: as conv_transformed.h says.
//
// In an unnamed namespace on purpose: each file compiles a private copy.

#include "kernels/conv_transformed.h"

#include <immintrin.h>

#include "kernels/conv_upsampled.h"
#include "kernels/conv_winograd.h"
#include "kernels/x86_avx2/conv_epilogue.h"

namespace octet::kernels {
namespace {

template <typename ProductsOfLevel>
struct Transformed256 {
    using Products = ProductsOfLevel;
    static constexpr int lanes = 8;

    using I16 __attribute__((vector_size(32), may_alias)) = std::int16_t;
    using I32 __attribute__((vector_size(32), may_alias)) = std::uint32_t;  // unsigned: sums wrap

    template <int vectors>
    using Epilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

    static OCTET_INLINE I16 load_u8(const std::uint8_t* x) {
        return reinterpret_cast<I16>(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))));
    }

    // The 4 * cin channels of a block of 2x2 pixels: rows[dy] + columns[dx]. A pixel is readable up to its 4th channel.
    static constexpr bool folds = true;
    static OCTET_INLINE I16 load_folded(int cin, const std::uint8_t* const* rows, const std::int64_t* columns, int) {
        const auto pixel = [&](int i) {
            std::int32_t word;
            __builtin_memcpy(&word, rows[i / 2] + columns[i % 2], 4);
            return word;
        };
        const __m128i pixels = _mm_setr_epi32(pixel(0), pixel(1), pixel(2), pixel(3));
        const __m128i order = _mm_loadu_si128(reinterpret_cast<const __m128i*>(folded_order[cin - 1]));
        return reinterpret_cast<I16>(_mm256_cvtepu8_epi16(_mm_shuffle_epi8(pixels, order)));
    }
    // Closes the gaps between pixels of less than 4 channels; -1: nothing.
    static constexpr std::int8_t folded_order[4][16] = {
        {0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
        {0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1},
        {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1},
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    };

    // z = 576 * y modulo 2^32: 0x38E38E39 * 9 = 1 modulo 2^32.
    static OCTET_INLINE I32 divide_by_576(I32 z) {
        const __m256i y = _mm256_mullo_epi32(reinterpret_cast<__m256i>(z), _mm256_set1_epi32(0x38E38E39));
        return reinterpret_cast<I32>(_mm256_srai_epi32(y, 6));
    }

    // y: `height` rows of `width` outputs from (row.y, x) on, `pitch` vectors between rows.
    template <int vectors>
    static OCTET_INLINE void store_rows(ConvRow& row, const Epilogue<vectors>& epilogue, const I32* y, int x, int width,
                                        int height, int pitch) {
        const auto* sums = reinterpret_cast<const __m256i*>(y);
        if constexpr (vectors == 2) {
            epilogue.store(row, sums, width, x, height, pitch);
        } else {
            for (int i = 0; i < height; ++i, ++row.y, sums += pitch) epilogue.store(row, sums, width, x);
        }
    }
};

}  // namespace
}  // namespace octet::kernels
