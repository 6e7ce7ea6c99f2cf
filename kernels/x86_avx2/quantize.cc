#include "kernels/quantize.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {

void quantize_f32_u8_avx2(const QuantizeCall& call, int row_begin, int row_end) noexcept {
    const int64_t plane = int64_t{call.out.h} * call.out.w;
    const __m256 scale = _mm256_set1_ps(call.scale);
    const __m256 low = _mm256_set1_ps(static_cast<float>(-call.zero_point));
    const __m256 high = _mm256_set1_ps(static_cast<float>(255 - call.zero_point));
    const __m256i zero_point = _mm256_set1_epi32(call.zero_point);
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int y = row_begin; y < row_end; ++y) {
        for (int c = 0; c < call.out.c; ++c) {
            const float* in = call.in + c * plane + int64_t{y} * call.out.w;
            for (int x = 0; x < call.out.w; x += 8) {
                const int count = call.out.w - x < 8 ? call.out.w - x : 8;
                const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
                const __m256 value = _mm256_div_ps(_mm256_maskload_ps(in + x, mask), scale);
                const __m256 number = _mm256_and_ps(value, _mm256_cmp_ps(value, value, _CMP_ORD_Q));  // NaN -> 0
                const __m256 clamped = _mm256_min_ps(_mm256_max_ps(number, low), high);
                alignas(32) int32_t rounded[8];
                _mm256_store_si256(reinterpret_cast<__m256i*>(rounded),
                                   _mm256_add_epi32(_mm256_cvtps_epi32(clamped), zero_point));
                for (int i = 0; i < count; ++i) call.out.pixel(y, x + i)[c] = static_cast<uint8_t>(rounded[i]);
            }
        }
    }
}

void pixels_u8_avx2(const PixelsCall& call, int row_begin, int row_end) noexcept {
    const int c = call.out.c;
    const bool rgb = c == 3 && call.out.pixel_stride == 4;
    const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    for (int y = row_begin; y < row_end; ++y) {
        const uint8_t* in = call.in + y * call.in_row_stride;
        int x = 0;
        // Four pixels from 12 bytes of a 16-byte load; what lies in the fourth channel of the view's buffer stays.
        for (; rgb && x + 6 <= call.out.w; x += 4) {
            auto* out = reinterpret_cast<__m128i*>(call.out.pixel(y, x));
            const __m128i pixels =
                _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 3 * x)), spread);
            _mm_storeu_si128(
                out, _mm_blendv_epi8(pixels, _mm_loadu_si128(out), _mm_set1_epi32(static_cast<int>(0xFF000000u))));
        }
        for (; x < call.out.w; ++x) {
            for (int i = 0; i < c; ++i) call.out.pixel(y, x)[i] = in[int64_t{x} * c + i];
        }
    }
}

}  // namespace octet::kernels
