#pragma once

#include <string>

#include "graph/ir/graph.h"

namespace octet::onnx {

struct ExportOptions {
    int opset = 21;
};

// Writes the graph as an ONNX file; it appears under its name only when it is complete. Operators that ONNX does not
// have (Focus, Detect) are written as the standard operators they stand for, so that any ONNX runtime opens the file
// and load() followed by the passes gives the same graph back.
Result<void> save(const Graph& graph, const std::string& path, const ExportOptions& options = {});

}  // namespace octet::onnx
