#include "kernels/batchnorm.h"

namespace octet::kernels {

void batchnorm_u8_reference(const BatchNormCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const std::uint8_t* in = call.in.pixel(y, x);
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; ++c) out[c] = fixed16_u8(in[c] * call.weights[c], c, call.epilogue);
        }
    }
}

}  // namespace octet::kernels
