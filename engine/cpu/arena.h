#pragma once

#include <cstddef>
#include <vector>

#include "engine/cpu/plan.h"

namespace octet::engine::cpu {

// Gives every plane an offset such that planes alive at the same time do not overlap, largest plane first (greedy by
// size, as in Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", arXiv:2001.03288).
// Returns the arena's size in bytes.
std::size_t assign_offsets(std::vector<Plane>& planes);

}  // namespace octet::engine::cpu
