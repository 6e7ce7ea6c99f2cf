#pragma once

#include "graph/ir/graph.h"

namespace octet {

// What must hold after import and after every pass: ids in range, one producer a value, no reader of a removed value,
// no cycle, unique names, constants of the declared dtype and shape, outputs that exist. The error names node and
// value.
Result<void> verify(const Graph& graph);

}  // namespace octet
