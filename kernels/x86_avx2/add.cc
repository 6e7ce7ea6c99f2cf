#include "kernels/add.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"
#include "kernels/x86_avx2/rows.h"

namespace octet::kernels {
namespace {

struct AddVector {
    __m256i a_zero, b_zero, a_mult, b_mult, alpha, offset, out_min, out_max;
    __m128i shift;
    bool leaky;

    OCTET_INLINE explicit AddVector(const AddParams& p)
        : a_zero(_mm256_set1_epi16(p.a_zero_point)),
          b_zero(_mm256_set1_epi16(p.b_zero_point)),
          a_mult(_mm256_set1_epi16(p.a_mult)),
          b_mult(_mm256_set1_epi16(p.b_mult)),
          alpha(_mm256_set1_epi16(p.alpha)),
          offset(_mm256_set1_epi16(p.offset)),
          out_min(_mm256_set1_epi16(p.out_min)),
          out_max(_mm256_set1_epi16(p.out_max)),
          shift(_mm_cvtsi32_si128(p.shift)),
          leaky(p.leaky) {}

    static OCTET_INLINE __m256i term(__m128i x, __m256i zero, __m256i mult) {
        const __m256i wide = _mm256_cvtepu8_epi16(x);
        return _mm256_mulhrs_epi16(_mm256_slli_epi16(_mm256_sub_epi16(wide, zero), 7), mult);
    }

    OCTET_INLINE __m128i operator()(__m128i a, __m128i b) const {
        __m256i v = _mm256_adds_epi16(term(a, a_zero, a_mult), term(b, b_zero, b_mult));
        if (leaky) v = _mm256_max_epi16(v, _mm256_mulhrs_epi16(v, alpha));
        __m256i y = _mm256_sra_epi16(_mm256_adds_epi16(v, offset), shift);
        y = _mm256_min_epi16(_mm256_max_epi16(y, out_min), out_max);
        return _mm_packus_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    }
};

}  // namespace

void add_u8_avx2(const AddCall& call, int row_begin, int row_end) noexcept {
    const AddVector add(call.params);
    for_each_pair<PixelBytes>(
        call, row_begin, row_end, [&](std::uint8_t* out, std::int64_t count, PixelBytes a, PixelBytes b) {
            for (std::int64_t i = 0; i < count; i += 16) {
                store_bytes(out + i, add(a(i), b(i)), count - i < 16 ? static_cast<int>(count - i) : 16);
            }
        });
}

}  // namespace octet::kernels
