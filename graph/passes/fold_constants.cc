#include <algorithm>

#include "graph/ops/evaluator.h"
#include "graph/ops/op_list.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

// A small file must not unfold into gigabytes (ConstantOfShape, Expand): beyond this many elements a result may not be
// larger than the constants it is made of.
constexpr std::int64_t max_grown_elements = std::int64_t{1} << 22;

void become_constants(Graph& graph, NodeId id, std::vector<Tensor> tensors) {
    const std::vector<ValueId> outputs = graph.node(id).outputs;
    // remove_node() takes the outputs along, which have to stay.
    graph.node(id).outputs.clear();
    graph.remove_node(id);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
        if (outputs[k] == no_value) continue;
        Value& value = graph.value(outputs[k]);
        value.producer = no_node;
        value.dtype = tensors[k].dtype();
        value.shape = tensors[k].shape();
        value.constant = std::move(tensors[k]);
    }
}

// Shape needs the shape of its input only, which every value has.
bool fold_shape(Graph& graph, NodeId id) {
    const Node& node = graph.node(id);
    if (node.op != "Shape" || node.inputs.size() != 1 || node.outputs.size() != 1) return false;
    const auto& shape = graph.value(node.inputs[0]).shape;
    if (!shape) return false;
    const auto rank = static_cast<std::int64_t>(shape->size());
    const auto clamp_axis = [&](std::int64_t axis) {
        return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
    };
    const std::int64_t start = clamp_axis(node.attributes.integer("start", 0));
    const std::int64_t end = std::max(start, clamp_axis(node.attributes.integer("end", rank)));
    const std::vector<std::int64_t> dims(shape->begin() + start, shape->begin() + end);
    become_constants(graph, id, {Tensor::from<std::int64_t>({end - start}, std::span(dims))});
    return true;
}

bool foldable(const Graph& graph, const Node& node) {
    // Weights of a quantized model stay integers: folding their DequantizeLinear would lose the grid.
    if (node.op == "DequantizeLinear" || !find_op(node.op)) return false;
    std::int64_t available = max_grown_elements;
    for (ValueId input : node.inputs) {
        if (input == no_value) continue;
        if (!graph.constant(input)) return false;
        available = std::max(available, graph.constant(input)->size());
    }
    return std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
        if (output == no_value) return true;
        const auto& shape = graph.value(output).shape;
        return shape && element_count(*shape).value_or(available + 1) <= available;
    });
}

bool fold(Graph& graph, NodeId id) {
    const Node& node = graph.node(id);
    if (!foldable(graph, node)) return false;
    std::vector<const Tensor*> inputs;
    for (ValueId input : node.inputs) inputs.push_back(graph.constant(input));
    // A node that cannot be computed stays: whoever runs the graph gets the error with its place.
    auto outputs = evaluate_node(node, inputs);
    if (!outputs) return false;
    become_constants(graph, id, std::move(*outputs));
    return true;
}

}  // namespace

int fold_constants(Graph& graph) {
    int folded = 0;
    for (NodeId id : graph.topological_order()) folded += fold_shape(graph, id) || fold(graph, id) ? 1 : 0;
    if (folded > 0) graph.remove_dead();
    return folded;
}

}  // namespace octet
