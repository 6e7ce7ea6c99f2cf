#pragma once

// Which values of a float graph are put on integer grids, and which of them share one.
//
//   Conv → activation → Add     no grid in between: the sum is rounded once (only one operand of an Add is fused so)
//   MaxPool, Concat, Resize …   one grid for inputs and output: producers round straight onto the grid of the Concat
//   a value that only float operators read (Detect, Sigmoid, a graph output): a head, 16 bits
//
// Reference style (fuse = false): every float output of every operator has a grid, Concats have one of their own, and
// heads and graph outputs have 8 bits.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/quant/prepare.h"

namespace octet::quant {

enum class GridKind {
    activation,  // 8 bits, asymmetric
    wide,        // 16 bits, symmetric, a power of two: asked for by name
    head,        // 16 bits, symmetric, a power of two
    pixels,      // uint8, scale 1, zero point 0
};

struct GridGroup {
    GridKind kind = GridKind::activation;
    std::vector<ValueId> values;
    std::vector<ValueId> sources;  // those that are computed, not copied from another value of the group
    // Empty, or why the group cannot have 16 bits and stay on integers: they pass convolutions whose 32-bit
    // accumulators hold the sums, Concats and nearest Resizes, nothing else.
    std::string wide_obstacle;
};

struct GridPlan {
    static constexpr int none = -1;
    std::vector<int> group_of;  // by value
    std::vector<GridGroup> groups;
    std::vector<bool> integer;  // by node: it runs on integers
    // The group of a value, or nullptr.
    const GridGroup* group(ValueId value) const {
        const int index = group_of.at(static_cast<std::size_t>(value));
        return index == none ? nullptr : &groups[static_cast<std::size_t>(index)];
    }
};

struct GridPlanOptions {
    bool fuse = true;
    std::set<std::string> keep_float = {};  // names of nodes that stay float
    std::set<std::string> keep_int16 = {};  // names of nodes whose outputs get 16 bits
};

// Shapes must be inferred. Fails when a name to keep is no node of the graph, or 16 bits are not possible there.
Result<GridPlan> plan_grids(const Graph& graph, const std::optional<PixelInput>& pixel, const GridPlanOptions& options);

}  // namespace octet::quant
