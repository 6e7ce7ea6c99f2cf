#pragma once

// Row loops of the elementwise kernels. In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include "kernels/tensor_view.h"

namespace octet::kernels {
namespace {

// visit(x, count) for runs of `count` contiguous elements: one a pixel, or one a row where pixels follow each other
// without a gap in every view (dense).
template <typename Visit>
OCTET_INLINE void for_each_run(int w, int c, bool dense, Visit visit) {
    if (dense) {
        visit(0, static_cast<std::int64_t>(w) * c);
    } else {
        for (int x = 0; x < w; ++x) visit(x, std::int64_t{c});
    }
}

template <typename T>
OCTET_INLINE bool is_dense(const TensorView<T>& view, int c) {
    return view.pixel_stride == c;
}

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
