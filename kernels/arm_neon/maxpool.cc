#include "kernels/maxpool.h"

#include "kernels/arm_neon/fixed16.h"

namespace octet::kernels {
namespace {

struct Window {
    const std::uint8_t* in;
    int rows, columns;
    std::int64_t row_stride, pixel_stride;

    // Of 16 * vectors channels.
    template <int vectors>
    OCTET_INLINE void largest(int c, uint8x16_t (&largest)[vectors]) const {
#pragma GCC unroll 4
        for (uint8x16_t& all : largest) all = vdupq_n_u8(0);
        const std::uint8_t* row = in + c;
        for (int y = 0; y < rows; ++y, row += row_stride) {
            const std::uint8_t* pixel = row;
            for (int x = 0; x < columns; ++x, pixel += pixel_stride) {
#pragma GCC unroll 4
                for (int v = 0; v < vectors; ++v) largest[v] = vmaxq_u8(largest[v], vld1q_u8(pixel + 16 * v));
            }
        }
    }
};

}  // namespace

void maxpool_u8_neon(const MaxPoolCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        const int top = y * call.stride_h - call.pad_top;
        const int y_begin = top > 0 ? top : 0;
        const int y_end = top + call.kernel_h < call.in.h ? top + call.kernel_h : call.in.h;
        for (int x = 0; x < call.out.w; ++x) {
            const int left = x * call.stride_w - call.pad_left;
            const int x_begin = left > 0 ? left : 0;
            const int x_end = left + call.kernel_w < call.in.w ? left + call.kernel_w : call.in.w;
            const Window window = {call.in.pixel(y_begin, x_begin), y_end - y_begin, x_end - x_begin,
                                   call.in.row_stride, call.in.pixel_stride};
            std::uint8_t* out = call.out.pixel(y, x);
            int c = 0;
            for (; c + 64 <= call.out.c; c += 64) {
                uint8x16_t largest[4];
                window.largest(c, largest);
#pragma GCC unroll 4
                for (int v = 0; v < 4; ++v) vst1q_u8(out + c + 16 * v, largest[v]);
            }
            for (; c < call.out.c; c += 16) {
                uint8x16_t largest[1];
                window.largest(c, largest);
                store_bytes(out + c, largest[0], call.out.c - c < 16 ? call.out.c - c : 16);
            }
        }
    }
}

}  // namespace octet::kernels
