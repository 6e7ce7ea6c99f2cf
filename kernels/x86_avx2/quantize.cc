#include "kernels/quantize.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {

namespace {

struct Quantizer {
    __m256 scale, low, high;
    __m256i zero_point;
    bool divides;

    explicit OCTET_INLINE Quantizer(const QuantizeCall& call)
        : scale(_mm256_set1_ps(call.scale)),
          low(_mm256_set1_ps(static_cast<float>(-call.zero_point))),
          high(_mm256_set1_ps(static_cast<float>(255 - call.zero_point))),
          zero_point(_mm256_set1_epi32(call.zero_point)),
          divides(call.scale != 1) {}

    OCTET_INLINE __m256i operator()(__m256 x, __m256 gain, __m256 offset, bool affine) const {
        if (affine) x = _mm256_add_ps(_mm256_mul_ps(x, gain), offset);
        if (divides) x = _mm256_div_ps(x, scale);
        const __m256 number = _mm256_and_ps(x, _mm256_cmp_ps(x, x, _CMP_ORD_Q));  // NaN -> 0
        return _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(number, low), high)), zero_point);
    }
};

// One row of three channels in pixels of four bytes, whose fourth stays. Returns how many pixels it did.
int quantize_rgb_row(const QuantizeCall& call, const Quantizer& quantizer, int y) {
    const std::int64_t plane = std::int64_t{call.out.h} * call.out.w;
    const bool affine = call.gain != nullptr;
    __m256 gain[3], offset[3];
    for (int c = 0; c < 3; ++c) {
        gain[c] = _mm256_set1_ps(affine ? call.gain[c] : 1);
        offset[c] = _mm256_set1_ps(affine ? call.offset[c] : 0);
    }
    const float* in = call.in + std::int64_t{y} * call.out.w;
    const __m256i fourth = _mm256_set1_epi32(static_cast<int>(0xFF000000U));
    int x = 0;
    for (; x + 8 <= call.out.w; x += 8) {
        const __m256i r = quantizer(_mm256_loadu_ps(in + x), gain[0], offset[0], affine);
        const __m256i g = quantizer(_mm256_loadu_ps(in + plane + x), gain[1], offset[1], affine);
        const __m256i b = quantizer(_mm256_loadu_ps(in + 2 * plane + x), gain[2], offset[2], affine);
        auto* out = reinterpret_cast<__m256i*>(call.out.pixel(y, x));
        const __m256i rgb = _mm256_or_si256(r, _mm256_or_si256(_mm256_slli_epi32(g, 8), _mm256_slli_epi32(b, 16)));
        _mm256_storeu_si256(out, _mm256_or_si256(rgb, _mm256_and_si256(_mm256_loadu_si256(out), fourth)));
    }
    return x;
}

}  // namespace

void quantize_f32_u8_avx2(const QuantizeCall& call, int row_begin, int row_end) noexcept {
    const std::int64_t plane = std::int64_t{call.out.h} * call.out.w;
    const Quantizer quantizer(call);
    const bool affine = call.gain != nullptr;
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int y = row_begin; y < row_end; ++y) {
        const bool rgb = call.out.c == 3 && call.out.pixel_stride == 4;
        const int done = rgb ? quantize_rgb_row(call, quantizer, y) : 0;
        for (int c = 0; c < call.out.c; ++c) {
            const float* in = call.in + c * plane + std::int64_t{y} * call.out.w;
            const __m256 gain = _mm256_set1_ps(affine ? call.gain[c] : 1);
            const __m256 offset = _mm256_set1_ps(affine ? call.offset[c] : 0);
            for (int x = done; x < call.out.w; x += 8) {
                const int count = call.out.w - x < 8 ? call.out.w - x : 8;
                const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
                alignas(32) std::int32_t rounded[8];
                _mm256_store_si256(reinterpret_cast<__m256i*>(rounded),
                                   quantizer(_mm256_maskload_ps(in + x, mask), gain, offset, affine));
                for (int i = 0; i < count; ++i) call.out.pixel(y, x + i)[c] = static_cast<std::uint8_t>(rounded[i]);
            }
        }
    }
}

void pixels_u8_avx2(const PixelsCall& call, int row_begin, int row_end) noexcept {
    const int c = call.out.c;
    const bool rgb = c == 3 && call.out.pixel_stride == 4;
    const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    for (int y = row_begin; y < row_end; ++y) {
        const std::uint8_t* in = call.in + y * call.in_row_stride;
        int x = 0;
        // Four pixels from 12 bytes of a 16-byte load; what lies in the fourth channel of the view's buffer stays.
        for (; rgb && x + 6 <= call.out.w; x += 4) {
            auto* out = reinterpret_cast<__m128i*>(call.out.pixel(y, x));
            const __m128i pixels =
                _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 3 * x)), spread);
            _mm_storeu_si128(
                out, _mm_blendv_epi8(pixels, _mm_loadu_si128(out), _mm_set1_epi32(static_cast<int>(0xFF000000U))));
        }
        for (; x < call.out.w; ++x) {
            for (int i = 0; i < c; ++i) call.out.pixel(y, x)[i] = in[std::int64_t{x} * c + i];
        }
    }
}

}  // namespace octet::kernels
