#pragma once

#include <functional>

#include "tests/engine/random_network.h"

namespace octet::test {

// A network as small as simple cuts make it for which `fails` still holds: outputs and operators left out, what stands
// before a quantized tensor replaced by a graph input of the same values, fewer rows and columns.
RandomNetwork shrink(RandomNetwork network, const std::function<bool(const RandomNetwork&)>& fails);

// The network line by line, with attributes and constants, for a message.
std::string describe(const RandomNetwork& network);

}  // namespace octet::test
