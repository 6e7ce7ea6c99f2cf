#include "kernels/x86_avx2/sigmoid.h"

#include "kernels/x86_avx2/fixed16.h"
#include "kernels/x86_avx2/rows.h"

namespace octet::kernels {
namespace {

OCTET_INLINE __m128i narrow(__m256i y) {
    return _mm_packus_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

// Few channels a pixel: the lanes are pixels.
void sigmoid_narrow(const SigmoidCall& call, const Sigmoid8& sigmoid, int y) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const auto stride = static_cast<int>(call.in.pixel_stride);
    for (int x = 0; x < call.in.w; x += 8) {
        const int count = call.in.w - x < 8 ? call.in.w - x : 8;
        const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
        const __m256i index = _mm256_mullo_epi32(lane, _mm256_set1_epi32(stride));
        for (int c = 0; c < call.in.c; ++c) {
            const auto* in = reinterpret_cast<const int*>(call.in.pixel(y, x) + c);
            const __m256i words = _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), in, index, mask, 2);
            const __m256i logits = _mm256_srai_epi32(_mm256_slli_epi32(words, 16), 16);
            alignas(16) uint16_t values[8];
            _mm_store_si128(reinterpret_cast<__m128i*>(values), narrow(sigmoid(logits)));
            for (int i = 0; i < count; ++i) call.out.pixel(y, x + i)[c] = values[i];
        }
    }
}

}  // namespace

void sigmoid_s16_avx2(const SigmoidCall& call, int row_begin, int row_end) noexcept {
    const Sigmoid8 sigmoid(call.f);
    const int c = call.in.c;
    const bool dense = is_dense(call.in, c) && is_dense(call.out, c);
    for (int y = row_begin; y < row_end; ++y) {
        if (!dense && c < 8) {
            sigmoid_narrow(call, sigmoid, y);
            continue;
        }
        for_each_run(call.in.w, c, dense, [&](int x, int64_t count) {
            const int16_t* in = call.in.pixel(y, x);
            uint16_t* out = call.out.pixel(y, x);
            for (int64_t i = 0; i < count; i += 8) {
                const __m256i logits = _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i)));
                store_bytes(out + i, narrow(sigmoid(logits)), count - i < 8 ? static_cast<int>(count - i) * 2 : 16);
            }
        });
    }
}

}  // namespace octet::kernels
