#include "graph/ir/summary.h"

#include <algorithm>
#include <optional>

#include "graph/ops/op_list.h"

namespace octet {
namespace {

class Summarizer {
  public:
    explicit Summarizer(const Graph& graph)
        : graph_(graph), order_(graph.topological_order()), counted_(graph.value_count(), false) {
        find_activations();
    }

    Summary run() {
        for (const NodeId id : order_) add_node(id);
        for (std::size_t i = 0; i < graph_.value_count(); ++i) {
            if (is_activation_[i]) summary_.activation_bytes += bytes_of(static_cast<ValueId>(i));
        }
        measure_lifetimes();
        return std::move(summary_);
    }

  private:
    // What is computed from constants alone, dequantized weights for one, is a form of the weights: it is made once, or
    // never where integers are computed with. As a graph output it has to exist.
    void find_activations() {
        is_activation_.assign(graph_.value_count(), false);
        const auto is_activation = [&](ValueId id) {
            return id != no_value && is_activation_[static_cast<std::size_t>(id)];
        };
        for (const ValueId id : graph_.inputs) is_activation_[static_cast<std::size_t>(id)] = true;
        for (const NodeId id : order_) {
            const Node& node = graph_.node(id);
            if (!std::any_of(node.inputs.begin(), node.inputs.end(), is_activation)) continue;
            for (const ValueId output : node.outputs)
                if (output != no_value) is_activation_[static_cast<std::size_t>(output)] = true;
        }
        for (const ValueId id : graph_.outputs)
            if (!graph_.constant(id)) is_activation_[static_cast<std::size_t>(id)] = true;
    }

    std::int64_t bytes_of(ValueId id) const {
        const Value& value = graph_.value(id);
        if (!value.shape) return 0;
        return element_count(*value.shape).value_or(0) * static_cast<std::int64_t>(dtype_size(value.dtype));
    }

    static bool is_parameter(const Tensor& tensor) {
        return tensor.dtype() != DType::int64 && tensor.dtype() != DType::boolean;
    }

    void add_node(NodeId id) {
        const Node& node = graph_.node(id);
        NodeCost cost{id, macs_of(node), 0, 0};
        for (const ValueId input : node.inputs) {
            const Tensor* constant = graph_.constant(input);
            if (!constant) continue;
            const std::int64_t parameters = is_parameter(*constant) ? constant->size() : 0;
            cost.parameters += parameters;
            const auto i = static_cast<std::size_t>(input);
            if (counted_[i]) continue;
            counted_[i] = true;
            summary_.parameters += parameters;
            summary_.weight_bytes += static_cast<std::int64_t>(constant->bytes());
        }
        summary_.macs += cost.macs;
        ++summary_.operators[node.op];
        summary_.nodes.push_back(cost);
    }

    std::optional<TensorType> type_of(ValueId id) const {
        if (id == no_value || !graph_.value(id).shape) return std::nullopt;
        return TensorType{graph_.value(id).dtype, *graph_.value(id).shape};
    }

    std::int64_t macs_of(const Node& node) const {
        const OpDef* def = find_op(node.op);
        if (!def || !def->macs) return 0;
        std::vector<std::optional<TensorType>> inputs;
        for (const ValueId id : node.inputs) inputs.push_back(type_of(id));
        std::vector<const TensorType*> pointers;
        for (const auto& type : inputs) pointers.push_back(type ? &*type : nullptr);
        std::vector<TensorType> outputs;
        for (const ValueId id : node.outputs) outputs.push_back(type_of(id).value_or(TensorType{}));
        return def->macs(node, pointers, outputs);
    }

    // live_bytes of each node, from the places where values begin and end.
    void measure_lifetimes() {
        const std::size_t count = order_.size();
        std::vector<std::int64_t> change(count + 1, 0);
        std::vector<std::size_t> place(graph_.node_count(), 0);
        for (std::size_t i = 0; i < count; ++i) place[static_cast<std::size_t>(order_[i])] = i;
        const auto readers = graph_.consumers();
        for (std::size_t i = 0; i < graph_.value_count(); ++i) {
            const auto id = static_cast<ValueId>(i);
            const Value& value = graph_.value(id);
            if (!is_activation_[i] || count == 0) continue;
            const std::size_t first = value.producer == no_node ? 0 : place[static_cast<std::size_t>(value.producer)];
            std::size_t last = graph_.is_output(id) ? count - 1 : first;
            for (const NodeId reader : readers[i]) last = std::max(last, place[static_cast<std::size_t>(reader)]);
            change[first] += bytes_of(id);
            change[last + 1] -= bytes_of(id);
        }
        std::int64_t live = 0;
        for (std::size_t i = 0; i < count; ++i) {
            live += change[i];
            summary_.nodes[i].live_bytes = live;
            if (summary_.peak_node != no_node && live <= summary_.peak_activation_bytes) continue;
            summary_.peak_activation_bytes = live;
            summary_.peak_node = order_[i];
        }
    }

    const Graph& graph_;
    std::vector<NodeId> order_;
    std::vector<bool> counted_;
    std::vector<bool> is_activation_;  // of each value
    Summary summary_;
};

}  // namespace

Summary summarize(const Graph& graph) {
    return Summarizer(graph).run();
}

}  // namespace octet
