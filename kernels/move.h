#pragma once

// Copies the bytes of a u8 tensor to other places: Transpose, Slice, Gather, channel shuffles, DepthToSpace …
//     out[y, x, c] = in.data[row[y] + column[x] + channel[c]], or `fill` where one of the three is move_outside
// Most moves are such a sum; for the others every byte has a source of its own:
//     out[y, x, c] = in.data[element[(y * out.w + x) * out.c + c]], or `fill`
// Sources are byte offsets from pixel (0, 0), channel 0 of the input, of its own pixels and channels.

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

inline constexpr std::int32_t move_outside = std::numeric_limits<std::int32_t>::min();

// 16 channels of the output, the last block of a pixel fewer, as bytes of the input that lie together, or'd:
// out[first + i] = fill[i] | in[offset + shuffle[i]] of each part, a shuffle of 128 or more giving 0.
struct MovePart {
    std::int32_t offset = 0;  // beside row[y] + column[x]: the smallest that the part reads
    std::uint8_t shuffle[16];
};
struct MoveBlock {
    int first_part = 0, parts = 0;  // no parts: they would be more than max_move_parts, unless all is fill
    bool scattered = false;         // that is the case: channel[] is the way
    std::uint8_t fill[16];
};
inline constexpr int max_move_parts = 8;

struct MoveBlocks {
    std::vector<MoveBlock> blocks;  // one for each 16 channels of the output
    std::vector<MovePart> parts;
};
MoveBlocks make_move_blocks(std::span<const std::int32_t> channel, std::uint8_t fill);

struct MoveCall {
    const std::int32_t* row = nullptr;      // [out.h]
    const std::int32_t* column = nullptr;   // [out.w]
    const std::int32_t* channel = nullptr;  // [out.c]
    const std::int32_t* element = nullptr;  // [out.h][out.w][out.c]; nullptr: a sum of the three
    const MoveBlock* blocks = nullptr;      // make_move_blocks() of channel and fill
    const MovePart* parts = nullptr;
    std::uint8_t fill = 0;
    ConstU8View in{};
    U8View out{};
};

using MoveFunction = void(const MoveCall& call, int row_begin, int row_end) noexcept;

KernelList<MoveFunction> move_kernels();

}  // namespace octet::kernels
