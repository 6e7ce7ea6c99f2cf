#include "kernels/concat.h"

namespace octet::kernels {

void concat_u8_reference(const ConcatCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const std::uint8_t* in = call.in.pixel(y, x);
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; ++c) out[c] = requantize_copy_u8(in[c], call.params);
        }
    }
}

}  // namespace octet::kernels
