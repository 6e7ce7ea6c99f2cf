#include "engine/arena.h"

#include <algorithm>
#include <numeric>

namespace octet::engine {

Arena place(std::span<const Lifetime> pieces, std::size_t alignment) {
    std::vector<std::size_t> by_size(pieces.size());
    std::iota(by_size.begin(), by_size.end(), std::size_t{0});
    std::stable_sort(by_size.begin(), by_size.end(),
                     [&](std::size_t a, std::size_t b) { return pieces[a].bytes > pieces[b].bytes; });

    Arena arena;
    arena.offsets.resize(pieces.size());
    std::vector<std::size_t> placed;  // sorted by offset
    for (std::size_t index : by_size) {
        const Lifetime& piece = pieces[index];
        std::size_t offset = 0;
        for (std::size_t other : placed) {
            const Lifetime& there = pieces[other];
            if (there.last_step < piece.first_step || piece.last_step < there.first_step) continue;
            if (offset + piece.bytes <= arena.offsets[other]) break;
            offset = std::max(offset, (arena.offsets[other] + there.bytes + alignment - 1) / alignment * alignment);
        }
        arena.offsets[index] = offset;
        arena.bytes = std::max(arena.bytes, offset + piece.bytes);
        placed.insert(
            std::upper_bound(placed.begin(), placed.end(), index,
                             [&](std::size_t a, std::size_t b) { return arena.offsets[a] < arena.offsets[b]; }),
            index);
    }
    return arena;
}

}  // namespace octet::engine
