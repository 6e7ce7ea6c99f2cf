#include "kernels/mul.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/pixel_bytes.h"

namespace octet::kernels {
namespace {

OCTET_INLINE __m512i set16(int x) {
    return _mm512_set1_epi16(static_cast<std::int16_t>(x));
}

OCTET_INLINE __m512i scaled(__m512i products, __m512 scale) {
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(products), scale));
}

}  // namespace

void mul_u8_avx512vnni(const MulCall& call, int row_begin, int row_end) noexcept {
    const MulParams& p = call.params;
    const __m512i a_zero = set16(p.a_zero_point), b_zero = set16(p.b_zero_point), out_zero = set16(p.out_zero_point);
    const __m512i out_min = set16(p.out_min), out_max = set16(p.out_max);
    const __m512 scale = _mm512_set1_ps(p.scale);
    const std::int64_t c = call.out.c;
    const ConstU8View first = repeated(call.a), second = repeated(call.b);
    const bool repeats_a = call.a.c != c, repeats_b = call.b.c != c;
    // Pixels that follow each other without a gap are one long pixel.
    const bool dense =
        !repeats_a && !repeats_b && first.pixel_stride == c && second.pixel_stride == c && call.out.pixel_stride == c;
    const int pixels = dense ? 1 : call.out.w;
    const std::int64_t run = dense ? c * call.out.w : c;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < pixels; ++x) {
            const PixelBytes first_bytes(first.pixel(y, x), repeats_a), second_bytes(second.pixel(y, x), repeats_b);
            std::uint8_t* out = call.out.pixel(y, x);
            for (std::int64_t i = 0; i < run; i += 32) {
                const std::int64_t count = run - i < 32 ? run - i : 32;
                const auto mask = static_cast<__mmask32>((std::uint64_t{1} << count) - 1);
                const __m512i a = _mm512_sub_epi16(_mm512_cvtepu8_epi16(first_bytes(i, mask)), a_zero);
                const __m512i b = _mm512_sub_epi16(_mm512_cvtepu8_epi16(second_bytes(i, mask)), b_zero);
                const __m512i low = _mm512_mullo_epi16(a, b), high = _mm512_mulhi_epi16(a, b);
                // Where 16 bits saturate, the result is beyond 8 bits anyway.
                const __m512i value = _mm512_packs_epi32(scaled(_mm512_unpacklo_epi16(low, high), scale),
                                                         scaled(_mm512_unpackhi_epi16(low, high), scale));
                const __m512i shifted = _mm512_adds_epi16(value, out_zero);
                _mm256_mask_storeu_epi8(
                    out + i, mask, _mm512_cvtepi16_epi8(_mm512_min_epi16(_mm512_max_epi16(shifted, out_min), out_max)));
            }
        }
    }
}

}  // namespace octet::kernels
