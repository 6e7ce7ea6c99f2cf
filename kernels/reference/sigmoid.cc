#include "kernels/sigmoid.h"

namespace octet::kernels {

const int32_t* const sigmoid_table = sigmoid_table_array.data();

void sigmoid_s16_reference(const SigmoidCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const int16_t* in = call.in.pixel(y, x);
            uint16_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; ++c) out[c] = sigmoid_q16(in[c], call.f, sigmoid_table);
        }
    }
}

}  // namespace octet::kernels
