#pragma once

#include "graph/ir/graph.h"

namespace octet {

// Sets dtype and shape of every value, in topological order. Small integer tensors are computed on the way, so that
// shape arithmetic (Shape -> Gather -> Concat -> Reshape) resolves without folding first. Attributes that depend on the
// shapes are resolved: convolutions and poolings have kernel_shape, strides, dilations and pads afterwards, and no
// auto_pad. All unknown operators are reported in one error with the names of their nodes.
Result<void> infer_shapes(Graph& graph);

}  // namespace octet
