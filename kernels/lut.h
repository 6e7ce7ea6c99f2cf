#pragma once

// y = table[x]: any elementwise function of one u8 tensor.

#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct LutCall {
    const std::uint8_t* table = nullptr;  // [256]
    ConstU8View in{};
    U8View out{};  // may be the input
};

using LutFunction = void(const LutCall& call, int row_begin, int row_end) noexcept;

KernelList<LutFunction> lut_kernels();

}  // namespace octet::kernels
