#pragma once

// The rows of resize_nearest.h, shared by the instruction sets.
//
// Level: Wide and Half, of 32 and of 16 bytes, to copy with; double_pixels<pixel_bytes>(out, in, source pixels): every
// source pixel twice, of pixels of 4, 8 or 16 bytes that follow each other without a gap.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include "kernels/resize_nearest.h"

namespace octet::kernels {
namespace {

template <typename Vector>
OCTET_INLINE void copy_vector(std::uint8_t* out, const std::uint8_t* in) {
    Vector value;
    __builtin_memcpy(&value, in, sizeof value);
    __builtin_memcpy(out, &value, sizeof value);
}

// `count` bytes and not one more. The last vector overlaps the one before it.
template <typename Level>
OCTET_INLINE void copy_bytes(std::uint8_t* out, const std::uint8_t* in, std::int64_t count) {
    if (count >= 32) {
        for (std::int64_t i = 0; i < count - 32; i += 32) copy_vector<typename Level::Wide>(out + i, in + i);
        copy_vector<typename Level::Wide>(out + count - 32, in + count - 32);
    } else if (count >= 16) {
        copy_vector<typename Level::Half>(out, in);
        copy_vector<typename Level::Half>(out + count - 16, in + count - 16);
    } else if (count >= 8) {
        copy_vector<std::uint64_t>(out, in);
        copy_vector<std::uint64_t>(out + count - 8, in + count - 8);
    } else if (count >= 4) {
        copy_vector<std::uint32_t>(out, in);
        copy_vector<std::uint32_t>(out + count - 4, in + count - 4);
    } else {
        for (std::int64_t i = 0; i < count; ++i) out[i] = in[i];
    }
}

template <typename Level>
struct ResizeRows {
    const ResizeNearestCall& call;
    bool dense_in, dense_out, doubling;  // doubling: source_x[x] = x / 2, of an even number of pixels

    explicit ResizeRows(const ResizeNearestCall& c)
        : call(c),
          dense_in(c.in.pixel_stride == c.out.c),
          dense_out(c.out.pixel_stride == c.out.c),
          doubling(c.out.w % 2 == 0) {
        for (int x = 0; x < c.out.w; ++x) doubling = doubling && c.source_x[x] == x / 2;
    }

    void gather(int y) const {
        const std::uint8_t* in = call.in.pixel(call.source_y[y], 0);
        std::uint8_t* out = call.out.pixel(y, 0);
        const int c = call.out.c, w = call.out.w;
        if (doubling && dense_in && dense_out) {
            if (c == 4) return Level::template double_pixels<4>(out, in, w / 2);
            if (c == 8) return Level::template double_pixels<8>(out, in, w / 2);
            if (c == 16) return Level::template double_pixels<16>(out, in, w / 2);
        }
        for (int x = 0; x < w; ++x, out += call.out.pixel_stride) {
            copy_bytes<Level>(out, in + call.source_x[x] * call.in.pixel_stride, c);
        }
    }

    // The row above again: it is in the first-level cache.
    void repeat(int y) const {
        const std::uint8_t* in = call.out.pixel(y - 1, 0);
        std::uint8_t* out = call.out.pixel(y, 0);
        const int c = call.out.c, w = call.out.w;
        if (dense_out) return copy_bytes<Level>(out, in, std::int64_t{w} * c);
        for (int x = 0; x < w; ++x, in += call.out.pixel_stride, out += call.out.pixel_stride)
            copy_bytes<Level>(out, in, c);
    }
};

template <typename Level>
OCTET_INLINE void resize_rows(const ResizeNearestCall& call, int row_begin, int row_end) {
    const ResizeRows<Level> rows(call);
    for (int y = row_begin; y < row_end; ++y) {
        if (y > row_begin && call.source_y[y] == call.source_y[y - 1]) {
            rows.repeat(y);
        } else {
            rows.gather(y);
        }
    }
}

}  // namespace
}  // namespace octet::kernels
