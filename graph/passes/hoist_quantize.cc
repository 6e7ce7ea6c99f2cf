// Q(op(x)) = op(Q(x)) for operators that only move values or pick the largest. Quantizers differ in where they put the
// QuantizeLinear; in front of such an operator it meets the convolution or activation that it can be fused with:
//
//     x → Resize → Q        becomes        x → Q → DQ → Resize → Q         (the last two cost nothing: one grid)

#include <algorithm>

#include "graph/ops/resize_sources.h"
#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

bool moves_values(const Node& node) {
    if (node.op == "Resize") return copies_values(node);
    return node.op == "MaxPool" || node.op == "Concat" || node.op == "Reshape" || node.op == "Transpose";
}

// Inputs that carry the values; the others are shapes and sizes.
std::size_t data_inputs(const Node& node) {
    return node.op == "Concat" ? node.inputs.size() : 1;
}

bool same_constant(const Graph& graph, ValueId a, ValueId b) {
    const Tensor* x = graph.constant(a);
    const Tensor* y = graph.constant(b);
    return x && y && identical(*x, *y);
}

bool is_dequantized(const Graph& graph, ValueId value) {
    const NodeId from = graph.producer(value);
    return from != no_node && graph.node(from).op == "DequantizeLinear";
}

// `value` comes out of a DequantizeLinear with the scale and zero point of `quantize`.
bool on_grid(const Graph& graph, ValueId value, const Node& quantize) {
    if (!is_dequantized(graph, value)) return false;
    const Node& dequantize = graph.node(graph.producer(value));
    return dequantize.inputs.size() == 3 && same_constant(graph, dequantize.inputs[1], quantize.inputs[1]) &&
           same_constant(graph, dequantize.inputs[2], quantize.inputs[2]);
}

}  // namespace

int hoist_quantize(Graph& graph, bool requantizes) {
    int rewrites = 0;
    // Of before: what is put in between takes over a reader's place, so that no count changes.
    const passes::Uses uses(graph);
    // Backwards, so that a chain of such operators is crossed in one sweep.
    std::vector<NodeId> order = graph.topological_order();
    std::reverse(order.begin(), order.end());
    for (NodeId id : order) {
        const Node quantize = graph.node(id);
        if (quantize.op != "QuantizeLinear" || quantize.inputs.size() != 3) continue;
        const Tensor* scale = graph.constant(quantize.inputs[1]);
        const NodeId mover = graph.producer(quantize.inputs[0]);
        if (!scale || scale->size() != 1 || mover == no_node || !moves_values(graph.node(mover))) continue;
        if (uses.sole_reader(quantize.inputs[0]) == no_node || graph.node(mover).outputs.size() != 1) continue;
        bool changed = false;
        const std::size_t first = graph.node_count();
        for (std::size_t i = 0; i < data_inputs(graph.node(mover)); ++i) {
            const ValueId input = graph.node(mover).inputs[i];
            if (graph.constant(input) || on_grid(graph, input, quantize)) continue;
            // A Concat takes quantized inputs on any grid as they are.
            if ((graph.node(mover).op == "Concat" || !requantizes) && is_dequantized(graph, input)) continue;
            const std::string base = graph.value(input).name + "_on_" + quantize.name;
            const NodeId q = graph.add_node("QuantizeLinear", graph.unique_name(base + "_quantize"),
                                            {input, quantize.inputs[1], quantize.inputs[2]},
                                            {graph.unique_name(base + "_quantized")}, quantize.attributes);
            const NodeId dq = graph.add_node("DequantizeLinear", graph.unique_name(base + "_dequantize"),
                                             {graph.node(q).outputs[0], quantize.inputs[1], quantize.inputs[2]},
                                             {graph.unique_name(base + "_dequantized")});
            graph.node(mover).inputs[i] = graph.node(dq).outputs[0];
            changed = true;
        }
        graph.stand_for(first, describe(quantize));
        rewrites += changed;
    }
    return rewrites;
}

}  // namespace octet
