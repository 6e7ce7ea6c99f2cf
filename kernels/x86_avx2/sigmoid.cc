#include "kernels/sigmoid.h"

namespace octet::kernels {

// Loads one by one: on most CPUs a gather is no faster, and here the lanes would first have to be put together.
void sigmoid_s16_f32_avx2(const SigmoidCall& call, int row_begin, int row_end) noexcept {
    const ConstS16View& in = call.in;
    const int64_t plane = int64_t{in.h} * in.w;
    const float* floats = call.floats;
    for (int y = row_begin; y < row_end; ++y) {
        for (int c = 0; c < in.c; ++c) {
            const int16_t* logit = in.pixel(y, 0) + c;
            float* out = call.out + c * plane + int64_t{y} * in.w;
#pragma GCC unroll 4
            for (int x = 0; x < in.w; ++x, logit += in.pixel_stride) out[x] = floats[static_cast<uint16_t>(*logit)];
        }
    }
}

}  // namespace octet::kernels
