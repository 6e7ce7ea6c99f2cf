#pragma once

// A float graph with everything that makes it an integer one: grids of its values, integer weights of its layers.
//
//   optimized float graph --plan_grids--> which values
//                         --calibrate--> their ranges
//                         --make_layers--> weights and biases
//                         --refine--> biases corrected on real data
//                         --to_qdq--> QuantizeLinear / DequantizeLinear graph

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/quant/grid.h"
#include "graph/quant/grid_plan.h"
#include "graph/quant/prepare.h"
#include "graph/quant/weights.h"

namespace octet::quant {

// A head whose channels have ranges of their own (chip_forms.h): scaled = gain · value + offset.
struct HeadScale {
    NodeId conv = no_node;
    ValueId value = no_value, scaled = no_value;
    ValueId gain = no_value, offset = no_value;  // constants [1, C, 1, 1]
};

struct QuantModel {
    Graph graph;
    std::optional<PixelInput> pixel;
    GridPlan plan;
    std::vector<HeadScale> heads;
    std::map<ValueId, Grid> searched;       // grids found by search (range_search.h), by a group's first source
    std::vector<Grid> grids;                // by group of the plan
    std::map<NodeId, LayerWeights> layers;  // of the integer Convs and BatchNormalizations

    // The grid of a value, or nullptr.
    const Grid* grid(ValueId value) const {
        const int group = plan.group_of.at(static_cast<std::size_t>(value));
        return group == GridPlan::none ? nullptr : &grids[static_cast<std::size_t>(group)];
    }
    // The grid on which a layer's data input arrives; looks through the centring of pixels.
    const Grid* input_grid(const Node& node) const;
};

struct LayerOptions {
    WeightScale weight_scale = WeightScale::mse;
    bool per_channel = true;  // for convolutions; BatchNormalizations are always per tensor
};

// The float weights and bias of an integer layer; a BatchNormalization, y = weights·x + bias with one weight a channel,
// as scale/√(variance + ε) and shift.
FloatLayer float_layer(const Graph& graph, const Node& node);

// Fills model.layers from plan and grids.
void make_layers(QuantModel& model, const LayerOptions& options);

// The QDQ form, with ONNX's semantics:
//   activation      QuantizeLinear → DequantizeLinear, per tensor, named VALUE_quantized and VALUE_dequantized
//   pixels          QuantizeLinear(1, 0) → DequantizeLinear(scales (1,1,1), zero points z, axis 1)
//   weights         int8 constant → DequantizeLinear(axis 0)
//   bias            int32 constant → DequantizeLinear with input scale · weight scale
//   normalization   BatchNormalization(x, DQ(int8 scale), DQ(int32 shift), mean 0, variance 1, ε 0)
Result<Graph> to_qdq(const QuantModel& model);

}  // namespace octet::quant
