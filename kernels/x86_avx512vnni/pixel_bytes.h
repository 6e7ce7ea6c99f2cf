#pragma once

#include <immintrin.h>

#include "kernels/tensor_view.h"

namespace octet::kernels {
namespace {

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

}  // namespace
}  // namespace octet::kernels
