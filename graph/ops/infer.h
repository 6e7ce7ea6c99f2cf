#pragma once

#include "graph/ir/graph.h"

namespace octet {

// Sets dtype and shape of every value, in topological order. Small integer tensors are computed on the way, so that
// shape arithmetic (Shape -> Gather -> Concat -> Reshape) resolves without folding first.
// All unknown operators are reported in one error with the names of their nodes.
Result<void> infer_shapes(Graph& graph);

}  // namespace octet
