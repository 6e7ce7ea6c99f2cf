#include "kernels/avgpool.h"

#include <immintrin.h>

namespace octet::kernels {
namespace {

// As many bytes as 16 bits can add up.
constexpr int most_in_16_bits = 257;

// Sums of 64 channels in the order of their bytes: 16 bits that are emptied into 32 before they overflow.
struct Sums {
    __m512i narrow[2], wide[4];
    int added = 0;

    OCTET_INLINE Sums() {
        for (__m512i& sum : narrow) sum = _mm512_setzero_si512();
        for (__m512i& sum : wide) sum = _mm512_setzero_si512();
    }
    OCTET_INLINE void add(const std::uint8_t* pixel, __mmask64 mask) {
        if (added == most_in_16_bits) empty();
        ++added;
        const __m512i bytes = _mm512_maskz_loadu_epi8(mask, pixel);
        narrow[0] = _mm512_add_epi16(narrow[0], _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes)));
        narrow[1] = _mm512_add_epi16(narrow[1], _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1)));
    }
    OCTET_INLINE void empty() {
        for (int i = 0; i < 2; ++i) {
            wide[2 * i] = _mm512_add_epi32(wide[2 * i], _mm512_cvtepu16_epi32(_mm512_castsi512_si256(narrow[i])));
            wide[2 * i + 1] =
                _mm512_add_epi32(wide[2 * i + 1], _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(narrow[i], 1)));
            narrow[i] = _mm512_setzero_si512();
        }
        added = 0;
    }
    // RNE(float(sum - zero) * scale) + out_zero of 16 channels, clamped.
    OCTET_INLINE __m128i mean(int i, __m512i zero, __m512 scale, __m512i out_zero) const {
        const __m512 sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(wide[i], zero));
        const __m512i y = _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(sum, scale)), out_zero);
        return _mm512_cvtusepi32_epi8(_mm512_max_epi32(y, _mm512_setzero_si512()));
    }
};

}  // namespace

void avgpool_u8_avx512vnni(const AvgPoolCall& call, int row_begin, int row_end) noexcept {
    const __m512i out_zero = _mm512_set1_epi32(call.params.out_zero_point);
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const AvgPoolWindow window(call, y, x);
            const __m512i zero = _mm512_set1_epi32(window.pixels() * call.params.in_zero_point);
            const __m512 scale = _mm512_set1_ps(avgpool_scale(window.count, call.params));
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; c += 64) {
                const int channels = call.out.c - c < 64 ? call.out.c - c : 64;
                const auto mask = static_cast<__mmask64>(~std::uint64_t{0} >> (64 - channels));
                Sums sums;
                for (int iy = window.rows.begin; iy < window.rows.end; ++iy) {
                    const std::uint8_t* in = call.in.pixel(iy, window.columns.begin) + c;
                    for (int ix = window.columns.begin; ix < window.columns.end; ++ix, in += call.in.pixel_stride)
                        sums.add(in, mask);
                }
                sums.empty();
                for (int i = 0; 16 * i < channels; ++i) {
                    _mm_mask_storeu_epi8(out + c + std::ptrdiff_t{16} * i, static_cast<__mmask16>(mask >> (16 * i)),
                                         sums.mean(i, zero, scale, out_zero));
                }
            }
        }
    }
}

}  // namespace octet::kernels
