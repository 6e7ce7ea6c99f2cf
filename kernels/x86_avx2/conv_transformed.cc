// The forms of conv_transformed.h with vpmaddwd: int16 x int16 pairs into int32.

#include "kernels/conv_transformed.h"

#include <immintrin.h>

#include "kernels/conv_upsampled.h"
#include "kernels/conv_winograd.h"
#include "kernels/x86_avx2/conv_epilogue.h"

namespace octet::kernels {
namespace {

struct ProductsAvx2 {
    using Vector = __m256i;
    static constexpr int max_tiles = 6;

    static OCTET_INLINE Vector broadcast(int32_t pair) { return _mm256_set1_epi32(pair); }
    static OCTET_INLINE void multiply_add(Vector& acc, Vector input, Vector weights) {
        acc = _mm256_add_epi32(acc, _mm256_madd_epi16(input, weights));
    }
};

struct TransformedAvx2 {
    using Products = ProductsAvx2;
    static constexpr int lanes = 8;

    using I16 __attribute__((vector_size(32), may_alias)) = int16_t;
    using I32 __attribute__((vector_size(32), may_alias)) = uint32_t;  // unsigned: sums wrap

    template <int vectors>
    using Epilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

    static OCTET_INLINE I16 load_u8(const uint8_t* x) {
        return reinterpret_cast<I16>(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))));
    }

    // The 4 * cin channels of a block of 2x2 pixels: rows[dy] + columns[dx]. A pixel is readable up to its 4th channel.
    static constexpr bool folds = true;
    static OCTET_INLINE I16 load_folded(int cin, const uint8_t* const* rows, const int64_t* columns) {
        const auto pixel = [&](int i) {
            int32_t word;
            __builtin_memcpy(&word, rows[i / 2] + columns[i % 2], 4);
            return word;
        };
        const __m128i pixels = _mm_setr_epi32(pixel(0), pixel(1), pixel(2), pixel(3));
        const __m128i order = _mm_loadu_si128(reinterpret_cast<const __m128i*>(folded_order[cin - 1]));
        return reinterpret_cast<I16>(_mm256_cvtepu8_epi16(_mm_shuffle_epi8(pixels, order)));
    }
    // Closes the gaps between pixels of less than 4 channels; -1: nothing.
    static constexpr int8_t folded_order[4][16] = {
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

const char* refuses_winograd(const ConvParams& p, const int8_t* weights) {
    return winograd_refuses(p, weights, TransformedAvx2::lanes, TransformedAvx2::folds);
}

const char* refuses_upsampled(const ConvParams& p, const int8_t*) {
    return upsampled_refuses(p, TransformedAvx2::lanes);
}

template <typename Form>
void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    transformed_run<TransformedAvx2, Form>(call, unit_begin, unit_end, scratch);
}

}  // namespace

extern constinit const ConvKernel conv_winograd_u8s8_6x16_avx2 = transformed_kernel<Winograd, TransformedAvx2::lanes>(
    "conv_winograd_u8s8_6x16_avx2", needs::avx2, refuses_winograd, run<Winograd>);
extern constinit const ConvKernel conv_upsampled_u8s8_6x16_avx2 = transformed_kernel<Upsampled, TransformedAvx2::lanes>(
    "conv_upsampled_u8s8_6x16_avx2", needs::avx2, refuses_upsampled, run<Upsampled>);

}  // namespace octet::kernels
