#include "kernels/detect_decode.h"

#include "kernels/x86_avx2/sigmoid.h"

namespace octet::kernels {
namespace {

// [cx, cy, w, h] of one anchor in 64-bit lanes, all four by the same instructions:
//
//     (x * factor + addend) >> shift      x = s, s, s^2, s^2; factor = 2 * stride twice, 4 * anchor_w, 4 * anchor_h
//
// addend: ((cell << 16) - 2^15) * stride + 2^5 twice, 2^31 twice. Bits 31..0 of a logical and of an arithmetic shift by
// at most 32 are the same.
struct Box {
    __m256i factor;

    OCTET_INLINE Box(const DetectDecodeCall& call, int anchor)
        : factor(_mm256_setr_epi64x(2 * std::int64_t{call.stride}, 2 * std::int64_t{call.stride},
                                    4 * std::int64_t{call.anchor_w[anchor]}, 4 * std::int64_t{call.anchor_h[anchor]})) {
    }

    OCTET_INLINE __m128i operator()(__m128i sigmas, __m256i addend) const {
        const __m256i s = _mm256_cvtepu32_epi64(sigmas);
        const __m256i x = _mm256_blend_epi32(s, _mm256_mul_epu32(s, s), 0xF0);
        const __m256i sum = _mm256_add_epi64(_mm256_mul_epu32(x, factor), addend);
        const __m256i y = _mm256_srlv_epi64(sum, _mm256_setr_epi64x(6, 6, 32, 32));
        return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(y, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6)));
    }
};

}  // namespace

void detect_decode_s16_avx2(const DetectDecodeCall& call, int row_begin, int row_end) noexcept {
    const ConstS16View& in = call.logits;
    const Sigmoid8 sigmoid(call.f);
    const int fields = 5 + call.classes;
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const auto center = [&](std::int64_t cell) { return ((cell << 16) - 32768) * call.stride + 32; };
    const __m256i next_cell = _mm256_setr_epi64x(65536 * std::int64_t{call.stride}, 0, 0, 0);
    for (int a = 0; a < call.anchors; ++a) {
        const Box box(call, a);
        for (int y = row_begin; y < row_end; ++y) {
            const std::int16_t* logits = in.pixel(y, 0) + a * fields;
            std::int32_t* row = call.out + (std::int64_t{a} * in.h + y) * in.w * fields;
            __m256i addend = _mm256_setr_epi64x(center(0), center(y), std::int64_t{1} << 31, std::int64_t{1} << 31);
            for (int x = 0; x < in.w; ++x, logits += in.pixel_stride, row += fields) {
                for (int k = 0; k < fields; k += 8) {
                    const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(logits + k));
                    __m256i values = sigmoid(_mm256_cvtepi16_epi32(words));
                    if (k == 0) {
                        const __m128i corner = box(_mm256_castsi256_si128(values), addend);
                        values = _mm256_blend_epi32(values, _mm256_castsi128_si256(corner), 0x0F);
                    }
                    const __m256i inside = _mm256_cmpgt_epi32(_mm256_set1_epi32(fields - k), lane);
                    _mm256_maskstore_epi32(row + k, inside, values);
                }
                addend = _mm256_add_epi64(addend, next_cell);
            }
        }
    }
}

}  // namespace octet::kernels
