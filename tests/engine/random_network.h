#pragma once

// Small quantized networks made at random, for tests that hold the integer engine to float semantics.

#include <vector>

#include "graph/ir/graph.h"

namespace octet::test {

struct RandomNetwork {
    Graph graph;
    std::vector<Tensor> inputs;  // of graph.inputs
};

// Graph inputs on 8-bit grids, then one to six layers that read tensors made before: every operator that runs on
// integers, with the attributes and operands it may have, and operators beside them that run in float. The same network
// for the same seed.
RandomNetwork random_network(unsigned seed);

}  // namespace octet::test
