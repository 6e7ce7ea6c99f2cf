// A 256-entry table as 16 byte shuffles: with d = x - 16 k, adding 0x70 with saturation keeps d's low four bits and a
// clear top bit exactly for 0 <= d < 16, and vpshufb gives 0 for all others.

#include "kernels/lut.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"
#include "kernels/x86_avx2/rows.h"

namespace octet::kernels {

void lut_u8_avx2(const LutCall& call, int row_begin, int row_end) noexcept {
    __m256i table[16];
    for (int k = 0; k < 16; ++k) {
        table[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(call.table) + k));
    }
    const int c = call.out.c;
    const bool dense = is_dense(call.in, c) && is_dense(call.out, c);
    for (int y = row_begin; y < row_end; ++y) {
        for_each_run(call.out.w, c, dense, [&](int x, std::int64_t count) {
            const std::uint8_t* in = call.in.pixel(y, x);
            std::uint8_t* out = call.out.pixel(y, x);
            for (std::int64_t i = 0; i < count; i += 32) {
                __m256i index = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
                __m256i result = _mm256_setzero_si256();
#pragma GCC unroll 16
                for (const __m256i& entries : table) {
                    const __m256i select = _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
                    result = _mm256_or_si256(result, _mm256_shuffle_epi8(entries, select));
                    index = _mm256_sub_epi8(index, _mm256_set1_epi8(16));
                }
                store_bytes(out + i, result, count - i < 32 ? static_cast<int>(count - i) : 32);
            }
        });
    }
}

}  // namespace octet::kernels
