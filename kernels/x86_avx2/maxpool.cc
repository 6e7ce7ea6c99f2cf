#include "kernels/maxpool.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {

void maxpool_u8_avx2(const MaxPoolCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        const int top = y * call.stride_h - call.pad_top;
        const int y_begin = top > 0 ? top : 0;
        const int y_end = top + call.kernel_h < call.in.h ? top + call.kernel_h : call.in.h;
        for (int x = 0; x < call.out.w; ++x) {
            const int left = x * call.stride_w - call.pad_left;
            const int x_begin = left > 0 ? left : 0;
            const int x_end = left + call.kernel_w < call.in.w ? left + call.kernel_w : call.in.w;
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; c += 32) {
                __m256i largest = _mm256_setzero_si256();
                for (int iy = y_begin; iy < y_end; ++iy) {
                    const std::uint8_t* in = call.in.pixel(iy, x_begin) + c;
                    for (int ix = x_begin; ix < x_end; ++ix, in += call.in.pixel_stride) {
                        largest = _mm256_max_epu8(largest, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in)));
                    }
                }
                store_bytes(out + c, largest, call.out.c - c < 32 ? call.out.c - c : 32);
            }
        }
    }
}

}  // namespace octet::kernels
