#include "kernels/concat.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"
#include "kernels/x86_avx2/rows.h"

namespace octet::kernels {

void concat_u8_avx2(const ConcatCall& call, int row_begin, int row_end) noexcept {
    const RequantizeCopyParams& p = call.params;
    const __m256i zero = _mm256_set1_epi16(p.in_zero_point), mult = _mm256_set1_epi16(p.mult);
    const __m256i offset = _mm256_set1_epi16(p.offset);
    const __m256i out_min = _mm256_set1_epi16(p.out_min), out_max = _mm256_set1_epi16(p.out_max);
    const __m128i shift = _mm_cvtsi32_si128(p.shift);
    const int c = call.out.c;
    const bool dense = is_dense(call.in, c) && is_dense(call.out, c);
    for (int y = row_begin; y < row_end; ++y) {
        for_each_run(call.out.w, c, dense, [&](int x, std::int64_t count) {
            const std::uint8_t* in = call.in.pixel(y, x);
            std::uint8_t* out = call.out.pixel(y, x);
            for (std::int64_t i = 0; i < count; i += 16) {
                const int n = count - i < 16 ? static_cast<int>(count - i) : 16;
                const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
                if (p.plain) {
                    store_bytes(out + i, bytes, n);
                    continue;
                }
                const __m256i centred = _mm256_slli_epi16(_mm256_sub_epi16(_mm256_cvtepu8_epi16(bytes), zero), 7);
                const __m256i v = _mm256_mulhrs_epi16(centred, mult);
                __m256i value = _mm256_sra_epi16(_mm256_adds_epi16(v, offset), shift);
                value = _mm256_min_epi16(_mm256_max_epi16(value, out_min), out_max);
                store_bytes(out + i,
                            _mm_packus_epi16(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1)), n);
            }
        });
    }
}

}  // namespace octet::kernels
