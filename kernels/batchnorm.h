#pragma once

// Per-tensor integer BatchNorm: acc = x * w_c, then the fixed16 epilogue (its bias_c holds the shift, -zx * w_c and the
// rounding). |w_c| <= 32767.

#include "kernels/dispatch.h"
#include "kernels/requantize.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct BatchNormCall {
    ConstU8View in{};
    const std::int16_t* weights = nullptr;  // [fixed16_entries(c)]
    Fixed16 epilogue{};                     // output u8, no residual
    U8View out{};
};

using BatchNormFunction = void(const BatchNormCall& call, int row_begin, int row_end) noexcept;

KernelList<BatchNormFunction> batchnorm_kernels();

}  // namespace octet::kernels
