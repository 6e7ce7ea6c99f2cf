#pragma once

// Which values of a float graph are put on integer grids, and which of them share one.
//
//   Conv → activation → Add     no grid in between: the sum is rounded once (only one operand of an Add is fused so)
//   MaxPool, Concat, Resize …   one grid for inputs and output: producers round straight onto the grid of the Concat
//   a value that only float operators read (Detect, Sigmoid, a graph output): a head, 16 bits
//
// GridStyle::separate: every float output of every operator has a grid, Concats have one of their own, and heads and
// graph outputs have 8 bits.
//
// GridStyle::stored, what a chip without wide intermediate tensors computes: every operator's result is stored in 8 bits,
// a convolution's in front of its activation too, but for the Relu and Clip that a convolution, and the Relu that a sum
// clamps with. Copies and means share a grid with their input. Sigmoid and Tanh have the grids that TensorFlow Lite
// demands. An Identity requantizes: its output has 16 bits.

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
    pixels,      // uint8, scale 1, zero point 0; int8 and 128 less where all channels share a zero point
    sigmoid,     // int8, 1/256, zero point -128
    tanh,        // int8, 1/128, zero point 0
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

// Who reads a value that has a grid.
struct GridReaders {
    std::vector<NodeId> convolutions;  // on integers, as their data
    bool others = false;               // more than these and copies within the group
};
GridReaders readers_of(const Graph& graph, const GridPlan& plan, const std::vector<std::vector<NodeId>>& consumers,
                       ValueId value);

enum class GridStyle { fused, separate, stored };

struct GridPlanOptions {
    GridStyle style = GridStyle::fused;
    bool fixed_sigmoid = true;              // stored: GridKind::sigmoid and tanh; off: grids as any other
    std::set<std::string> keep_float = {};  // names of nodes that stay float
    std::set<std::string> keep_int16 = {};  // names of nodes whose outputs get 16 bits
};

// Shapes must be inferred. Fails when a name to keep is no node of the graph, or 16 bits are not possible there.
Result<GridPlan> plan_grids(const Graph& graph, const std::optional<PixelInput>& pixel, const GridPlanOptions& options);

}  // namespace octet::quant
