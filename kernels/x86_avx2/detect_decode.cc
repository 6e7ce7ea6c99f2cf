#include "kernels/detect_decode.h"

#include "kernels/x86_avx2/sigmoid.h"

namespace octet::kernels {
namespace {

constexpr int chunk = 64;  // logits whose sigmoids are computed together

OCTET_INLINE int32_t decode_field(const DetectDecodeCall& call, int anchor, int field, int x, int y, int64_t sigma) {
    const int64_t cell = field == 0 ? x : y;
    const int64_t extent = field == 2 ? call.anchor_w[anchor] : call.anchor_h[anchor];
    if (field < 2) return static_cast<int32_t>(((2 * sigma - 32768 + (cell << 16)) * call.stride + 32) >> 6);
    if (field < 4) return static_cast<int32_t>((4 * sigma * sigma * extent + (int64_t{1} << 31)) >> 32);
    return static_cast<int32_t>(sigma);
}

}  // namespace

void detect_decode_s16_avx2(const DetectDecodeCall& call, int row_begin, int row_end) noexcept {
    const ConstS16View& in = call.logits;
    const Sigmoid8 sigmoid(call.f);
    const int fields = 5 + call.classes, total = call.anchors * fields;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < in.w; ++x) {
            const int16_t* logits = in.pixel(y, x);
            int anchor = 0, field = 0;
            for (int begin = 0; begin < total; begin += chunk) {
                const int count = total - begin < chunk ? total - begin : chunk;
                alignas(32) int32_t sigmas[chunk];
                for (int i = 0; i < count; i += 8) {
                    const auto* words = reinterpret_cast<const __m128i*>(logits + begin + i);
                    _mm256_store_si256(reinterpret_cast<__m256i*>(sigmas + i),
                                       sigmoid(_mm256_cvtepi16_epi32(_mm_loadu_si128(words))));
                }
                for (int i = 0; i < count; ++i) {
                    int32_t* row = call.out + ((int64_t{anchor} * in.h + y) * in.w + x) * fields;
                    row[field] = decode_field(call, anchor, field, x, y, sigmas[i]);
                    if (++field == fields) {
                        field = 0;
                        ++anchor;
                    }
                }
            }
        }
    }
}

}  // namespace octet::kernels
