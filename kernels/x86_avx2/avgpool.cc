#include "kernels/avgpool.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {
namespace {

// As many bytes as 16 bits can add up.
constexpr int most_in_16_bits = 257;

// Sums of 32 channels in the order of their bytes: 16 bits that are emptied into 32 before they overflow.
struct Sums {
    __m256i narrow[2], wide[4];
    int added = 0;

    OCTET_INLINE Sums() {
        for (__m256i& sum : narrow) sum = _mm256_setzero_si256();
        for (__m256i& sum : wide) sum = _mm256_setzero_si256();
    }
    OCTET_INLINE void add(const std::uint8_t* pixel) {
        if (added == most_in_16_bits) empty();
        ++added;
        for (int i = 0; i < 2; ++i) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel + 16 * i));
            narrow[i] = _mm256_add_epi16(narrow[i], _mm256_cvtepu8_epi16(bytes));
        }
    }
    OCTET_INLINE void empty() {
        for (int i = 0; i < 2; ++i) {
            wide[2 * i] = _mm256_add_epi32(wide[2 * i], _mm256_cvtepu16_epi32(_mm256_castsi256_si128(narrow[i])));
            wide[2 * i + 1] =
                _mm256_add_epi32(wide[2 * i + 1], _mm256_cvtepu16_epi32(_mm256_extracti128_si256(narrow[i], 1)));
            narrow[i] = _mm256_setzero_si256();
        }
        added = 0;
    }
    // RNE(float(sum - zero) * scale) + out_zero as bytes. Where 16 bits saturate, the result is beyond 8 bits anyway.
    OCTET_INLINE __m256i mean(__m256i zero, __m256 scale, __m256i out_zero) {
        empty();
        __m256i rounded[4];
        for (int i = 0; i < 4; ++i) {
            const __m256 sum = _mm256_cvtepi32_ps(_mm256_sub_epi32(wide[i], zero));
            rounded[i] = _mm256_cvtps_epi32(_mm256_mul_ps(sum, scale));
        }
        // Packing works in each half: the quarters are in the order 0, 2, 4, 6, 1, 3, 5, 7 afterwards.
        const __m256i first = _mm256_adds_epi16(_mm256_packs_epi32(rounded[0], rounded[1]), out_zero);
        const __m256i second = _mm256_adds_epi16(_mm256_packs_epi32(rounded[2], rounded[3]), out_zero);
        return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second),
                                           _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }
};

}  // namespace

void avgpool_u8_avx2(const AvgPoolCall& call, int row_begin, int row_end) noexcept {
    const __m256i out_zero = _mm256_set1_epi16(call.params.out_zero_point);
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const AvgPoolWindow window(call, y, x);
            const __m256i zero = _mm256_set1_epi32(window.pixels() * call.params.in_zero_point);
            const __m256 scale = _mm256_set1_ps(avgpool_scale(window.count, call.params));
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; c += 32) {
                Sums sums;
                for (int iy = window.rows.begin; iy < window.rows.end; ++iy) {
                    const std::uint8_t* in = call.in.pixel(iy, window.columns.begin) + c;
                    for (int ix = window.columns.begin; ix < window.columns.end; ++ix, in += call.in.pixel_stride)
                        sums.add(in);
                }
                store_bytes(out + c, sums.mean(zero, scale, out_zero), call.out.c - c < 32 ? call.out.c - c : 32);
            }
        }
    }
}

}  // namespace octet::kernels
