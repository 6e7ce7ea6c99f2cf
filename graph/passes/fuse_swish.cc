// Swish(x) = x · sigmoid(x), which exporters write as two nodes.

#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

using passes::Uses;

bool fuse(Graph& graph, NodeId id) {
    const Node& node = graph.node(id);
    if (node.op != "Mul" || graph.value(node.outputs[0]).dtype != DType::float32) return false;
    for (const std::size_t side : {0, 1}) {
        const ValueId x = node.inputs[side];
        const Node* gate = passes::producer_of(graph, node.inputs[1 - side], "Sigmoid");
        if (!gate || gate->inputs[0] != x) continue;
        // What the exporter wrote as two nodes has the name already.
        constexpr std::string_view suffix = "_swish";
        std::string name = node.name;
        if (!name.ends_with(suffix)) name += suffix;
        passes::produce_instead(graph, node.outputs[0], "Swish", name, {x});
        return true;
    }
    return false;
}

}  // namespace

int fuse_swish(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const Uses&) { return fuse(graph, id); });
}

}  // namespace octet
