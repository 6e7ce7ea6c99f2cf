#include "engine/float_step.h"

#include "graph/ops/evaluator.h"
#include "graph/ops/op_list.h"

namespace octet::engine {
namespace {

std::int64_t macs_of(const Graph& graph, const Node& node) {
    const OpDef* op = find_op(node.op);
    if (!op || !op->macs) return 0;
    const auto type_of = [&](ValueId id) {
        return id == no_value ? TensorType{}
                              : TensorType{graph.value(id).dtype, graph.value(id).shape.value_or(Shape{})};
    };
    std::vector<TensorType> inputs, outputs;
    for (ValueId id : node.inputs) inputs.push_back(type_of(id));
    for (ValueId id : node.outputs) outputs.push_back(type_of(id));
    std::vector<const TensorType*> arguments;
    for (std::size_t i = 0; i < inputs.size(); ++i)
        arguments.push_back(node.inputs[i] == no_value ? nullptr : &inputs[i]);
    return op->macs(node, arguments, outputs);
}

class FloatStep final : public Step {
  public:
    FloatStep(kernels::CpuFeatures features, const Graph& graph, const Node& node)
        : Step(node.name, node.op + "_float", Arithmetic::floating, macs_of(graph, node)),
          node_(node),
          features_(features) {}

    Result<void> run(RunState& state) const override {
        std::vector<const Tensor*> arguments;
        for (ValueId id : node_.inputs) {
            arguments.push_back(id == no_value ? nullptr : &state.tensors[static_cast<std::size_t>(id)]);
        }
        const ParallelFor parallel = [&](std::int64_t count, const std::function<void(std::int64_t)>& body) {
            state.pool->for_each(count, body);
        };
        OCTET_ASSIGN(auto results, evaluate_node(node_, arguments, parallel, features_));
        for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
            if (node_.outputs[i] != no_value)
                state.tensors[static_cast<std::size_t>(node_.outputs[i])] = std::move(results[i]);
        }
        return {};
    }
    std::vector<ValueId> tensors_read() const override { return node_.inputs; }

  private:
    Node node_;
    kernels::CpuFeatures features_;
};

}  // namespace

std::unique_ptr<Step> make_float_step(kernels::CpuFeatures features, const Graph& graph, const Node& node) {
    return std::make_unique<FloatStep>(features, graph, node);
}

}  // namespace octet::engine
