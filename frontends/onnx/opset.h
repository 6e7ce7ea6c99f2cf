#pragma once

#include "frontends/onnx/graph_builder.h"

namespace octet::onnx {

inline constexpr int oldest_opset = 11;
inline constexpr int newest_opset = 21;

// Checks the version of the default operator set. Files older than oldest_opset pass here, and upgrade() decides for
// each operator.
Result<void> check_opset(std::int64_t opset);

// Rewrites a node of the default domain, not yet in the graph, from the semantics of `opset` to those of opset 21; what
// has become an input is added to the graph as constants or nodes. Nodes of unknown operators pass unchanged.
Result<void> upgrade(Node& node, int opset, GraphBuilder& builder);

}  // namespace octet::onnx
