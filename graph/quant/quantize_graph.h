#pragma once

// The quantizer: an optimized float graph and calibration images in, a QDQ graph out.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graph/quant/calibration.h"
#include "graph/quant/equalize.h"
#include "graph/quant/quant_model.h"
#include "graph/quant/range.h"
#include "graph/quant/refine.h"

namespace octet::quant {

enum class Recipe {
    best,       // integers only, least loss: fused steps, shared grids, 16-bit heads, biases corrected
    reference,  // every operator in 8 bits on a grid of its own, boxes and scores in one tensor
    npu,        // what chips can run: int8 wherever they store it, the grids TensorFlow Lite demands, heads in int8
};

std::optional<Recipe> recipe_from_name(std::string_view name);
std::string_view recipe_name(Recipe recipe);

// `npu`: what a chip asks of grids.
struct ChipDemands {
    bool fixed_sigmoid = true;           // TensorFlow Lite's grids behind Sigmoid and Tanh
    bool symmetric_activations = false;  // in [-127, 127]
    bool zero_point_zero = false;
    bool one_weight_scale = false;  // a tensor
    bool pad_operator = true;       // padding that is not TensorFlow's SAME is a Pad in front of a convolution
    bool operator==(const ChipDemands&) const = default;
};

struct QuantizeOptions {
    Recipe recipe = Recipe::best;
    ChipDemands chip = {};
    bool chip_int16 = false;  // `npu`: layers may have 16-bit activations; those of keep_int16 do
    RangeOptions range = {};
    std::optional<Normalization> normalization =
        Normalization{};            // `best` folds it; none: the input is quantized as it is
    bool box_normalization = true;  // `reference`: boxes are divided by 640 before they share a tensor with the scores
    std::set<std::string> keep_float = {};
    std::set<std::string> keep_int16 = {};
    // `best`: layers whose output alone, i.e. on unquantized inputs, has a lower signal to noise ratio get 16 bits,
    // where the kernels have such a form. 0: none.
    double int16_below_db = 20;
    int refine_images = 16;  // 0: no bias correction and no measurements
    ParallelFor parallel_for = serial_for;
    // What is going on: "channels" and "calibration" count images, "sensitivity" and "refinement" layers.
    std::function<void(std::string_view stage, std::int64_t done, std::int64_t total)> progress = {};
};

inline constexpr float reference_box_scale = 1.0F / 640;

// The float network whose outputs the quantized one has approximately: `graph` optimized, with the recipe's box
// normalization. Fails on a model that is quantized already.
Result<Graph> reference_network(Graph graph, const QuantizeOptions& options);

// Passes, rewrites and grid plan of a recipe; no data yet. `graph` as the importer gives it. Fails on a model that is
// quantized already, on names to keep that it lacks, and on weights that are not finite, naming the node.
Result<QuantModel> prepare_model(Graph graph, const QuantizeOptions& options);

// The values whose histograms choose_grids() wants.
std::vector<ValueId> calibrated_values(const QuantModel& model);
// Those whose channels' extents scale_heads() (chip_forms.h) wants, which comes before choose_grids().
std::vector<ValueId> calibrated_channels(const QuantModel& model);

// `best`, `npu`: gains for channels of unequal range (equalize.h), by up to 64 images. The plan is made again.
Result<Equalization> equalize_model(QuantModel& model, const Dataset& dataset, const QuantizeOptions& options);

// The method that chooses the range of a group: options.range.method, but min-max for what enters and leaves the
// network.
Method range_method(const QuantModel& model, const GridGroup& group, const QuantizeOptions& options);

LayerOptions layer_options(const QuantizeOptions& options);

// Plans anew, with options.keep_int16 as it is now, and chooses the grids.
Result<void> plan_again(QuantModel& model, const Calibration& calibration, const QuantizeOptions& options);

// Ranges to grids.
void choose_grids(QuantModel& model, const Calibration& calibration, const QuantizeOptions& options);

// Measures every layer on a few images with 8 bits and gives those below options.int16_below_db 16: names them in
// options.keep_int16, plans and chooses the grids anew.
Result<void> widen_sensitive_layers(QuantModel& model, const Calibration& calibration, const Dataset& dataset,
                                    QuantizeOptions& options);

// Weights, biases and their correction on images of the dataset, evenly spread over it.
Result<Refinement> finish_model(QuantModel& model, const Dataset& dataset, const QuantizeOptions& options);

}  // namespace octet::quant
