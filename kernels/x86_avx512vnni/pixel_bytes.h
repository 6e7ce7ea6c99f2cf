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

// out = compute(a, b), 32 bytes at a time, of an operator of two tensors, Call::a and b, that may be repeated.
template <typename Call, typename Compute>
OCTET_INLINE void for_each_pair(const Call& call, int row_begin, int row_end, Compute compute) {
    const std::int64_t c = call.out.c;
    const ConstU8View first = repeated(call.a), second = repeated(call.b);
    const bool repeats_a = call.a.c != c, repeats_b = call.b.c != c;
    // Pixels that follow each other without a gap are one long pixel. A repeated channel is one a pixel, however far
    // apart its pixels lie.
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
                _mm256_mask_storeu_epi8(out + i, mask, compute(a(i, mask), b(i, mask)));
            }
        }
    }
}

}  // namespace
}  // namespace octet::kernels
