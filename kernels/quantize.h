#pragma once

// The network's input. quantize: float NCHW -> u8 NHWC, y = clamp(RNE((x * gain_c + offset_c) / scale) + zp, 0, 255),
// each operation rounded to float32, a true division; NaN gives zp. pixels: interleaved u8 pixels (RGB) -> a view,
// unchanged.

#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct QuantizeCall {
    const float* in = nullptr;  // [c][h][w], contiguous
    float scale = 1;
    int zero_point = 0;
    U8View out{};
    const float* gain = nullptr;  // [c]; both or none
    const float* offset = nullptr;
};

struct PixelsCall {
    const std::uint8_t* in = nullptr;  // [h][w][c]
    std::int64_t in_row_stride = 0;    // bytes
    U8View out{};
};

using QuantizeFunction = void(const QuantizeCall& call, int row_begin, int row_end) noexcept;
KernelList<QuantizeFunction> quantize_kernels();

using PixelsFunction = void(const PixelsCall& call, int row_begin, int row_end) noexcept;
KernelList<PixelsFunction> pixels_kernels();

}  // namespace octet::kernels
