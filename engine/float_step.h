#pragma once

#include <memory>

#include "engine/plan.h"

namespace octet::engine {

// One node through its operator's reference.
std::unique_ptr<Step> make_float_step(kernels::CpuFeatures features, const Graph& graph, const Node& node);

}  // namespace octet::engine
