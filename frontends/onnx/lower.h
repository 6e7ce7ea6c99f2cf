#pragma once

#include "graph/ir/graph.h"

namespace octet::onnx {

// The graph with the operators that ONNX does not have (see graph/ops/op_list.h) written as standard ones, which
// compute the same float results bit for bit. Shapes have to be inferred; those of the new values are not.
Result<Graph> lower_to_standard(Graph graph);

}  // namespace octet::onnx
