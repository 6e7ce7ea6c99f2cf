#include "kernels/sigmoid.h"

namespace octet::kernels {

const std::int32_t* const sigmoid_table = sigmoid_table_array.data();

void make_sigmoid_floats(int f, float* floats) {
    for (int x = 0; x < sigmoid_floats; ++x) {
        floats[x] = static_cast<float>(sigmoid_q16(static_cast<std::int16_t>(x), f, sigmoid_table)) * (1.0F / 65536);
    }
}

void sigmoid_s16_f32_reference(const SigmoidCall& call, int row_begin, int row_end) noexcept {
    const ConstS16View& in = call.in;
    const std::int64_t b = call.block, width = in.w * b, plane = in.h * b * width;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < in.w; ++x) {
            for (int k = 0; k < in.c; ++k) {
                const std::int64_t c = k / (b * b), i = k / b % b, j = k % b;
                const std::uint16_t q16 = sigmoid_q16(in.pixel(y, x)[k], call.f, sigmoid_table);
                call.out[c * plane + (y * b + i) * width + x * b + j] = static_cast<float>(q16) * (1.0F / 65536);
            }
        }
    }
}

}  // namespace octet::kernels
