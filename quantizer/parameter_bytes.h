#pragma once

#include <cstdint>

#include "graph/ir/graph.h"

namespace octet::quantizer {

// Bytes of a graph's constants, by what they are for.
struct ParameterBytes {
    std::uint64_t weights = 0;
    std::uint64_t biases = 0;
    std::uint64_t scales = 0;  // and zero points
    std::uint64_t other = 0;
    std::uint64_t sum() const { return weights + biases + scales + other; }
};

// Each constant once, for its first reader. A DequantizeLinear's int32 is a bias; a BatchNormalization's constants are
// weights and biases, mean and variance too.
ParameterBytes count_parameters(const Graph& graph);

}  // namespace octet::quantizer
