#pragma once

// sigmoid_q16 of sigmoid.h on 8 logits. In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include "kernels/sigmoid.h"

namespace octet::kernels {
namespace {

struct Sigmoid8 {
    __m128i shift;
    const std::int32_t* table;

    OCTET_INLINE explicit Sigmoid8(int f) : shift(_mm_cvtsi32_si128(12 - f)), table(sigmoid_table) {}

    // x: int32 lanes holding int16 values; the result is in 0..65535.
    OCTET_INLINE __m256i operator()(__m256i x) const {
        const __m256i limit = _mm256_set1_epi32(65535);
        const __m256i a = _mm256_min_epi32(_mm256_sll_epi32(_mm256_abs_epi32(x), shift), limit);
        const __m256i i = _mm256_srli_epi32(a, 7), r = _mm256_and_si256(a, _mm256_set1_epi32(127));
        // An entry and the next one in one load.
        const auto* pairs = reinterpret_cast<const long long*>(table);
        const __m256i low = _mm256_i32gather_epi64(pairs, _mm256_castsi256_si128(i), 4);
        const __m256i high = _mm256_i32gather_epi64(pairs, _mm256_extracti128_si256(i, 1), 4);
        const __m256 l = _mm256_castsi256_ps(low), h = _mm256_castsi256_ps(high);
        const __m256i firsts = _mm256_castps_si256(_mm256_shuffle_ps(l, h, 0x88));
        const __m256i seconds = _mm256_castps_si256(_mm256_shuffle_ps(l, h, 0xDD));
        const __m256i first = _mm256_permute4x64_epi64(firsts, 0xD8), second = _mm256_permute4x64_epi64(seconds, 0xD8);
        __m256i s =
            _mm256_sub_epi32(_mm256_slli_epi32(first, 7), _mm256_mullo_epi32(_mm256_sub_epi32(first, second), r));
        s = _mm256_srai_epi32(_mm256_add_epi32(s, _mm256_set1_epi32(1 << 12)), 13);
        const __m256i y =
            _mm256_blendv_epi8(_mm256_sub_epi32(_mm256_set1_epi32(65536), s), s, _mm256_srai_epi32(x, 31));
        return _mm256_min_epi32(y, limit);
    }
};

}  // namespace
}  // namespace octet::kernels
