#pragma once

// y[oy, ox] = x[source_y[oy], source_x[ox]], all channels. The maps carry the coordinate rule, so one kernel serves
// them all.

#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct ResizeNearestCall {
    const std::int32_t* source_y = nullptr;  // [out.h], each in [0, in.h)
    const std::int32_t* source_x = nullptr;  // [out.w], each in [0, in.w)
    ConstU8View in{};
    U8View out{};
};

using ResizeNearestFunction = void(const ResizeNearestCall& call, int row_begin, int row_end) noexcept;

KernelList<ResizeNearestFunction> resize_nearest_kernels();

}  // namespace octet::kernels
