#pragma once

// A part of the graph cut out as a graph of its own, so that a rewrite can be confirmed by running both sides.

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace octet::passes {

struct Region {
    Graph graph;                   // inputs: the sources; one output
    std::vector<ValueId> sources;  // in the surrounding graph, in the order in which a walk back meets them
};

struct RegionRule {
    std::span<const std::string_view> operators;  // what the region may consist of
    std::function<bool(ValueId)> is_source;       // where it begins
};

// Everything between `output` and the sources. Nothing when a path back ends elsewhere than in a source or a constant.
std::optional<Region> cut_region(const Graph& graph, ValueId output, const RegionRule& rule);

// Standard normal values times `spread`; the same for the same seed on every machine.
Tensor random_tensor(Shape shape, float spread, std::uint32_t seed);

// Evaluates the region on `inputs`; nothing when that fails.
std::optional<Tensor> run_region(const Graph& region, std::span<const Tensor> inputs);

}  // namespace octet::passes
