#include "kernels/resize_nearest.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {

void resize_nearest_u8_avx2(const ResizeNearestCall& call, int row_begin, int row_end) noexcept {
    const int c = call.out.c;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const uint8_t* in = call.in.pixel(call.source_y[y], call.source_x[x]);
            uint8_t* out = call.out.pixel(y, x);
            for (int i = 0; i < c; i += 32) {
                store_bytes(out + i, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i)),
                            c - i < 32 ? c - i : 32);
            }
        }
    }
}

}  // namespace octet::kernels
