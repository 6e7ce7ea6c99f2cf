#include <map>

#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

using passes::Uses;

bool is_identity_permutation(const Node& node, std::size_t rank) {
    const auto perm = node.attributes.integers("perm");
    // Without the attribute the dimensions are reversed.
    if (perm.empty()) return rank <= 1;
    for (std::size_t i = 0; i < perm.size(); ++i) {
        if (perm[i] != static_cast<std::int64_t>(i)) return false;
    }
    return true;
}

bool has_unit_steps(const Graph& graph, const Node& node) {
    if (node.inputs.size() < 5 || node.inputs[4] == no_value) return true;
    const Tensor* steps = graph.constant(node.inputs[4]);
    return steps && passes::all_equal(steps->to_int64(), 1);
}

bool has_zero_pads(const Graph& graph, const Node& node) {
    const Tensor* pads = node.inputs.size() > 1 ? graph.constant(node.inputs[1]) : nullptr;
    return pads && passes::all_equal(pads->to_int64(), 0);
}

// Whether output 0 of the node equals `input`; shape and dtype are compared by the caller.
bool passes_through(const Graph& graph, const Node& node, ValueId& input) {
    static const std::map<std::string_view, float> neutral = {
        {"Mul", 1.0F}, {"Div", 1.0F}, {"Add", 0.0F}, {"Sub", 0.0F}, {"Pow", 1.0F}};
    input = node.inputs[0];
    if (node.op == "Identity" || node.op == "Cast" || node.op == "Reshape" || node.op == "Flatten" ||
        node.op == "Expand" || node.op == "Squeeze" || node.op == "Unsqueeze") {
        return true;  // with equal shape and dtype there is nothing left that they could do
    }
    // Dropout of a network in inference: the third input, training_mode, is absent.
    if (node.op == "Dropout") return node.inputs.size() < 3 || node.inputs[2] == no_value;
    if (node.op == "Transpose") return is_identity_permutation(node, graph.value(input).shape->size());
    if (node.op == "Slice") return has_unit_steps(graph, node);
    if (node.op == "Pad") return has_zero_pads(graph, node);
    if (node.op == "Concat") return node.inputs.size() == 1;
    if (const auto it = neutral.find(node.op); it != neutral.end()) {
        const auto match = passes::scalar_operand(graph, node);
        if (!match || match->scalar != it->second) return false;
        const bool commutes = node.op == "Mul" || node.op == "Add";
        if (!commutes && match->side != 1) return false;
        input = match->operand;
        return true;
    }
    return false;
}

bool remove_identity(Graph& graph, NodeId id, const Uses& uses) {
    const Node& node = graph.node(id);
    if (node.inputs.empty() || node.inputs[0] == no_value || node.outputs.empty() || node.outputs[0] == no_value) {
        return false;
    }
    for (std::size_t k = 1; k < node.outputs.size(); ++k) {
        if (node.outputs[k] != no_value && uses.count(node.outputs[k]) > 0) return false;
    }
    if (!graph.value(node.inputs[0]).shape) return false;
    ValueId input = no_value;
    const ValueId output = node.outputs[0];
    if (!passes_through(graph, node, input)) return false;
    if (!passes::same_shape(graph, input, output) || graph.value(input).dtype != graph.value(output).dtype)
        return false;
    // A graph output needs a value of its own: one that is computed, and that is not another output already.
    if (graph.is_output(output) && (graph.producer(input) == no_node || graph.is_output(input))) return false;
    graph.replace_uses(output, input);
    return true;
}

}  // namespace

int remove_identities(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const Uses& uses) { return remove_identity(graph, id, uses); });
}

}  // namespace octet
