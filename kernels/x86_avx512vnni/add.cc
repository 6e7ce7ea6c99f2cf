#include "kernels/add.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/pixel_bytes.h"

namespace octet::kernels {
namespace {

OCTET_INLINE __m512i set16(int x) {
    return _mm512_set1_epi16(static_cast<std::int16_t>(x));
}

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
    const std::int64_t c = call.out.c;
    // Pixels that follow each other without a gap are one long pixel.
    const ConstU8View first = repeated(call.a), second = repeated(call.b);
    const bool repeats_a = call.a.c != c, repeats_b = call.b.c != c;
    const bool dense =
        !repeats_a && !repeats_b && first.pixel_stride == c && second.pixel_stride == c && call.out.pixel_stride == c;
    const int pixels = dense ? 1 : call.out.w;
    const std::int64_t run = dense ? c * call.out.w : c;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < pixels; ++x) {
            const PixelBytes a(first.pixel(y, x), repeats_a), b(second.pixel(y, x), repeats_b);
            std::uint8_t* out = call.out.pixel(y, x);
            for (std::int64_t i = 0; i < run; i += 32) {
                const std::int64_t count = run - i < 32 ? run - i : 32;
                const auto mask = static_cast<__mmask32>((std::uint64_t{1} << count) - 1);
                __m512i v = _mm512_adds_epi16(term(a(i, mask), a_zero, a_mult), term(b(i, mask), b_zero, b_mult));
                if (p.leaky) v = _mm512_max_epi16(v, _mm512_mulhrs_epi16(v, alpha));
                const __m512i value = _mm512_srav_epi16(_mm512_adds_epi16(v, offset), shift);
                _mm256_mask_storeu_epi8(
                    out + i, mask, _mm512_cvtepi16_epi8(_mm512_min_epi16(_mm512_max_epi16(value, out_min), out_max)));
            }
        }
    }
}

}  // namespace octet::kernels
