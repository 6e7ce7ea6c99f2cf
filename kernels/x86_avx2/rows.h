#pragma once

// Row loops of the elementwise kernels. In an unnamed namespace on purpose: each file compiles a private copy.

#include "kernels/tensor_view.h"

namespace octet::kernels {
namespace {

// visit(x, count) for runs of `count` contiguous elements: one a pixel, or one a row where pixels follow each other
// without a gap in every view (dense).
template <typename Visit>
OCTET_INLINE void for_each_run(int w, int c, bool dense, Visit visit) {
    if (dense) {
        visit(0, static_cast<std::int64_t>(w) * c);
    } else {
        for (int x = 0; x < w; ++x) visit(x, std::int64_t{c});
    }
}

template <typename T>
OCTET_INLINE bool is_dense(const TensorView<T>& view, int c) {
    return view.pixel_stride == c;
}

}  // namespace
}  // namespace octet::kernels
