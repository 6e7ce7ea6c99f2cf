#include "kernels/move.h"

namespace octet::kernels {

void move_u8_reference(const MoveCall& call, int row_begin, int row_end) noexcept {
    const int w = call.out.w, c = call.out.c;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < w; ++x) {
            std::uint8_t* out = call.out.pixel(y, x);
            for (int k = 0; k < c; ++k) {
                if (call.element) {
                    const std::int32_t source = call.element[(std::int64_t{y} * w + x) * c + k];
                    out[k] = source == move_outside ? call.fill : call.in.data[source];
                } else if (call.row[y] == move_outside || call.column[x] == move_outside ||
                           call.channel[k] == move_outside) {
                    out[k] = call.fill;
                } else {
                    out[k] = call.in.data[std::int64_t{call.row[y]} + call.column[x] + call.channel[k]];
                }
            }
        }
    }
}

}  // namespace octet::kernels
