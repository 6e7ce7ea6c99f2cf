#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/ir/graph.h"

namespace octet::onnx {

// Appends to a graph; names that are taken get a number behind them.
class GraphBuilder {
  public:
    explicit GraphBuilder(Graph& graph) : graph_(graph) {}

    Graph& graph() { return graph_; }
    // `base`, or `base` with a number that no earlier call returned.
    std::string node_name(std::string_view base) { return unique(base, node_names_); }
    std::string value_name(std::string_view base) { return unique(base, value_names_); }

    ValueId constant(std::string_view base, Tensor tensor);
    // A node with one output that gets the node's name; returns that output.
    ValueId node(const std::string& op, std::string_view base, std::vector<ValueId> inputs, Attributes attributes = {});

  private:
    // The numbers tried so far for each base, so that many equal names stay cheap.
    using Names = std::unordered_map<std::string, int>;
    static std::string unique(std::string_view base, Names& names);

    Graph& graph_;
    Names node_names_;
    Names value_names_;
};

}  // namespace octet::onnx
