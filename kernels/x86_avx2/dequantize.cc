#include "kernels/dequantize.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {
namespace {

OCTET_INLINE __m256i low_part(__m256i words, std::uint8_t) {
    return _mm256_and_si256(words, _mm256_set1_epi32(0xFF));
}
OCTET_INLINE __m256i low_part(__m256i words, std::uint16_t) {
    return _mm256_and_si256(words, _mm256_set1_epi32(0xFFFF));
}
OCTET_INLINE __m256i low_part(__m256i words, std::int16_t) {
    return _mm256_srai_epi32(_mm256_slli_epi32(words, 16), 16);
}

// The lanes are 8 neighbouring pixels; a lane's 4-byte load may reach past the pixel, never past the buffer's
// over-read.
template <typename T>
void dequantize(const TensorView<const T>& in, const DequantizeCall& call, int row_begin, int row_end) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i index = _mm256_mullo_epi32(lane, _mm256_set1_epi32(static_cast<int>(in.pixel_stride)));
    const __m256 scale = _mm256_set1_ps(call.scale);
    const __m256i zero_point = _mm256_set1_epi32(call.zero_point);
    const std::int64_t plane = std::int64_t{in.h} * in.w;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < in.w; x += 8) {
            const int count = in.w - x < 8 ? in.w - x : 8;
            const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
            const T* pixel = in.pixel(y, x);
            float* out = call.out + std::int64_t{y} * in.w + x;
            for (int c = 0; c < in.c; ++c, ++pixel, out += plane) {
                const __m256i words =
                    _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), reinterpret_cast<const int*>(pixel), index,
                                                mask, static_cast<int>(sizeof(T)));
                const __m256i value = _mm256_sub_epi32(low_part(words, T{}), zero_point);
                _mm256_maskstore_ps(out, mask, _mm256_mul_ps(_mm256_cvtepi32_ps(value), scale));
            }
        }
    }
}

}  // namespace

void dequantize_f32_avx2(const DequantizeCall& call, int row_begin, int row_end) noexcept {
    if (call.in_u8.data) dequantize(call.in_u8, call, row_begin, row_end);
    if (call.in_u16.data) dequantize(call.in_u16, call, row_begin, row_end);
    if (call.in_s16.data) dequantize(call.in_s16, call, row_begin, row_end);
}

}  // namespace octet::kernels
