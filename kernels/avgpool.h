#pragma once

// Means of windows of a u8 tensor, from grid x to grid y:
//     sum = sum of (x - zx) over the window's pixels inside the plane, int32
//     y[oy, ox, c] = clamp(RNE(float(sum) * scale) + zy, 0, 255),   scale = float(sx / sy / count)
// count: the pixels inside the plane or, where padding counts, those inside of plane and padding, which add 0. No pixels:
// zy. The sum is rounded to one float32, multiplied by one, and rounded to the nearest integer, ties to even. Error in
// steps of y: 1/2, and 2^-22 of the result for scale, sum and multiplication.
// A global pool is one window of the whole plane.

#include <string>
#include <tl/expected.hpp>

#include "base/grid.h"
#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

struct AvgPoolParams {
    std::uint8_t in_zero_point = 0, out_zero_point = 0;
    double ratio = 1;  // sx / sy, less than 2^22, so that every result fits 32 bits
};

// Fails when x's scale is 2^22 times y's or more.
tl::expected<AvgPoolParams, std::string> make_avgpool(const Grid& x, const Grid& y);

struct AvgPoolCall {
    int kernel_h = 1, kernel_w = 1;  // together at most max_avgpool_pixels
    int stride_h = 1, stride_w = 1;
    int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
    bool counts_padding = false;
    AvgPoolParams params{};
    ConstU8View in{};
    U8View out{};
};

// 255 times as many are less than 2^31.
inline constexpr std::int64_t max_avgpool_pixels = 8'000'000;

// The pixels of one window along one axis: those inside the plane, [begin, end), and how many count.
struct AvgPoolSpan {
    int begin = 0, end = 0, count = 0;
};
OCTET_INLINE AvgPoolSpan avgpool_span(int out, int stride, int kernel, int pad_before, int pad_after, int size,
                                      bool counts_padding) {
    const int first = out * stride - pad_before, last = first + kernel;
    AvgPoolSpan span;
    span.begin = first > 0 ? first : 0;
    span.end = last < size ? last : size;
    if (span.end < span.begin) span.end = span.begin;
    // A rounded-up window may reach beyond the padding.
    const int padded = last < size + pad_after ? last : size + pad_after;
    span.count = counts_padding ? (padded > first ? padded - first : 0) : span.end - span.begin;
    return span;
}

// Of the formula; 0 where no pixel counts.
OCTET_INLINE float avgpool_scale(std::int64_t count, const AvgPoolParams& params) {
    return count == 0 ? 0.0F : static_cast<float>(params.ratio / static_cast<double>(count));
}

// The window of an output pixel.
struct AvgPoolWindow {
    AvgPoolSpan rows, columns;
    std::int64_t count = 0;  // pixels that count

    OCTET_INLINE AvgPoolWindow(const AvgPoolCall& call, int y, int x)
        : rows(avgpool_span(y, call.stride_h, call.kernel_h, call.pad_top, call.pad_bottom, call.in.h,
                            call.counts_padding)),
          columns(avgpool_span(x, call.stride_w, call.kernel_w, call.pad_left, call.pad_right, call.in.w,
                               call.counts_padding)),
          count(std::int64_t{rows.count} * columns.count) {}
    // Pixels inside the plane.
    OCTET_INLINE int pixels() const { return (rows.end - rows.begin) * (columns.end - columns.begin); }
};

// RNE(float(sum) * scale) + zy of a window of `count` pixels, clamped.
std::uint8_t avgpool_u8(std::int32_t sum, std::int64_t count, const AvgPoolParams& params);

using AvgPoolFunction = void(const AvgPoolCall& call, int row_begin, int row_end) noexcept;

KernelList<AvgPoolFunction> avgpool_kernels();

}  // namespace octet::kernels
