#pragma once

// The bytes of operands, for the row loops of kernels/rows.h. In an unnamed namespace on purpose: each file compiles a
// private copy.

#include <arm_neon.h>

#include "kernels/rows.h"

namespace octet::kernels {
namespace {

OCTET_INLINE int16x8_t set16(int x) {
    return vdupq_n_s16(static_cast<std::int16_t>(x));
}

// The bytes of a pixel from channel i on, 16 at a time: its only channel again and again, or the channels.
class PixelBytes {
  public:
    OCTET_INLINE PixelBytes(const std::uint8_t* pixel, bool repeats)
        : pixel_(pixel), repeats_(repeats), all_(vdupq_n_u8(*pixel)) {}
    OCTET_INLINE uint8x16_t operator()(std::int64_t i) const { return repeats_ ? all_ : vld1q_u8(pixel_ + i); }

  private:
    const std::uint8_t* pixel_;
    bool repeats_;
    uint8x16_t all_;
};

}  // namespace
}  // namespace octet::kernels
