#include "kernels/batchnorm.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/fixed16.h"

namespace octet::kernels {
namespace {

// 32 values in the order of _mm512_unpacklo/hi_epi16: quads 0, 2, 4, 6 and 1, 3, 5, 7.
OCTET_INLINE __m512i load_unpacked(const std::int32_t* values, int half) {
    const __m512i low = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    const __m512i index = _mm512_add_epi32(low, _mm512_set1_epi32(4 * half));
    return _mm512_permutex2var_epi32(_mm512_loadu_si512(values), index, _mm512_loadu_si512(values + 16));
}

}  // namespace

void batchnorm_u8_avx512vnni(const BatchNormCall& call, int row_begin, int row_end) noexcept {
    const Fixed16& e = call.epilogue;
    for (int c = 0; c < call.out.c; c += 32) {
        const int count = call.out.c - c < 32 ? call.out.c - c : 32;
        const auto mask = static_cast<__mmask32>((std::uint64_t{1} << count) - 1);
        const Fixed16x32 fixed16(e, c);
        const __m512i weights = _mm512_loadu_si512(call.weights + c);
        const __m512i bias0 = load_unpacked(e.bias + c, 0), bias1 = load_unpacked(e.bias + c, 1);
        const bool raises = e.shifts_left();
        const __m512i shift0 = load_unpacked(e.shift + c, 0), shift1 = load_unpacked(e.shift + c, 1);
        for (int y = row_begin; y < row_end; ++y) {
            for (int x = 0; x < call.out.w; ++x) {
                const __m512i wide = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, call.in.pixel(y, x) + c));
                const __m512i low = _mm512_mullo_epi16(wide, weights), high = _mm512_mulhi_epi16(wide, weights);
                const __m512i acc0 = _mm512_add_epi32(_mm512_unpacklo_epi16(low, high), bias0);
                const __m512i acc1 = _mm512_add_epi32(_mm512_unpackhi_epi16(low, high), bias1);
                const __m512i t =
                    _mm512_packs_epi32(fixed16_shift(acc0, shift0, raises), fixed16_shift(acc1, shift1, raises));
                _mm256_mask_storeu_epi8(call.out.pixel(y, x) + c, mask,
                                        fixed16.round(fixed16.scale(fixed16.activate(t))));
            }
        }
    }
}

}  // namespace octet::kernels
