#include "kernels/maxpool.h"

#include <algorithm>

namespace octet::kernels {

void maxpool_u8_reference(const MaxPoolCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        const int top = y * call.stride_h - call.pad_top;
        const int y_begin = std::max(top, 0), y_end = std::min(top + call.kernel_h, call.in.h);
        for (int x = 0; x < call.out.w; ++x) {
            const int left = x * call.stride_w - call.pad_left;
            const int x_begin = std::max(left, 0), x_end = std::min(left + call.kernel_w, call.in.w);
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; ++c) {
                std::uint8_t largest = 0;
                for (int iy = y_begin; iy < y_end; ++iy) {
                    for (int ix = x_begin; ix < x_end; ++ix) largest = std::max(largest, call.in.pixel(iy, ix)[c]);
                }
                out[c] = largest;
            }
        }
    }
}

}  // namespace octet::kernels
