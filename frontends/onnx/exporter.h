#pragma once

#include <string>

#include "graph/ir/graph.h"

namespace octet::onnx {

// Writes the graph, with shapes inferred, as an ONNX file of opset 21; it appears under its name only when it is
// complete. Operators that ONNX does not have (Focus, Detect) are written as the standard operators they stand for, so
// that any ONNX runtime opens the file, and load() followed by the passes gives the same graph back.
Result<void> save(const Graph& graph, const std::string& path);

}  // namespace octet::onnx
