#include "kernels/mul.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"
#include "kernels/x86_avx2/rows.h"

namespace octet::kernels {
namespace {

struct MulVector {
    __m256i a_zero, b_zero, out_zero, out_min, out_max;
    __m256 scale;

    OCTET_INLINE explicit MulVector(const MulParams& p)
        : a_zero(_mm256_set1_epi16(p.a_zero_point)),
          b_zero(_mm256_set1_epi16(p.b_zero_point)),
          out_zero(_mm256_set1_epi16(p.out_zero_point)),
          out_min(_mm256_set1_epi16(p.out_min)),
          out_max(_mm256_set1_epi16(p.out_max)),
          scale(_mm256_set1_ps(p.scale)) {}

    OCTET_INLINE __m256i scaled(__m256i products) const {
        return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(products), scale));
    }

    // Where 16 bits saturate, the result is beyond 8 bits anyway.
    OCTET_INLINE __m128i operator()(__m128i x1, __m128i x2) const {
        const __m256i a = _mm256_sub_epi16(_mm256_cvtepu8_epi16(x1), a_zero);
        const __m256i b = _mm256_sub_epi16(_mm256_cvtepu8_epi16(x2), b_zero);
        const __m256i low = _mm256_mullo_epi16(a, b), high = _mm256_mulhi_epi16(a, b);
        const __m256i y =
            _mm256_packs_epi32(scaled(_mm256_unpacklo_epi16(low, high)), scaled(_mm256_unpackhi_epi16(low, high)));
        const __m256i clamped = _mm256_min_epi16(_mm256_max_epi16(_mm256_adds_epi16(y, out_zero), out_min), out_max);
        return _mm_packus_epi16(_mm256_castsi256_si128(clamped), _mm256_extracti128_si256(clamped, 1));
    }
};

}  // namespace

void mul_u8_avx2(const MulCall& call, int row_begin, int row_end) noexcept {
    const MulVector mul(call.params);
    for_each_pair<PixelBytes>(call, row_begin, row_end,
                              [&](std::uint8_t* out, std::int64_t count, PixelBytes a, PixelBytes b) {
                                  if (count < 16) return store_bytes(out, mul(a(0), b(0)), static_cast<int>(count));
                                  // The last vector overlaps the one before it.
                                  for (std::int64_t i = 0; i < count; i += 16) {
                                      const std::int64_t at = i + 16 <= count ? i : count - 16;
                                      store_bytes(out + at, mul(a(at), b(at)), 16);
                                  }
                              });
}

}  // namespace octet::kernels
