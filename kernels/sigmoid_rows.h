#pragma once

// The kernel of sigmoid.h by its table of floats, shared by the instruction sets.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include "kernels/sigmoid.h"

namespace octet::kernels {
namespace {

template <int block>
void sigmoid_row(const std::int16_t* logits, std::int64_t pixel_stride, int width, const float* floats, float* out) {
#pragma GCC unroll 4
    for (int x = 0; x < width; ++x, logits += pixel_stride, out += block) {
        for (int j = 0; j < block; ++j) out[j] = floats[static_cast<std::uint16_t>(logits[j])];
    }
}

// Loads one by one: on most CPUs a gather is no faster, and here the lanes would first have to be put together.
OCTET_INLINE void sigmoid_rows(const SigmoidCall& call, int row_begin, int row_end) {
    const ConstS16View& in = call.in;
    const std::int64_t b = call.block, width = in.w * b, plane = in.h * b * width;
    const float* floats = call.floats;
    for (int y = row_begin; y < row_end; ++y) {
        for (int k = 0; k < in.c; k += call.block) {  // `block` neighbouring channels are neighbouring pixels
            const std::int64_t c = k / (b * b), i = k / b % b;
            const std::int16_t* logits = in.pixel(y, 0) + k;
            float* out = call.out + c * plane + (y * b + i) * width;
            if (b == 1) {
                sigmoid_row<1>(logits, in.pixel_stride, in.w, floats, out);
            } else if (b == 2) {
                sigmoid_row<2>(logits, in.pixel_stride, in.w, floats, out);
            } else {
                for (int x = 0; x < in.w; ++x) {
                    for (std::int64_t j = 0; j < b; ++j) {
                        out[x * b + j] = floats[static_cast<std::uint16_t>(logits[x * in.pixel_stride + j])];
                    }
                }
            }
        }
    }
}

}  // namespace
}  // namespace octet::kernels
