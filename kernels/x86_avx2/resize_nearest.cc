#include <immintrin.h>

#include "kernels/resize_nearest_rows.h"

namespace octet::kernels {
namespace {

struct Avx2 {
    using Wide = __m256i;
    using Half = __m128i;

    // 32 bytes become 64.
    template <int pixel_bytes>
    static OCTET_INLINE void double_pixels(std::uint8_t* out, const std::uint8_t* in, int source_pixels) {
        const std::int64_t bytes = std::int64_t{source_pixels} * pixel_bytes;
        std::int64_t i = 0;
        for (; i + 32 <= bytes; i += 32) {
            const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
            // The unpack works in each half: the middle quarters change places before it.
            const __m256i quarters = _mm256_permute4x64_epi64(x, 0xD8);
            auto* pair = reinterpret_cast<__m256i*>(out + 2 * i);
            if constexpr (pixel_bytes == 4) {
                _mm256_storeu_si256(pair, _mm256_unpacklo_epi32(quarters, quarters));
                _mm256_storeu_si256(pair + 1, _mm256_unpackhi_epi32(quarters, quarters));
            } else if constexpr (pixel_bytes == 8) {
                _mm256_storeu_si256(pair, _mm256_unpacklo_epi64(quarters, quarters));
                _mm256_storeu_si256(pair + 1, _mm256_unpackhi_epi64(quarters, quarters));
            } else {
                _mm256_storeu_si256(pair, _mm256_permute4x64_epi64(x, 0x44));
                _mm256_storeu_si256(pair + 1, _mm256_permute4x64_epi64(x, 0xEE));
            }
        }
        for (; i < bytes; i += pixel_bytes) {
            copy_bytes<Avx2>(out + 2 * i, in + i, pixel_bytes);
            copy_bytes<Avx2>(out + 2 * i + pixel_bytes, in + i, pixel_bytes);
        }
    }
};

}  // namespace

void resize_nearest_u8_avx2(const ResizeNearestCall& call, int row_begin, int row_end) noexcept {
    resize_rows<Avx2>(call, row_begin, row_end);
}

}  // namespace octet::kernels
