#pragma once

// y[oy, ox, c] = max of x over the window, clipped to the plane: padding never wins, whatever the zero point.
// Every window must meet the plane. SPP's pools of 5, 9 and 13 are one, two and three pools of 5.

#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct MaxPoolCall {
    int kernel_h = 1, kernel_w = 1;
    int stride_h = 1, stride_w = 1;
    int pad_top = 0, pad_left = 0;
    ConstU8View in{};
    U8View out{};
};

using MaxPoolFunction = void(const MaxPoolCall& call, int row_begin, int row_end) noexcept;

KernelList<MaxPoolFunction> maxpool_kernels();

}  // namespace octet::kernels
