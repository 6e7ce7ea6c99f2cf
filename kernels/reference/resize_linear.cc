#include "kernels/resize_linear.h"

namespace octet::kernels {
void resize_linear_u8_reference(const ResizeLinearCall& call, int row_begin, int row_end) noexcept {
    for (int oy = row_begin; oy < row_end; ++oy) {
        const LinearTap row = call.y[oy];
        for (int ox = 0; ox < call.out.w; ++ox) {
            const LinearTap column = call.x[ox];
            const std::uint8_t* upper_left = call.in.pixel(row.first, column.first);
            const std::uint8_t* upper_right = call.in.pixel(row.first, column.second);
            const std::uint8_t* lower_left = call.in.pixel(row.second, column.first);
            const std::uint8_t* lower_right = call.in.pixel(row.second, column.second);
            std::uint8_t* out = call.out.pixel(oy, ox);
            for (int c = 0; c < call.out.c; ++c) {
                const std::int32_t corners[] = {upper_left[c], upper_right[c], lower_left[c], lower_right[c]};
                out[c] = static_cast<std::uint8_t>(interpolate(corners, row.weight, column.weight, call.zero_point));
            }
        }
    }
}

}  // namespace octet::kernels
