#include "graph/quant/quantize_graph.h"

#include <algorithm>
#include <cmath>

#include "graph/ir/verify.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"

namespace octet::quant {
namespace {

// Twice the range that calibration saw: logits of unseen images must not saturate.
constexpr float head_headroom = 2;
constexpr float wide_headroom = 1.25f;

Result<void> refuse_quantized(const Graph& graph) {
    for (const NodeId id : graph.topological_order()) {
        const Node& node = graph.node(id);
        if (node.op == "QuantizeLinear" || node.op == "DequantizeLinear") {
            return fail(ErrorCode::invalid_argument,
                        "node '{}' ({}): the model is quantized already; give the float model", node.name, node.op);
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
                    "node '{}' ({}): its weights hold NaN or infinite values; the float model has to be repaired first",
                    node.name, node.op);
    }
    return {};
}

void scale_boxes(Graph& graph, float scale) {
    for (const NodeId id : graph.topological_order()) {
        Node& node = graph.node(id);
        if (node.op == "Detect") node.attributes.set("box_scale", scale * node.attributes.real("box_scale", 1.0f));
    }
}

Grid grid_of_group(const GridGroup& group, const Calibration& calibration, const RangeOptions& options) {
    if (group.kind == GridKind::pixels) return {DType::uint8, 1.0f, 0};
    std::vector<Member> members;
    Extent joint;
    for (const ValueId source : group.sources) {
        const ValueStatistics& statistics = calibration.values[static_cast<std::size_t>(source)];
        members.push_back({&statistics.histogram, statistics.extent});
        joint.merge(statistics.extent);
    }
    const Range full{joint.lo, joint.hi};
    if (group.kind == GridKind::head) return power_of_two_grid(full, DType::int16, head_headroom);
    if (group.kind == GridKind::wide) return power_of_two_grid(full, DType::int16, wide_headroom);
    const Range range = choose_range(members, options);
    return options.symmetric ? symmetric_grid(range, options.dtype) : asymmetric_grid(range, options.dtype);
}

}  // namespace

std::optional<Recipe> recipe_from_name(std::string_view name) {
    if (name == "best") return Recipe::best;
    if (name == "reference") return Recipe::reference;
    return std::nullopt;
}

std::string_view recipe_name(Recipe recipe) {
    return recipe == Recipe::best ? "best" : "reference";
}

Result<QuantModel> prepare_model(Graph graph, const QuantizeOptions& options) {
    const bool best = options.recipe == Recipe::best;
    OCTET_TRY(refuse_quantized(graph));
    QuantModel model;
    model.graph = std::move(graph);
    OCTET_TRY(optimize(model.graph, {.fold_batchnorm_concat = best, .focus_to_conv = best}));
    if (best) {
        // Activations first, so that what stands before an upsampling can move there as a whole.
        hoist_activations(model.graph);
        OCTET_TRY(optimize(model.graph, {.focus_to_conv = true, .commute_conv_resize = true, .maxpool_cascade = true}));
        if (options.normalization) model.pixel = fold_normalization(model.graph, *options.normalization);
    } else if (options.box_normalization) {
        scale_boxes(model.graph, reference_box_scale);
    }
    model.graph.remove_dead();
    OCTET_TRY(verify(model.graph));
    OCTET_TRY(infer_shapes(model.graph));
    const GridPlanOptions plan{.fuse = best, .keep_float = options.keep_float, .keep_int16 = options.keep_int16};
    OCTET_ASSIGN(model.plan, plan_grids(model.graph, model.pixel, plan));
    OCTET_TRY(check_weights(model));
    return model;
}

std::vector<ValueId> calibrated_values(const QuantModel& model) {
    std::vector<ValueId> wanted;
    for (const GridGroup& group : model.plan.groups) {
        if (group.kind != GridKind::pixels) wanted.insert(wanted.end(), group.sources.begin(), group.sources.end());
    }
    return wanted;
}

void choose_grids(QuantModel& model, const Calibration& calibration, const QuantizeOptions& options) {
    model.grids.clear();
    for (const GridGroup& group : model.plan.groups) {
        model.grids.push_back(grid_of_group(group, calibration, options.range));
    }
}

Result<Refinement> finish_model(QuantModel& model, const Dataset& dataset, const QuantizeOptions& options) {
    const bool best = options.recipe == Recipe::best;
    make_layers(model, {.weight_scale = best ? WeightScale::mse : WeightScale::max, .per_channel = true});
    const std::int64_t count = std::min<std::int64_t>(options.refine_images, dataset.size);
    if (count == 0) return Refinement{};
    std::vector<Tensor> images;
    for (std::int64_t i = 0; i < count; ++i) {
        OCTET_ASSIGN(Tensor image, dataset.load(i * dataset.size / count));
        images.push_back(std::move(image));
    }
    RefineOptions refinement;
    refinement.correct_bias = best;
    refinement.parallel_for = options.parallel_for;
    if (options.progress) {
        refinement.progress = [&](std::int64_t done, std::int64_t total) {
            options.progress("refinement", done, total);
        };
    }
    return refine(model, images, refinement);
}

}  // namespace octet::quant
