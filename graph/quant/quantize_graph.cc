#include "graph/quant/quantize_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/ir/verify.h"
#include "graph/ops/check.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"
#include "graph/quant/chip_forms.h"
#include "graph/quant/forms.h"
#include "kernels/make_fixed16.h"

namespace octet::quant {
namespace {

// Twice the range that calibration saw: logits of unseen images must not saturate. Between layers less matters.
constexpr float head_headroom = 2;
constexpr float wide_headroom = 1.0F;
// The kernels' 16-bit output grid is at most 2^-12 (hardswish 2^-11), so that logits on it suit their fixed-point
// sigmoid.
constexpr float finest_wide_scale = 1.0F / 4096;

Result<void> refuse_quantized(const Graph& graph) {
    for (const NodeId id : graph.topological_order()) {
        const Node& node = graph.node(id);
        if (node.op == "QuantizeLinear" || node.op == "DequantizeLinear") {
            return fail(ErrorCode::invalid_argument, "{}: the model is quantized already; give the float model",
                        describe(node));
        }
    }
    return {};
}

bool all_finite(const Tensor& tensor) {
    const auto values = tensor.data<float>();
    return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

Result<void> check_weights(const QuantModel& model) {
    for (const NodeId id : model.graph.topological_order()) {
        const Node& node = model.graph.node(id);
        if (!model.plan.integer[static_cast<std::size_t>(id)]) continue;
        if (node.op != "Conv" && node.op != "BatchNormalization") continue;
        const FloatLayer layer = float_layer(model.graph, node);
        if (all_finite(layer.weights) && all_finite(layer.bias)) continue;
        return fail(ErrorCode::invalid_model,
                    "{}: its weights hold NaN or infinite values; the float model has to be repaired first",
                    describe(node));
    }
    return {};
}

void scale_boxes(Graph& graph, float scale) {
    for (const NodeId id : graph.topological_order()) {
        Node& node = graph.node(id);
        if (node.op == "Detect") node.attributes.set("box_scale", scale * node.attributes.real("box_scale", 1.0F));
    }
}

// 16-bit grid of a group. The pre-activation that a kernel computes with saturates beyond half of the grid's reach,
// behind hardswish beyond a quarter (kernels/make_fixed16.h), and is 1/alpha times as negative as what a leaky
// rectifier lets through. A Swish's reaches over its gate, whatever comes of it. That of another curve has a grid of
// its own, and its segments are the finer the less they span.
Grid wide_grid(const Graph& graph, const GridGroup& group, const Calibration& calibration, float headroom) {
    float magnitude = 0;
    float finest = finest_wide_scale;
    for (const ValueId source : group.sources) {
        const Node& node = graph.node(graph.producer(source));
        const Extent& extent = calibration.values[static_cast<std::size_t>(source)].extent;
        float lo = std::fabs(extent.lo);
        if (node.op == "LeakyRelu") lo /= std::max(node.attributes.real("alpha", 0.01F), 1e-3F);
        const bool hardswish = node.op == "HardSwish";
        const auto gain = channel_gain(graph, node);
        const bool gated = node.op == "Swish" || gain;
        const float reach = hardswish ? 4 : integer_form(node.op).curved && !gated ? 1 : 2;
        magnitude = std::max(magnitude, std::max(lo, extent.hi) * reach);
        const double most = gain ? *std::max_element(gain->gains.begin(), gain->gains.end()) : 1;
        if (gated) magnitude = std::max(magnitude, static_cast<float>(2 * kernels::gate_reach * most));
        if (hardswish) finest = 2 * finest_wide_scale;
    }
    Grid grid = power_of_two_grid({-magnitude, magnitude}, DType::int16, headroom);
    grid.scale = std::max(grid.scale, finest);
    return grid;
}

// int16 with zero point 0, as TensorFlow Lite's 16x8 kernels have it. Heads reach from -1 to 1 where calibration saw them:
// unseen logits come to twice that.
Grid chip_wide_grid(const GridGroup& group, const Calibration& calibration) {
    Extent joint;
    for (const ValueId source : group.sources) joint.merge(calibration.values[static_cast<std::size_t>(source)].extent);
    return symmetric_grid({head_headroom * joint.lo, head_headroom * joint.hi}, DType::int16);
}

Grid pixel_grid(const PixelInput& pixel) {
    return pixel.centre != no_node ? Grid{DType::uint8, 1.0F, 0} : Grid{DType::int8, 1.0F, pixel.zero_points[0] - 128};
}

// [-127, 127] for the range.
Grid without_the_least(Range range) {
    constexpr float steps = 254;
    const float lo = std::min(range.lo, 0.0F), hi = std::max(range.hi, 0.0F);
    const float scale = (hi - lo) / steps;
    const Grid whole = asymmetric_grid(range, DType::int8);
    if (!(scale > whole.scale)) return whole;
    return {DType::int8, scale, std::clamp(static_cast<int>(std::nearbyint(-127 - lo / scale)), -127, 127)};
}

Grid grid_of_group(const QuantModel& model, const GridGroup& group, const Calibration& calibration,
                   const std::vector<std::vector<NodeId>>& consumers, const QuantizeOptions& options) {
    const Graph& graph = model.graph;
    const bool npu = options.recipe == Recipe::npu;
    switch (group.kind) {
        case GridKind::pixels:
            return pixel_grid(*model.pixel);
        case GridKind::sigmoid:
            return {DType::int8, 0x1p-8F, -128};
        case GridKind::tanh:
            return {DType::int8, 0x1p-7F, 0};
        case GridKind::head:
            return wide_grid(graph, group, calibration, head_headroom);
        case GridKind::wide:
            return npu ? chip_wide_grid(group, calibration) : wide_grid(graph, group, calibration, wide_headroom);
        case GridKind::activation:
            break;
    }
    if (const auto found = model.searched.find(group.sources.empty() ? no_value : group.sources.front());
        found != model.searched.end()) {
        return found->second;
    }
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const Range relevant = npu ? relevant_range(graph, consumers, group.values) : Range{-infinity, infinity};
    std::vector<Member> members;
    for (const ValueId source : group.sources) {
        const ValueStatistics& statistics = calibration.values[static_cast<std::size_t>(source)];
        members.push_back({&statistics.histogram, statistics.extent});
        Extent& extent = members.back().extent;
        extent.lo = std::clamp(extent.lo, relevant.lo, relevant.hi);
        extent.hi = std::clamp(extent.hi, relevant.lo, relevant.hi);
    }
    RangeOptions range_options = options.range;
    if (npu) range_options.dtype = DType::int8;
    const bool head = std::any_of(model.heads.begin(), model.heads.end(),
                                  [&](const HeadScale& one) { return one.value == group.values.front(); });
    range_options.symmetric = range_options.symmetric || (npu && options.chip.zero_point_zero) || head;
    range_options.method = range_method(model, group, options);
    const Range range = choose_range(members, range_options);
    if (range_options.symmetric) return symmetric_grid(range, range_options.dtype);
    return npu && options.chip.symmetric_activations ? without_the_least(range)
                                                     : asymmetric_grid(range, range_options.dtype);
}

GridPlanOptions grid_plan_options(const QuantizeOptions& options) {
    const GridStyle style = options.recipe == Recipe::best  ? GridStyle::fused
                            : options.recipe == Recipe::npu ? GridStyle::stored
                                                            : GridStyle::separate;
    return {.style = style,
            .fixed_sigmoid = options.chip.fixed_sigmoid,
            .keep_float = options.keep_float,
            .keep_int16 = options.keep_int16};
}

// Layers from the model's grids, then corrected and measured on `most` images, evenly spread over the dataset.
Result<Refinement> make_and_refine(QuantModel& model, const Dataset& dataset, const QuantizeOptions& options, int most,
                                   std::string_view stage) {
    make_layers(model, layer_options(options));
    const Dataset some = evenly_spread(dataset, most);
    if (some.size == 0) return Refinement{};
    std::vector<Tensor> images;
    for (std::int64_t i = 0; i < some.size; ++i) {
        OCTET_ASSIGN(Tensor image, some.load(i));
        images.push_back(std::move(image));
    }
    RefineOptions refinement;
    refinement.correct_bias = options.recipe != Recipe::reference;
    refinement.parallel_for = options.parallel_for;
    if (options.progress) {
        refinement.progress = [&](std::int64_t done, std::int64_t total) { options.progress(stage, done, total); };
    }
    return refine(model, images, refinement);
}

}  // namespace

LayerOptions layer_options(const QuantizeOptions& options) {
    return {.weight_scale = options.recipe == Recipe::reference ? WeightScale::max : WeightScale::mse,
            .per_channel = options.recipe != Recipe::npu || !options.chip.one_weight_scale};
}

std::optional<Recipe> recipe_from_name(std::string_view name) {
    for (const Recipe recipe : {Recipe::best, Recipe::reference, Recipe::npu}) {
        if (name == recipe_name(recipe)) return recipe;
    }
    return std::nullopt;
}

std::string_view recipe_name(Recipe recipe) {
    return recipe == Recipe::best ? "best" : recipe == Recipe::npu ? "npu" : "reference";
}

Result<Graph> reference_network(Graph graph, const QuantizeOptions& options) {
    const bool reference = options.recipe == Recipe::reference;
    OCTET_TRY(refuse_quantized(graph));
    OCTET_TRY(optimize(graph, {.fold_batchnorm_concat = !reference, .focus_to_conv = !reference}));
    if (reference && options.box_normalization) scale_boxes(graph, reference_box_scale);
    return graph;
}

Result<QuantModel> prepare_model(Graph graph, const QuantizeOptions& options) {
    QuantModel model;
    OCTET_ASSIGN(model.graph, reference_network(std::move(graph), options));
    if (options.recipe == Recipe::best) {
        // Activations first, so that what stands before an upsampling can move there as a whole.
        hoist_activations(model.graph);
        OCTET_TRY(optimize(model.graph, {.focus_to_conv = true,
                                         .commute_conv_resize = true,
                                         .upsample_conv_to_phases = true,
                                         .maxpool_cascade = true,
                                         .dense_to_conv = true,
                                         .conv_transpose_to_phases = true}));
        if (options.normalization) model.pixel = fold_normalization(model.graph, *options.normalization);
    }
    if (options.recipe == Recipe::npu) {
        OCTET_TRY(optimize(model.graph, {.focus_to_conv = true,
                                         .commute_conv_resize = true,
                                         .maxpool_cascade = true,
                                         .dense_to_conv = true,
                                         .conv_transpose_to_phases = true}));
        split_swish(model.graph);
        batchnorm_to_conv(model.graph);
        // Pixels need a zero point of their own.
        if (options.normalization && !options.chip.zero_point_zero)
            model.pixel = fold_normalization(model.graph, *options.normalization, ZeroPoints::one);
        if (options.chip.pad_operator) pad_in_front(model.graph);
        if (options.chip_int16 || !options.keep_int16.empty()) requantize_inputs(model.graph);
    }
    model.graph.remove_dead();
    OCTET_TRY(verify(model.graph));
    OCTET_TRY(infer_shapes(model.graph));
    OCTET_ASSIGN(model.plan, plan_grids(model.graph, model.pixel, grid_plan_options(options)));
    OCTET_TRY(check_weights(model));
    if (options.recipe == Recipe::npu) {
        add_head_scales(model);
        OCTET_ASSIGN(model.plan, plan_grids(model.graph, model.pixel, grid_plan_options(options)));
    }
    return model;
}

std::vector<ValueId> calibrated_values(const QuantModel& model) {
    std::vector<ValueId> wanted;
    for (const GridGroup& group : model.plan.groups) {
        if (group.kind != GridKind::pixels) wanted.insert(wanted.end(), group.sources.begin(), group.sources.end());
    }
    return wanted;
}

std::vector<ValueId> calibrated_channels(const QuantModel& model) {
    std::vector<ValueId> wanted;
    for (const HeadScale& head : model.heads) wanted.push_back(head.value);
    return wanted;
}

Result<Equalization> equalize_model(QuantModel& model, const Dataset& dataset, const QuantizeOptions& options) {
    if (options.recipe == Recipe::reference || dataset.size == 0) return Equalization{};
    const Dataset some = evenly_spread(dataset, 64);
    std::int64_t done = 0;
    const auto count = [&] {
        if (options.progress) options.progress("channels", ++done, some.size);
    };
    OCTET_ASSIGN(Equalization equalized, equalize_channels(model.graph, model.plan, some, options.parallel_for, count));
    if (equalized.groups == 0) return equalized;
    OCTET_TRY(verify(model.graph));
    OCTET_ASSIGN(model.plan, plan_grids(model.graph, model.pixel, grid_plan_options(options)));
    return equalized;
}

Method range_method(const QuantModel& model, const GridGroup& group, const QuantizeOptions& options) {
    // Entropy would cut: the letterbox's bars and a mask's background are spikes beside which the rest looks like
    // outliers.
    const Graph& graph = model.graph;
    const auto at_border = [&](ValueId value) {
        const bool scaled = std::any_of(model.heads.begin(), model.heads.end(),
                                        [&](const HeadScale& head) { return head.value == value; });
        return scaled || graph.producer(value) == no_node || graph.is_output(value);
    };
    const bool border = std::any_of(group.values.begin(), group.values.end(), at_border);
    return border ? Method::minmax : options.range.method;
}

void choose_grids(QuantModel& model, const Calibration& calibration, const QuantizeOptions& options) {
    model.grids.clear();
    const auto consumers = model.graph.consumers();
    for (const GridGroup& group : model.plan.groups) {
        model.grids.push_back(grid_of_group(model, group, calibration, consumers, options));
    }
}

Result<void> widen_sensitive_layers(QuantModel& model, const Calibration& calibration, const Dataset& dataset,
                                    QuantizeOptions& options) {
    constexpr int images = 8;
    if (options.recipe != Recipe::best || options.int16_below_db <= 0) return {};
    QuantModel trial = model;
    OCTET_ASSIGN(const Refinement measured,
                 make_and_refine(trial, dataset, options, std::min(options.refine_images, images), "sensitivity"));
    const std::size_t named = options.keep_int16.size();
    for (const LayerFidelity& layer : measured.layers) {
        const GridGroup& group = *model.plan.group(layer.value);
        const bool computed = std::find(group.sources.begin(), group.sources.end(), layer.value) != group.sources.end();
        if (computed && group.kind == GridKind::activation && group.wide_obstacle.empty() &&
            layer.alone.sqnr_db() < options.int16_below_db) {
            options.keep_int16.insert(layer.node);
        }
    }
    return options.keep_int16.size() == named ? Result<void>() : plan_again(model, calibration, options);
}

Result<void> plan_again(QuantModel& model, const Calibration& calibration, const QuantizeOptions& options) {
    OCTET_ASSIGN(model.plan, plan_grids(model.graph, model.pixel, grid_plan_options(options)));
    choose_grids(model, calibration, options);
    return {};
}

Result<Refinement> finish_model(QuantModel& model, const Dataset& dataset, const QuantizeOptions& options) {
    return make_and_refine(model, dataset, options, options.refine_images, "refinement");
}

}  // namespace octet::quant
