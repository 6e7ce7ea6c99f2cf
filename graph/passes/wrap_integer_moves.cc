// Operators that only move values or pick the largest, on the integers themselves, become what all other operators of a
// quantized model are, so that one pattern serves both:
//
//     q → MaxPool → q'        becomes        q → DQ → MaxPool → Q → q'         all on the grid of q

#include <algorithm>

#include "graph/ops/op_list.h"
#include "graph/ops/resize_sources.h"
#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

bool moves_integers(const Node& node) {
    const OpDef* op = find_op(node.op);
    // A Scatter has two inputs of values.
    if (!op || op->quant != QuantRule::pass_through || node.op.starts_with("Scatter")) return false;
    return node.op != "Resize" || copies_values(node);
}

bool same_constant(const Graph& graph, ValueId a, ValueId b) {
    return identical(*graph.constant(a), *graph.constant(b));
}

// The QuantizeLinear of one grid that makes the value.
const Node* quantize_of(const Graph& graph, ValueId value) {
    const Node* node = passes::producer_of(graph, value, "QuantizeLinear");
    if (!node || node->inputs.size() != 3) return nullptr;
    const Tensor* scale = graph.constant(node->inputs[1]);
    return scale && scale->size() == 1 && graph.constant(node->inputs[2]) ? node : nullptr;
}

bool wrap(Graph& graph, NodeId id) {
    const Node node = graph.node(id);
    if (!moves_integers(node) || node.inputs.empty()) return false;
    const std::size_t data = node.op == "Concat" ? node.inputs.size() : 1;
    const Node* first = quantize_of(graph, node.inputs[0]);
    if (!first) return false;
    const ValueId scale = first->inputs[1], zero_point = first->inputs[2];
    for (std::size_t i = 1; i < data; ++i) {
        const Node* other = quantize_of(graph, node.inputs[i]);
        if (!other || !same_constant(graph, other->inputs[1], scale) ||
            !same_constant(graph, other->inputs[2], zero_point)) {
            return false;
        }
    }
    // Indices of MaxPool and the like are no integers of the grid.
    if (node.op == "MaxPool" && node.outputs.size() > 1) return false;

    graph.node(id).removed = true;
    std::vector<ValueId> inputs = node.inputs;
    for (std::size_t i = 0; i < data; ++i) {
        const std::string& name = graph.value(inputs[i]).name;
        const NodeId dequantize =
            graph.add_node("DequantizeLinear", graph.unique_name(name + "_dequantize"), {inputs[i], scale, zero_point},
                           {graph.unique_name(name + "_dequantized")});
        inputs[i] = graph.node(dequantize).outputs[0];
    }
    std::vector<std::string> names;
    for (const ValueId output : node.outputs) {
        names.push_back(output == no_value ? std::string() : graph.unique_name(graph.value(output).name + "_real"));
    }
    const NodeId mover = graph.add_node(node.op, node.name, std::move(inputs), std::move(names), node.attributes);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i] == no_value) continue;
        graph.add_node_onto("QuantizeLinear", graph.unique_name(node.name + "_quantize"),
                            {graph.node(mover).outputs[i], scale, zero_point}, {node.outputs[i]}, {});
    }
    return true;
}

}  // namespace

int wrap_integer_moves(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const passes::Uses&) { return wrap(graph, id); });
}

}  // namespace octet
