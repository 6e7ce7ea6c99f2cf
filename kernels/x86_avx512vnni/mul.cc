#include "kernels/mul.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/pixel_bytes.h"

namespace octet::kernels {
namespace {

OCTET_INLINE __m512i scaled(__m512i products, __m512 scale) {
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(products), scale));
}

}  // namespace

void mul_u8_avx512vnni(const MulCall& call, int row_begin, int row_end) noexcept {
    const MulParams& p = call.params;
    const __m512i a_zero = set16(p.a_zero_point), b_zero = set16(p.b_zero_point), out_zero = set16(p.out_zero_point);
    const __m512i out_min = set16(p.out_min), out_max = set16(p.out_max);
    const __m512 scale = _mm512_set1_ps(p.scale);
    compute_pairs(
        call, row_begin, row_end, [&](__m256i a, __m256i b) __attribute__((always_inline)) {
            const __m512i first = _mm512_sub_epi16(_mm512_cvtepu8_epi16(a), a_zero);
            const __m512i second = _mm512_sub_epi16(_mm512_cvtepu8_epi16(b), b_zero);
            const __m512i low = _mm512_mullo_epi16(first, second), high = _mm512_mulhi_epi16(first, second);
            // Where 16 bits saturate, the result is beyond 8 bits anyway.
            const __m512i value = _mm512_packs_epi32(scaled(_mm512_unpacklo_epi16(low, high), scale),
                                                     scaled(_mm512_unpackhi_epi16(low, high), scale));
            const __m512i shifted = _mm512_adds_epi16(value, out_zero);
            return _mm512_cvtepi16_epi8(_mm512_min_epi16(_mm512_max_epi16(shifted, out_min), out_max));
        });
}

}  // namespace octet::kernels
