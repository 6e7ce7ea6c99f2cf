#pragma once

#include <immintrin.h>

#include "kernels/rows.h"

namespace octet::kernels {
namespace {

OCTET_INLINE __m512i set16(int x) {
    return _mm512_set1_epi16(static_cast<std::int16_t>(x));
}

// The bytes of a pixel from channel i on, 32 at a time: its only channel again and again, or the channels of the mask.
class PixelBytes {
  public:
    OCTET_INLINE PixelBytes(const std::uint8_t* pixel, bool repeats)
        : pixel_(pixel), repeats_(repeats), all_(_mm256_set1_epi8(static_cast<char>(*pixel))) {}
    OCTET_INLINE __m256i operator()(std::int64_t i, __mmask32 mask) const {
        return repeats_ ? all_ : _mm256_maskz_loadu_epi8(mask, pixel_ + i);
    }

  private:
    const std::uint8_t* pixel_;
    bool repeats_;
    __m256i all_;
};

// out = compute(a, b), 32 bytes at a time, of an operator of two tensors, Call::a and b, that may be repeated.
template <typename Call, typename Compute>
OCTET_INLINE void compute_pairs(const Call& call, int row_begin, int row_end, Compute compute) {
    for_each_pair<PixelBytes>(call, row_begin, row_end,
                              [&](std::uint8_t* out, std::int64_t run, PixelBytes a, PixelBytes b) {
                                  for (std::int64_t i = 0; i < run; i += 32) {
                                      const std::int64_t count = run - i < 32 ? run - i : 32;
                                      const auto mask = static_cast<__mmask32>((std::uint64_t{1} << count) - 1);
                                      _mm256_mask_storeu_epi8(out + i, mask, compute(a(i, mask), b(i, mask)));
                                  }
                              });
}

}  // namespace
}  // namespace octet::kernels
