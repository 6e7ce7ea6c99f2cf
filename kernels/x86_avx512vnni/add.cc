#include "kernels/add.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/pixel_bytes.h"

namespace octet::kernels {
namespace {

OCTET_INLINE __m512i term(__m256i x, __m512i zero, __m512i mult) {
    const __m512i wide = _mm512_cvtepu8_epi16(x);
    return _mm512_mulhrs_epi16(_mm512_slli_epi16(_mm512_sub_epi16(wide, zero), 7), mult);
}

}  // namespace

void add_u8_avx512vnni(const AddCall& call, int row_begin, int row_end) noexcept {
    const AddParams& p = call.params;
    const __m512i a_zero = set16(p.a_zero_point), b_zero = set16(p.b_zero_point), a_mult = set16(p.a_mult);
    const __m512i b_mult = set16(p.b_mult), alpha = set16(p.alpha), offset = set16(p.offset), shift = set16(p.shift);
    const __m512i out_min = set16(p.out_min), out_max = set16(p.out_max);
    compute_pairs(
        call, row_begin, row_end, [&](__m256i a, __m256i b) __attribute__((always_inline)) {
            __m512i v = _mm512_adds_epi16(term(a, a_zero, a_mult), term(b, b_zero, b_mult));
            if (p.leaky) v = _mm512_max_epi16(v, _mm512_mulhrs_epi16(v, alpha));
            const __m512i value = _mm512_srav_epi16(_mm512_adds_epi16(v, offset), shift);
            return _mm512_cvtepi16_epi8(_mm512_min_epi16(_mm512_max_epi16(value, out_min), out_max));
        });
}

}  // namespace octet::kernels
