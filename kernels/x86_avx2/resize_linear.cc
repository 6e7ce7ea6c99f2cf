#include "kernels/resize_linear.h"

#include <immintrin.h>

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

class Rows {
  public:
    OCTET_INLINE Rows(std::int32_t weight, int zero_point)
        : upper_(_mm256_set1_epi32((1 << resize_weight_bits) - weight)),
          lower_(_mm256_set1_epi32(weight)),
          zero_point_(_mm256_set1_epi32(zero_point)) {}

    OCTET_INLINE __m256i operator()(__m256i above, __m256i below) const {
        constexpr int shift = 2 * resize_weight_bits;
        const __m256i sum = _mm256_add_epi32(_mm256_mullo_epi32(above, upper_), _mm256_mullo_epi32(below, lower_));
        const __m256i odd =
            _mm256_and_si256(_mm256_xor_si256(_mm256_srli_epi32(sum, shift), zero_point_), _mm256_set1_epi32(1));
        const __m256i rounded = _mm256_add_epi32(sum, _mm256_set1_epi32((1 << (shift - 1)) - 1));
        return _mm256_srli_epi32(_mm256_add_epi32(rounded, odd), shift);
    }

  private:
    __m256i upper_, lower_, zero_point_;
};

}  // namespace

void resize_linear_u8_avx2(const ResizeLinearCall& call, int row_begin, int row_end) noexcept {
    const int channels = call.out.c;
    for (int oy = row_begin; oy < row_end; ++oy) {
        const LinearTap row = call.y[oy];
        const Rows rows(row.weight, call.zero_point);
        for (int ox = 0; ox < call.out.w; ++ox) {
            const LinearTap column = call.x[ox];
            const __m256i columns =
                _mm256_set1_epi32(((1 << resize_weight_bits) - column.weight) | column.weight << 16);
            const std::uint8_t* upper_left = call.in.pixel(row.first, column.first);
            const std::uint8_t* upper_right = call.in.pixel(row.first, column.second);
            const std::uint8_t* lower_left = call.in.pixel(row.second, column.first);
            const std::uint8_t* lower_right = call.in.pixel(row.second, column.second);
            std::uint8_t* out = call.out.pixel(oy, ox);
            for (int c = 0; c < channels; c += 16) {
                const Sums above = blend(upper_left + c, upper_right + c, columns);
                const Sums below = blend(lower_left + c, lower_right + c, columns);
                const __m256i words = _mm256_packus_epi32(rows(above.low, below.low), rows(above.high, below.high));
                const __m128i bytes =
                    _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
                if (channels - c >= 16) {
                    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + c), bytes);
                } else {
                    alignas(16) std::uint8_t last[16];
                    _mm_store_si128(reinterpret_cast<__m128i*>(last), bytes);
                    __builtin_memcpy(out + c, last, static_cast<std::size_t>(channels - c));
                }
            }
        }
    }
}

}  // namespace octet::kernels
