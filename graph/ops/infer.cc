#include "graph/ops/infer.h"

#include <map>

#include "base/did_you_mean.h"
#include "graph/ops/check.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/op_list.h"

namespace octet {
namespace {

// Tensors up to this many elements are computed during inference: shapes, axes, scales. Activations are larger or
// depend on the graph's inputs.
constexpr std::int64_t max_folded_elements = 4096;

Result<void> report_unknown_operators(const Graph& graph, const std::vector<NodeId>& order) {
    std::map<std::string, std::vector<std::string>> unknown;
    for (NodeId id : order) {
        const Node& node = graph.node(id);
        if (!find_op(node.op)) unknown[node.op].push_back(node.name);
    }
    if (unknown.empty()) return {};
    std::string list;
    std::vector<std::string> names;
    for (const OpDef* def : op_list()) names.emplace_back(def->name);
    for (const auto& [op, nodes] : unknown)
        list += fmt::format("\n  {}: {}{}", op, fmt::join(nodes, ", "), did_you_mean(op, names));
    return fail(ErrorCode::unsupported, "unsupported operators (operator: nodes):{}", list);
}

class Inference {
  public:
    explicit Inference(Graph& graph)
        : graph_(graph), types_(graph.value_count()), known_(graph.value_count()), folded_(graph.value_count()) {
        for (std::size_t i = 0; i < graph.value_count(); ++i) {
            const Value& value = graph.value(static_cast<ValueId>(i));
            if (value.constant) {
                types_[i] = {value.constant->dtype(), value.constant->shape()};
                known_[i] = &*value.constant;
            }
        }
    }

    Result<void> run() {
        const std::vector<NodeId> order = graph_.topological_order();
        OCTET_TRY(report_unknown_operators(graph_, order));
        for (ValueId input : graph_.inputs) {
            const Value& value = graph_.value(input);
            if (!value.shape) return fail(ErrorCode::invalid_model, "graph input '{}' has no shape", value.name);
            types_[static_cast<std::size_t>(input)] = {value.dtype, *value.shape};
        }
        for (NodeId id : order) OCTET_TRY(infer_node(graph_.node(id)));
        for (std::size_t i = 0; i < types_.size(); ++i) {
            Value& value = graph_.value(static_cast<ValueId>(i));
            if (value.removed || !types_[i]) continue;
            value.dtype = types_[i]->dtype;
            value.shape = types_[i]->shape;
        }
        return {};
    }

  private:
    Result<void> infer_node(Node& node) {
        std::vector<const TensorType*> inputs;
        std::vector<const Tensor*> constants;
        for (ValueId id : node.inputs) {
            const auto i = static_cast<std::size_t>(id);
            if (id != no_value && !types_[i]) {
                return fail(ErrorCode::invalid_model, "{}: the type of its input '{}' is not known", describe(node),
                            graph_.value(id).name);
            }
            inputs.push_back(id == no_value ? nullptr : &*types_[i]);
            constants.push_back(id == no_value ? nullptr : known_[i]);
        }
        std::vector<std::optional<Tensor>> known;
        OCTET_ASSIGN(auto outputs, ops::infer_node(node, inputs, constants, known));
        if (const OpDef* op = find_op(node.op); op->resolve) op->resolve(node, inputs);
        OCTET_TRY(fold(node, constants, outputs, known));
        for (std::size_t k = 0; k < node.outputs.size(); ++k) {
            if (node.outputs[k] == no_value) continue;
            const auto i = static_cast<std::size_t>(node.outputs[k]);
            types_[i] = std::move(outputs[k]);
            if (!known[k]) continue;
            folded_[i] = std::move(known[k]);
            known_[i] = &*folded_[i];
        }
        return {};
    }

    // Computes the outputs of a node with small constant inputs.
    static Result<void> fold(const Node& node, const std::vector<const Tensor*>& constants,
                             const std::vector<TensorType>& outputs, std::vector<std::optional<Tensor>>& known) {
        const auto too_large = [](const Shape& shape) {
            return element_count(shape).value_or(0) > max_folded_elements;
        };
        for (std::size_t k = 0; k < constants.size(); ++k) {
            if (node.inputs[k] == no_value) continue;
            if (!constants[k] || too_large(constants[k]->shape())) return {};
        }
        for (const TensorType& type : outputs) {
            if (too_large(type.shape)) return {};
        }
        OCTET_ASSIGN(auto values, evaluate_node(node, constants));
        for (std::size_t k = 0; k < values.size(); ++k) known[k] = std::move(values[k]);
        return {};
    }

    Graph& graph_;
    std::vector<std::optional<TensorType>> types_;  // by value
    std::vector<const Tensor*> known_;              // by value; into the graph or into folded_
    std::vector<std::optional<Tensor>> folded_;
};

}  // namespace

Result<void> infer_shapes(Graph& graph) {
    return Inference(graph).run();
}

}  // namespace octet
