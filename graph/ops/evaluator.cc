#include "graph/ops/evaluator.h"

#include <new>

#include "graph/ops/check.h"
#include "graph/ops/op_list.h"

namespace octet {

void serial_for(std::int64_t count, const std::function<void(std::int64_t)>& body) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
}

Result<std::vector<Tensor>> evaluate_node(const Node& node, std::span<const Tensor* const> inputs,
                                          const ParallelFor& parallel_for, kernels::CpuFeatures features) {
    std::vector<TensorType> types(inputs.size());
    std::vector<const TensorType*> type_pointers;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i]) types[i] = {inputs[i]->dtype(), inputs[i]->shape()};
        type_pointers.push_back(inputs[i] ? &types[i] : nullptr);
    }
    // Every input is known now, so that inference checks the values it depends on, too.
    std::vector<std::optional<Tensor>> known;
    OCTET_ASSIGN(const auto output_types, ops::infer_node(node, type_pointers, inputs, known));
    std::vector<Tensor> outputs(node.outputs.size());
    EvalContext context{node, inputs, output_types, outputs, parallel_for, features};
    try {
        if (auto done = find_op(node.op)->evaluate(context); !done) return at(describe(node), done.error());
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::out_of_range, "{}: not enough memory for its outputs", describe(node));
    }
    return outputs;
}

namespace {

Result<void> check_inputs(const Graph& graph, std::span<const Tensor> inputs) {
    if (inputs.size() != graph.inputs.size()) {
        return fail(ErrorCode::invalid_argument, "the graph has {} inputs, {} were given", graph.inputs.size(),
                    inputs.size());
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Value& value = graph.value(graph.inputs[i]);
        if (inputs[i].dtype() != value.dtype || (value.shape && inputs[i].shape() != *value.shape)) {
            return fail(ErrorCode::invalid_argument, "graph input '{}' is {} {}, but {} {} was given", value.name,
                        dtype_name(value.dtype), value.shape ? to_string(*value.shape) : "of any shape",
                        dtype_name(inputs[i].dtype()), to_string(inputs[i].shape()));
        }
    }
    return {};
}

}  // namespace

Result<std::vector<Tensor>> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                                     const EvaluateOptions& options) {
    OCTET_TRY(check_inputs(graph, inputs));
    std::vector<Tensor> values(graph.value_count());
    std::vector<std::int64_t> readers(graph.value_count(), 0);
    const auto consumers = graph.consumers();
    for (std::size_t i = 0; i < values.size(); ++i) {
        readers[i] = static_cast<std::int64_t>(consumers[i].size());
        if (const Value& value = graph.value(static_cast<ValueId>(i)); value.constant) values[i] = *value.constant;
    }
    for (ValueId id : graph.outputs) ++readers[static_cast<std::size_t>(id)];
    for (std::size_t i = 0; i < inputs.size(); ++i) values[static_cast<std::size_t>(graph.inputs[i])] = inputs[i];

    const auto free_unread = [&](ValueId id) {
        if (readers[static_cast<std::size_t>(id)] == 0) values[static_cast<std::size_t>(id)] = Tensor();
    };
    for (NodeId node_id : graph.topological_order()) {
        const Node& node = graph.node(node_id);
        std::vector<const Tensor*> arguments;
        for (ValueId id : node.inputs) {
            arguments.push_back(id == no_value ? nullptr : &values[static_cast<std::size_t>(id)]);
        }
        OCTET_ASSIGN(auto results, evaluate_node(node, arguments, options.parallel_for, options.features));
        for (std::size_t k = 0; k < results.size(); ++k) {
            const ValueId id = node.outputs[k];
            if (id == no_value) continue;
            values[static_cast<std::size_t>(id)] = std::move(results[k]);
            if (options.observer) options.observer(id, values[static_cast<std::size_t>(id)]);
            free_unread(id);
        }
        for (ValueId id : node.inputs) {
            if (id == no_value) continue;
            --readers[static_cast<std::size_t>(id)];
            free_unread(id);
        }
    }
    std::vector<Tensor> outputs;
    for (ValueId id : graph.outputs) outputs.push_back(values[static_cast<std::size_t>(id)]);
    return outputs;
}

}  // namespace octet
