#include "kernels/avgpool.h"

namespace octet::kernels {

void avgpool_u8_reference(const AvgPoolCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const AvgPoolWindow window(call, y, x);
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; ++c) {
                std::int32_t sum = 0;
                for (int iy = window.rows.begin; iy < window.rows.end; ++iy) {
                    for (int ix = window.columns.begin; ix < window.columns.end; ++ix)
                        sum += call.in.pixel(iy, ix)[c] - call.params.in_zero_point;
                }
                out[c] = avgpool_u8(sum, window.count, call.params);
            }
        }
    }
}

}  // namespace octet::kernels
