#pragma once

// The graph as text for people, stable enough for tests and diff.
//
//   graph torch_jit
//     input   images[float32 1x3x640x640]
//     output  det_out[float32 1x25200x6]
//       0  Conv  conv1  (x[float32 1x12x320x320], w[float32 32x12x3x3 constant])  ->  y[…]  {pads=[1, 1, 1, 1]}  …

#include <string>

#include "graph/ir/summary.h"

namespace octet {

// One line for each input, output and node, with what the node costs.
std::string dump_nodes(const Graph& graph, const Summary& summary);
// The totals and how many nodes of each operator there are.
std::string dump_summary(const Graph& graph, const Summary& summary);

// "[1, 1]", "0.1", "'nearest'"; a tensor as its type, or as its value when it has one element.
std::string to_string(const AttributeValue& value);

}  // namespace octet
