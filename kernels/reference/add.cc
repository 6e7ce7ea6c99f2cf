#include "kernels/add.h"

namespace octet::kernels {

void add_u8_reference(const AddCall& call, int row_begin, int row_end) noexcept {
    const ConstU8View first = repeated(call.a), second = repeated(call.b);
    const int step_a = channel_step(call.a), step_b = channel_step(call.b);
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const std::uint8_t* a = first.pixel(y, x);
            const std::uint8_t* b = second.pixel(y, x);
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; ++c) out[c] = add_u8(a[c * step_a], b[c * step_b], call.params);
        }
    }
}

}  // namespace octet::kernels
