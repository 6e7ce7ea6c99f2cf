#include "kernels/batchnorm.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {
namespace {

// 16 values in the order of _mm256_unpacklo/hi_epi16: [0-3, 8-11], [4-7, 12-15].
OCTET_INLINE __m256i load_unpacked(const std::int32_t* values, int half) {
    const auto* quads = reinterpret_cast<const __m128i*>(values);
    return _mm256_set_m128i(_mm_loadu_si128(quads + half + 2), _mm_loadu_si128(quads + half));
}

}  // namespace

void batchnorm_u8_avx2(const BatchNormCall& call, int row_begin, int row_end) noexcept {
    const Fixed16& e = call.epilogue;
    for (int c = 0; c < call.out.c; c += 16) {
        const int count = call.out.c - c < 16 ? call.out.c - c : 16;
        const Fixed16x16 fixed16(e, c);
        const __m256i weights = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(call.weights + c));
        const __m256i bias0 = load_unpacked(e.bias + c, 0), bias1 = load_unpacked(e.bias + c, 1);
        const bool raises = e.shifts_left();
        const __m256i shift0 = load_unpacked(e.shift + c, 0), shift1 = load_unpacked(e.shift + c, 1);
        for (int y = row_begin; y < row_end; ++y) {
            for (int x = 0; x < call.out.w; ++x) {
                const auto* in = reinterpret_cast<const __m128i*>(call.in.pixel(y, x) + c);
                const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(in));
                const __m256i low = _mm256_mullo_epi16(wide, weights), high = _mm256_mulhi_epi16(wide, weights);
                const __m256i acc0 = _mm256_add_epi32(_mm256_unpacklo_epi16(low, high), bias0);
                const __m256i acc1 = _mm256_add_epi32(_mm256_unpackhi_epi16(low, high), bias1);
                const __m256i t =
                    _mm256_packs_epi32(fixed16_shift(acc0, shift0, raises), fixed16_shift(acc1, shift1, raises));
                store_bytes(call.out.pixel(y, x) + c, fixed16.round(fixed16.scale(fixed16.activate(t))), count);
            }
        }
    }
}

}  // namespace octet::kernels
