#include "kernels/move.h"

#include <algorithm>

namespace octet::kernels {
namespace {

// The parts of one block; false: they are too many.
bool add_parts(std::span<const std::int32_t> channel, std::vector<MovePart>& parts) {
    std::vector<std::int32_t> open;
    for (const std::int32_t offset : channel) {
        if (offset != move_outside) open.push_back(offset);
    }
    std::sort(open.begin(), open.end());
    const std::size_t before = parts.size();
    for (auto at = open.begin(); at != open.end();) {
        MovePart& part = parts.emplace_back();
        part.offset = *at;
        std::fill(std::begin(part.shuffle), std::end(part.shuffle), std::uint8_t{0x80});
        const std::int64_t end = std::int64_t{part.offset} + 16;
        for (std::size_t i = 0; i < channel.size(); ++i) {
            if (channel[i] >= part.offset && channel[i] < end)
                part.shuffle[i] = static_cast<std::uint8_t>(channel[i] - part.offset);
        }
        at = std::find_if(at, open.end(), [&](std::int32_t offset) { return offset >= end; });
    }
    if (parts.size() - before <= max_move_parts) return true;
    parts.resize(before);
    return false;
}

}  // namespace

MoveBlocks make_move_blocks(std::span<const std::int32_t> channel, std::uint8_t fill) {
    MoveBlocks made;
    for (std::size_t first = 0; first < channel.size(); first += 16) {
        const auto channels = channel.subspan(first, std::min<std::size_t>(16, channel.size() - first));
        MoveBlock block;
        block.first_part = static_cast<int>(made.parts.size());
        block.scattered = !add_parts(channels, made.parts);
        block.parts = static_cast<int>(made.parts.size()) - block.first_part;
        std::fill(std::begin(block.fill), std::end(block.fill), std::uint8_t{0});
        for (std::size_t i = 0; i < channels.size(); ++i) {
            if (channels[i] == move_outside) block.fill[i] = fill;
        }
        made.blocks.push_back(block);
    }
    return made;
}

}  // namespace octet::kernels
