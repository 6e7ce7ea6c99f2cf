#pragma once

// The bytes of operands, for the row loops of kernels/rows.h. In an unnamed namespace on purpose: each file compiles a
// private copy.

#include <immintrin.h>

#include "kernels/rows.h"

namespace octet::kernels {
namespace {

// The bytes of a pixel from channel i on, 16 at a time: its only channel again and again, or the channels.
class PixelBytes {
  public:
    OCTET_INLINE PixelBytes(const std::uint8_t* pixel, bool repeats)
        : pixel_(pixel), repeats_(repeats), all_(_mm_set1_epi8(static_cast<char>(*pixel))) {}
    OCTET_INLINE __m128i operator()(std::int64_t i) const {
        return repeats_ ? all_ : _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel_ + i));
    }

  private:
    const std::uint8_t* pixel_;
    bool repeats_;
    __m128i all_;
};

}  // namespace
}  // namespace octet::kernels
