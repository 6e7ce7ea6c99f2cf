#pragma once

#include <functional>
#include <span>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/ops/op_def.h"

namespace octet {

struct EvaluateOptions {
    ParallelFor parallel_for = serial_for;
    // That float kernels may use (kernels/gemm_f32.h): the last bits of Gemm, MatMul and Conv depend on it.
    kernels::CpuFeatures features = kernels::default_features();
    // Called with every value a node has produced, in topological order, before the value may be freed.
    std::function<void(ValueId, const Tensor&)> observer;
};

// Runs the graph node by node through the operators' references; `inputs` in the order of graph.inputs. A tensor is
// freed after its last reader. Errors name the node.
Result<std::vector<Tensor>> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                                     const EvaluateOptions& options = {});

// One node alone.
Result<std::vector<Tensor>> evaluate_node(const Node& node, std::span<const Tensor* const> inputs,
                                          const ParallelFor& parallel_for = serial_for,
                                          kernels::CpuFeatures features = kernels::default_features());

}  // namespace octet
