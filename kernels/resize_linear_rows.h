#pragma once

// The rows of resize_linear.h, shared by the instruction sets.
//
// Level(row weight, zero point), of vectors of 16 bytes: columns(weight) is what it wants of a column, and
// level(upper left, upper right, lower left, lower right, columns) the formula for 16 channels, of which
// store(out, vector, count) stores the first.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include "kernels/resize_linear.h"
#include "kernels/rows.h"

namespace octet::kernels {
namespace {

template <typename Level>
OCTET_INLINE void resize_linear_rows(const ResizeLinearCall& call, int row_begin, int row_end) {
    const int channels = call.out.c;
    for (int oy = row_begin; oy < row_end; ++oy) {
        const LinearTap row = call.y[oy];
        const Level level(row.weight, call.zero_point);
        for (int ox = 0; ox < call.out.w; ++ox) {
            const LinearTap column = call.x[ox];
            const auto columns = Level::columns(column.weight);
            const std::uint8_t* upper_left = call.in.pixel(row.first, column.first);
            const std::uint8_t* upper_right = call.in.pixel(row.first, column.second);
            const std::uint8_t* lower_left = call.in.pixel(row.second, column.first);
            const std::uint8_t* lower_right = call.in.pixel(row.second, column.second);
            std::uint8_t* out = call.out.pixel(oy, ox);
            for (int c = 0; c < channels; c += 16) {
                level.store(out + c, level(upper_left + c, upper_right + c, lower_left + c, lower_right + c, columns),
                            channels - c < 16 ? channels - c : 16);
            }
        }
    }
}

}  // namespace
}  // namespace octet::kernels
