#pragma once

// Row loops of the elementwise kernels, shared by the instruction sets.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

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

// body(out, count, a, b) for runs of `count` bytes of the output of an operator of two tensors, Call::a and b, that may
// be repeated: out their first, a and b the operands' PixelBytes(pixel, whether its only channel is there again and
// again).
template <typename PixelBytes, typename Call, typename Body>
OCTET_INLINE void for_each_pair(const Call& call, int row_begin, int row_end, Body body) {
    const int c = call.out.c;
    const ConstU8View first = repeated(call.a), second = repeated(call.b);
    const bool repeats_a = call.a.c != c, repeats_b = call.b.c != c;
    // A repeated channel is one a pixel, however far apart its pixels lie.
    const bool dense = !repeats_a && !repeats_b && is_dense(first, c) && is_dense(second, c) && is_dense(call.out, c);
    for (int y = row_begin; y < row_end; ++y) {
        for_each_run(call.out.w, c, dense, [&](int x, std::int64_t count) {
            body(call.out.pixel(y, x), count, PixelBytes(first.pixel(y, x), repeats_a),
                 PixelBytes(second.pixel(y, x), repeats_b));
        });
    }
}

}  // namespace
}  // namespace octet::kernels
