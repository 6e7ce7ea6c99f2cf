#include "engine/cpu/arena.h"

#include <algorithm>
#include <numeric>

#include "kernels/tensor_view.h"

namespace octet::engine::cpu {

std::size_t assign_offsets(std::vector<Plane>& planes) {
    std::vector<std::size_t> by_size(planes.size());
    std::iota(by_size.begin(), by_size.end(), std::size_t{0});
    std::stable_sort(by_size.begin(), by_size.end(),
                     [&](std::size_t a, std::size_t b) { return planes[a].bytes() > planes[b].bytes(); });

    constexpr std::size_t align = kernels::buffer_alignment;
    std::size_t arena = 0;
    std::vector<const Plane*> placed;  // sorted by offset
    for (std::size_t index : by_size) {
        Plane& plane = planes[index];
        std::size_t offset = 0;
        for (const Plane* other : placed) {
            if (other->last_step < plane.first_step || plane.last_step < other->first_step) continue;
            if (offset + plane.bytes() <= other->offset) break;
            offset = std::max(offset, (other->offset + other->bytes() + align - 1) / align * align);
        }
        plane.offset = offset;
        arena = std::max(arena, offset + plane.bytes());
        placed.insert(std::upper_bound(placed.begin(), placed.end(), &plane,
                                       [](const Plane* a, const Plane* b) { return a->offset < b->offset; }),
                      &plane);
    }
    return arena;
}

}  // namespace octet::engine::cpu
