#include "graph/ir/graph.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace octet {

std::string describe(const Node& node) {
    return node.stands_for.empty() ? fmt::format("node '{}' ({})", node.name, node.op) : node.stands_for;
}

ValueId Graph::add_value(std::string value_name, DType type, std::optional<Shape> shape) {
    Value value;
    names_.insert(value_name);
    value.name = std::move(value_name);
    value.dtype = type;
    value.shape = std::move(shape);
    values_.push_back(std::move(value));
    return static_cast<ValueId>(values_.size() - 1);
}

ValueId Graph::add_constant(std::string value_name, Tensor tensor) {
    const ValueId id = add_value(std::move(value_name), tensor.dtype(), tensor.shape());
    values_.back().constant = std::move(tensor);
    return id;
}

ValueId Graph::add_input(std::string value_name, DType type, Shape shape) {
    const ValueId id = add_value(std::move(value_name), type, std::move(shape));
    inputs.push_back(id);
    return id;
}

NodeId Graph::add_node(std::string op, std::string node_name, std::vector<ValueId> node_inputs,
                       std::vector<std::string> output_names, Attributes attributes) {
    std::vector<ValueId> node_outputs;
    for (std::string& output : output_names) node_outputs.push_back(add_value(std::move(output)));
    return add_node_onto(std::move(op), std::move(node_name), std::move(node_inputs), std::move(node_outputs),
                         std::move(attributes));
}

NodeId Graph::add_node_onto(std::string op, std::string node_name, std::vector<ValueId> node_inputs,
                            std::vector<ValueId> node_outputs, Attributes attributes) {
    const auto id = static_cast<NodeId>(nodes_.size());
    for (ValueId output : node_outputs) {
        if (output != no_value) value(output).producer = id;
    }
    names_.insert(node_name);
    nodes_.push_back({std::move(op), std::move(node_name), std::move(node_inputs), std::move(node_outputs),
                      std::move(attributes), false});
    return id;
}

std::string Graph::unique_name(std::string_view base) {
    std::string candidate(base);
    if (names_.count(candidate) == 0) return candidate;
    int& number = last_number_[candidate];
    while (names_.count(candidate) != 0) candidate = fmt::format("{}_{}", base, ++number);
    --number;  // the name is not taken before it is used
    return candidate;
}

ValueId Graph::find_value(std::string_view value_name) const {
    const auto it = std::find_if(values_.begin(), values_.end(),
                                 [&](const Value& v) { return !v.removed && v.name == value_name; });
    return it == values_.end() ? no_value : static_cast<ValueId>(it - values_.begin());
}

std::vector<NodeId> Graph::topological_order() const {
    // Kahn's algorithm; ready nodes are taken in the order of their ids, so that the result is deterministic and
    // equals the file's order where that is valid.
    std::vector<int> missing(nodes_.size(), 0);
    const auto readers = consumers();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].removed) continue;
        for (ValueId input : nodes_[i].inputs) {
            if (producer(input) != no_node) ++missing[i];
        }
    }
    std::vector<NodeId> heap;
    const auto push = [&](NodeId id) {
        heap.push_back(id);
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
    };
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i].removed && missing[i] == 0) push(static_cast<NodeId>(i));
    }
    std::vector<NodeId> order;
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end(), std::greater<>());
        const NodeId id = heap.back();
        heap.pop_back();
        order.push_back(id);
        for (ValueId output : node(id).outputs) {
            if (output == no_value) continue;
            for (NodeId reader : readers[static_cast<std::size_t>(output)]) {
                if (--missing[static_cast<std::size_t>(reader)] == 0) push(reader);
            }
        }
    }
    return order;
}

std::vector<std::vector<NodeId>> Graph::consumers() const {
    std::vector<std::vector<NodeId>> readers(values_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].removed) continue;
        for (ValueId input : nodes_[i].inputs) {
            if (input != no_value) readers[static_cast<std::size_t>(input)].push_back(static_cast<NodeId>(i));
        }
    }
    return readers;
}

bool Graph::is_output(ValueId id) const {
    return std::find(outputs.begin(), outputs.end(), id) != outputs.end();
}

void Graph::replace_uses(ValueId from, ValueId to) {
    for (Node& n : nodes_) {
        if (!n.removed) std::replace(n.inputs.begin(), n.inputs.end(), from, to);
    }
    if (is_output(from)) {
        std::replace(outputs.begin(), outputs.end(), from, to);
        std::swap(value(from).name, value(to).name);
    }
}

void Graph::remove_node(NodeId id) {
    node(id).removed = true;
    for (ValueId output : node(id).outputs) {
        if (output != no_value) value(output).removed = true;
    }
}

void Graph::stand_for(std::size_t first, const std::string& described) {
    for (std::size_t i = first; i < nodes_.size(); ++i) {
        if (describe(nodes_[i]) != described) nodes_[i].stands_for = described;
    }
}

int Graph::remove_dead() {
    std::vector<bool> live_value(values_.size(), false);
    std::vector<bool> live_node(nodes_.size(), false);
    std::vector<ValueId> pending = outputs;
    while (!pending.empty()) {
        const ValueId id = pending.back();
        pending.pop_back();
        if (id == no_value || live_value[static_cast<std::size_t>(id)]) continue;
        live_value[static_cast<std::size_t>(id)] = true;
        const NodeId from = value(id).producer;
        if (from == no_node || live_node[static_cast<std::size_t>(from)]) continue;
        live_node[static_cast<std::size_t>(from)] = true;
        const Node& n = node(from);
        pending.insert(pending.end(), n.inputs.begin(), n.inputs.end());
        // Outputs that nobody reads stay as long as their node does.
        for (ValueId output : n.outputs) {
            if (output != no_value) live_value[static_cast<std::size_t>(output)] = true;
        }
    }
    for (ValueId input : inputs) live_value[static_cast<std::size_t>(input)] = true;

    int removed = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (live_node[i] || nodes_[i].removed) continue;
        nodes_[i].removed = true;
        ++removed;
    }
    for (std::size_t i = 0; i < values_.size(); ++i) {
        if (live_value[i]) continue;
        values_[i].removed = true;
        values_[i].constant.reset();
    }
    return removed;
}

void Graph::compact() {
    std::vector<ValueId> new_value(values_.size(), no_value);
    std::vector<NodeId> new_node(nodes_.size(), no_node);
    std::vector<Value> values;
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < values_.size(); ++i) {
        if (values_[i].removed) continue;
        new_value[i] = static_cast<ValueId>(values.size());
        values.push_back(std::move(values_[i]));
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].removed) continue;
        new_node[i] = static_cast<NodeId>(nodes.size());
        nodes.push_back(std::move(nodes_[i]));
    }
    const auto renumber = [&](std::vector<ValueId>& ids) {
        for (ValueId& id : ids) id = id == no_value ? no_value : new_value[static_cast<std::size_t>(id)];
    };
    for (Value& v : values) {
        v.producer = v.producer == no_node ? no_node : new_node[static_cast<std::size_t>(v.producer)];
    }
    for (Node& n : nodes) {
        renumber(n.inputs);
        renumber(n.outputs);
    }
    renumber(inputs);
    renumber(outputs);
    values_ = std::move(values);
    nodes_ = std::move(nodes);
    names_.clear();
    last_number_.clear();
    for (const Value& v : values_) names_.insert(v.name);
    for (const Node& n : nodes_) names_.insert(n.name);
}

}  // namespace octet
