#pragma once

// What a network costs, without running it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace octet {

struct NodeCost {
    NodeId node = no_node;
    std::int64_t macs = 0;        // multiply-accumulates
    std::int64_t parameters = 0;  // elements of its constant inputs, int64 and bool (shapes, axes) left out
    std::int64_t live_bytes =
        0;  // activations that exist while it runs: its inputs, its outputs, and what later nodes need
};

struct Summary {
    std::vector<NodeCost> nodes;           // in topological order
    std::map<std::string, int> operators;  // how many nodes of each
    std::int64_t macs = 0;
    std::int64_t parameters = 0;             // a constant that several nodes read counts once
    std::int64_t weight_bytes = 0;           // of all constants that a node reads
    std::int64_t activation_bytes = 0;       // of all activations together: what depends on a graph input
    std::int64_t peak_activation_bytes = 0;  // the largest live_bytes: a tensor lives from its producer to its last
                                             // reader, a graph input from the start, a graph output to the end
    NodeId peak_node = no_node;              // where that is; no_node for a graph without nodes
};

// Shapes have to be inferred.
Summary summarize(const Graph& graph);

}  // namespace octet
