#include "kernels/resize_nearest.h"

#include <cstring>

namespace octet::kernels {

void resize_nearest_u8_reference(const ResizeNearestCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            std::memcpy(call.out.pixel(y, x), call.in.pixel(call.source_y[y], call.source_x[x]),
                        static_cast<std::size_t>(call.out.c));
        }
    }
}

}  // namespace octet::kernels
