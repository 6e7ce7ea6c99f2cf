#pragma once

// The rows of move.h, shared by the instruction sets.
//
// Level, of vectors of 16 bytes: all(byte) is a vector of them; shuffled(in, block, parts) what a block gathers;
// store(out, vector, count) stores the first of a vector.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include "kernels/move.h"
#include "kernels/rows.h"

namespace octet::kernels {
namespace {

OCTET_INLINE void gather_bytes(std::uint8_t* out, const std::uint8_t* in, const std::int32_t* offsets, int count,
                               std::uint8_t fill) {
    for (int i = 0; i < count; ++i) out[i] = offsets[i] == move_outside ? fill : in[offsets[i]];
}

template <typename Level>
OCTET_INLINE void move_rows(const MoveCall& call, int row_begin, int row_end) {
    const int w = call.out.w, c = call.out.c;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < w; ++x) {
            std::uint8_t* out = call.out.pixel(y, x);
            if (call.element) {
                gather_bytes(out, call.in.data, call.element + (std::int64_t{y} * w + x) * c, c, call.fill);
                continue;
            }
            if (call.row[y] == move_outside || call.column[x] == move_outside) {
                const auto fill = Level::all(call.fill);
                for (int k = 0; k < c; k += 16) Level::store(out + k, fill, c - k < 16 ? c - k : 16);
                continue;
            }
            const std::uint8_t* in = call.in.data + call.row[y] + call.column[x];
            for (int k = 0; k < c; k += 16) {
                const MoveBlock& block = call.blocks[k / 16];
                const int count = c - k < 16 ? c - k : 16;
                if (block.scattered) {
                    gather_bytes(out + k, in, call.channel + k, count, call.fill);
                } else {
                    Level::store(out + k, Level::shuffled(in, block, call.parts), count);
                }
            }
        }
    }
}

}  // namespace
}  // namespace octet::kernels
