#include "graph/passes/match.h"

#include <algorithm>
#include <utility>

namespace octet::passes {

Uses::Uses(const Graph& graph) : begin_(graph.value_count() + 1, 0), count_(graph.value_count(), 0) {
    const auto for_each_read = [&](const auto& visit) {
        for (std::size_t i = 0; i < graph.node_count(); ++i) {
            const auto id = static_cast<NodeId>(i);
            if (graph.node(id).removed) continue;
            for (const ValueId input : graph.node(id).inputs) {
                if (input != no_value) visit(id, static_cast<std::size_t>(input));
            }
        }
    };
    for_each_read([&](NodeId, std::size_t value) { ++count_[value]; });
    for (std::size_t v = 0; v < count_.size(); ++v) begin_[v + 1] = begin_[v] + static_cast<std::size_t>(count_[v]);
    readers_.resize(begin_.back());
    std::vector<std::size_t> next(begin_.begin(), begin_.end() - 1);
    for_each_read([&](NodeId id, std::size_t value) { readers_[next[value]++] = id; });
    for (ValueId output : graph.outputs) ++count_[static_cast<std::size_t>(output)];
}

NodeId Uses::sole_reader(ValueId id) const {
    const auto list = readers(id);
    return count(id) == 1 && list.size() == 1 ? list.front() : no_node;
}

std::optional<float> scalar_of(const Graph& graph, ValueId id) {
    const Tensor* tensor = graph.constant(id);
    if (!tensor || tensor->size() != 1) return std::nullopt;
    if (tensor->dtype() != DType::float32 && tensor->dtype() != DType::float64) return std::nullopt;
    return tensor->to_float().front();
}

std::optional<ScalarOperand> scalar_operand(const Graph& graph, const Node& node) {
    if (node.inputs.size() != 2) return std::nullopt;
    for (int side : {1, 0}) {
        const ValueId operand = node.inputs[static_cast<std::size_t>(1 - side)];
        const auto scalar = scalar_of(graph, node.inputs[static_cast<std::size_t>(side)]);
        if (scalar && operand != no_value && !graph.constant(operand)) return ScalarOperand{operand, *scalar, side};
    }
    return std::nullopt;
}

const Node* producer_of(const Graph& graph, ValueId id, std::string_view op) {
    const NodeId from = graph.producer(id);
    return from != no_node && graph.node(from).op == op ? &graph.node(from) : nullptr;
}

bool is_plain_activation(std::string_view op) {
    return op == "LeakyRelu" || op == "Relu" || op == "HardSwish";
}

bool same_shape(const Graph& graph, ValueId a, ValueId b) {
    const auto& left = graph.value(a).shape;
    return left && left == graph.value(b).shape;
}

std::vector<std::int64_t> integers_or(const Node& node, const std::string& name, std::size_t count,
                                      std::int64_t fallback) {
    return node.attributes.integers(name, std::vector<std::int64_t>(count, fallback));
}

bool all_equal(const std::vector<std::int64_t>& values, std::int64_t wanted) {
    return std::all_of(values.begin(), values.end(), [&](std::int64_t v) { return v == wanted; });
}

void produce_instead(Graph& graph, ValueId id, std::string op, std::string_view base_name, std::vector<ValueId> inputs,
                     Attributes attributes) {
    const std::string name = graph.unique_name(base_name);
    auto& old_outputs = graph.node(graph.producer(id)).outputs;
    std::replace(old_outputs.begin(), old_outputs.end(), id, no_value);
    graph.add_node_onto(std::move(op), name, std::move(inputs), {id}, std::move(attributes));
}

}  // namespace octet::passes
