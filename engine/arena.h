#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace octet::engine {

// A piece of memory that is needed from one step to another, both inclusive.
struct Lifetime {
    std::size_t bytes = 0;
    int first_step = 0, last_step = 0;
};

struct Arena {
    std::vector<std::size_t> offsets;  // in bytes, multiples of the alignment; one a lifetime
    std::size_t bytes = 0;
};

// Gives every piece an offset such that pieces needed at the same time do not overlap, the largest first (greedy by
// size, as in Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", arXiv:2001.03288).
Arena place(std::span<const Lifetime> pieces, std::size_t alignment);

}  // namespace octet::engine
