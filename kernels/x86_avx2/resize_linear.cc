#include <immintrin.h>

#include "kernels/resize_linear_rows.h"
#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {
namespace {

// 16 channels as pairs of 16 bits (first, second), which one multiply-add blends. The pairs of channels 0-3 and 8-11 lie
// in one vector, those of 4-7 and 12-15 in the other.
struct Sums {
    __m256i low, high;
};
OCTET_INLINE Sums blend(const std::uint8_t* first, const std::uint8_t* second, __m256i weights) {
    const __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first)));
    const __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(second)));
    return {_mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), weights),
            _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), weights)};
}

class Avx2 {
  public:
    OCTET_INLINE Avx2(std::int32_t row_weight, int zero_point)
        : upper_(_mm256_set1_epi32((1 << resize_weight_bits) - row_weight)),
          lower_(_mm256_set1_epi32(row_weight)),
          zero_point_(_mm256_set1_epi32(zero_point)) {}

    static OCTET_INLINE __m256i columns(std::int32_t weight) {
        return _mm256_set1_epi32(((1 << resize_weight_bits) - weight) | weight << 16);
    }

    OCTET_INLINE __m128i operator()(const std::uint8_t* upper_left, const std::uint8_t* upper_right,
                                    const std::uint8_t* lower_left, const std::uint8_t* lower_right,
                                    __m256i weights) const {
        const Sums above = blend(upper_left, upper_right, weights), below = blend(lower_left, lower_right, weights);
        const __m256i words = _mm256_packus_epi32(round(above.low, below.low), round(above.high, below.high));
        return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    }

    static OCTET_INLINE void store(std::uint8_t* out, __m128i bytes, int count) { store_bytes(out, bytes, count); }

  private:
    OCTET_INLINE __m256i round(__m256i above, __m256i below) const {
        constexpr int shift = 2 * resize_weight_bits;
        const __m256i sum = _mm256_add_epi32(_mm256_mullo_epi32(above, upper_), _mm256_mullo_epi32(below, lower_));
        const __m256i odd =
            _mm256_and_si256(_mm256_xor_si256(_mm256_srli_epi32(sum, shift), zero_point_), _mm256_set1_epi32(1));
        const __m256i rounded = _mm256_add_epi32(sum, _mm256_set1_epi32((1 << (shift - 1)) - 1));
        return _mm256_srli_epi32(_mm256_add_epi32(rounded, odd), shift);
    }

    __m256i upper_, lower_, zero_point_;
};

}  // namespace

void resize_linear_u8_avx2(const ResizeLinearCall& call, int row_begin, int row_end) noexcept {
    resize_linear_rows<Avx2>(call, row_begin, row_end);
}

}  // namespace octet::kernels
