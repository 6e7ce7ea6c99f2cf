#pragma once

// Holds the integer engine to float semantics, one quantized tensor at a time: what float operators give, evaluated
// from the integers that the engine itself had, is at most one step away from what it made of them. Errors cannot add
// up, so that one step is enough, but where kernels promise less: then it is the bound of kernels/requantize.h, add.h,
// concat.h or sigmoid.h.

#include <optional>
#include <string>

#include "tests/engine/random_network.h"

namespace octet::test {

// What differs, or nullopt: a quantized tensor or an output from float semantics, or an instruction set from the
// reference. An error is what the engine says of a network that it does not take.
Result<std::optional<std::string>> find_difference(const RandomNetwork& network);

}  // namespace octet::test
