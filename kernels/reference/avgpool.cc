#include "kernels/avgpool.h"

namespace octet::kernels {

void avgpool_u8_reference(const AvgPoolCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        const AvgPoolSpan rows = avgpool_span(y, call.stride_h, call.kernel_h, call.pad_top, call.pad_bottom, call.in.h,
                                              call.counts_padding);
        for (int x = 0; x < call.out.w; ++x) {
            const AvgPoolSpan columns = avgpool_span(x, call.stride_w, call.kernel_w, call.pad_left, call.pad_right,
                                                     call.in.w, call.counts_padding);
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; ++c) {
                std::int32_t sum = 0;
                for (int iy = rows.begin; iy < rows.end; ++iy) {
                    for (int ix = columns.begin; ix < columns.end; ++ix)
                        sum += call.in.pixel(iy, ix)[c] - call.params.in_zero_point;
                }
                out[c] = avgpool_u8(sum, std::int64_t{rows.count} * columns.count, call.params);
            }
        }
    }
}

}  // namespace octet::kernels
