#pragma once

// Graph → plan. Regions between QuantizeLinear and DequantizeLinear that patterns.h recognizes become kernel calls on
// integers; everything else runs through the float references of graph/ops.

#include <memory>

#include "engine/plan.h"

namespace octet::engine {

// Shapes must have been inferred. Errors name the node.
Result<std::shared_ptr<const Plan>> make_plan(const Graph& graph, kernels::CpuFeatures features);

}  // namespace octet::engine
