#pragma once

// u8, u16 or s16 NHWC -> float NCHW: y = (float)(x - zp) * scale.

#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct DequantizeCall {
    ConstU8View in_u8{};  // one of the three is set
    TensorView<const std::uint16_t> in_u16{};
    ConstS16View in_s16{};
    float scale = 1;
    int zero_point = 0;
    float* out = nullptr;  // [c][h][w], contiguous
};

using DequantizeFunction = void(const DequantizeCall& call, int row_begin, int row_end) noexcept;

KernelList<DequantizeFunction> dequantize_kernels();

}  // namespace octet::kernels
