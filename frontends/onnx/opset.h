#pragma once

#include "frontends/onnx/graph_builder.h"

namespace octet::onnx {

// What can be read. Of older files than oldest_opset those can be whose operators mean the same in it.
inline constexpr int oldest_opset = 7;
inline constexpr int newest_opset = 25;
// The one whose meaning the operators of a graph have, and in which files are written.
inline constexpr int graph_opset = 21;

// Checks the version of the default operator set. Files older than oldest_opset pass here, and upgrade() decides for
// each operator.
Result<void> check_opset(std::int64_t opset);

// Rewrites a node of the default domain, not yet in the graph, from the semantics of `opset` to those of graph_opset;
// what has become an input is added to the graph as constants or nodes, and operators newer than graph_opset are
// written with its operators. Nodes of unknown operators pass unchanged.
Result<void> upgrade(Node& node, int opset, GraphBuilder& builder);

}  // namespace octet::onnx
