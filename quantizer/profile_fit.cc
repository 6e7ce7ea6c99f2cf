#include "quantizer/profile_fit.h"

#include <array>
#include <set>
#include <string>
#include <utility>

#include "engine/compile.h"
#include "engine/npu_emu/backend.h"
#include "engine/npu_emu/profile.h"
#include "graph/ops/infer.h"
#include "graph/quant/calibration.h"

namespace octet::quantizer {
namespace {

// Ranges of no data: what a profile refuses depends on operators, types and shapes.
quant::Calibration any_calibration(const quant::QuantModel& model) {
    constexpr std::array<float, 3> values{-1, 0.5F, 1};
    quant::ValueStatistics statistics;
    statistics.extent.add(values);
    statistics.histogram = quant::Histogram(1);
    statistics.histogram.add(values);
    quant::Calibration calibration;
    calibration.images = 1;
    calibration.values.assign(model.graph.value_count(), statistics);
    return calibration;
}

Result<std::vector<engine::FloatLayer>> refused_layers(const Graph& graph, const engine::Backend& backend,
                                                       quant::QuantizeOptions options) {
    options.range.method = quant::Method::minmax;
    OCTET_ASSIGN(quant::QuantModel model, quant::prepare_model(graph, options));
    quant::choose_grids(model, any_calibration(model), options);
    quant::LayerOptions layers = quant::layer_options(options);
    layers.weight_scale = quant::WeightScale::max;
    quant::make_layers(model, layers);
    std::set<std::string> nodes;
    for (const NodeId id : model.graph.topological_order()) nodes.insert(model.graph.node(id).name);
    OCTET_ASSIGN(Graph quantized, quant::to_qdq(model));
    OCTET_TRY(infer_shapes(quantized));
    OCTET_ASSIGN(const engine::Program program, engine::to_program(std::move(quantized), backend));
    auto layers_in_float = program.float_layers();
    // The others are those that have nothing on integers to read or to write then, of which the next plan takes care.
    std::erase_if(layers_in_float, [&](const engine::FloatLayer& layer) {
        return !nodes.contains(layer.name) || !layer.reason.starts_with(fmt::format("'{}'", layer.name));
    });
    return layers_in_float;
}

}  // namespace

Result<std::vector<engine::FloatLayer>> fit_to_profile(const Graph& graph, const std::string& profile,
                                                       quant::QuantizeOptions& options) {
    OCTET_ASSIGN(engine::npu_emu::Profile chip, engine::npu_emu::load_profile(profile));
    options.chip = {.fixed_sigmoid = chip.fixed_sigmoid,
                    .symmetric_activations = chip.symmetric_activations,
                    .zero_point_zero = chip.zero_point_zero,
                    .one_weight_scale = chip.one_weight_scale,
                    .pad_operator = chip.uneven_padding_is_operator};
    const auto features = kernels::choose_features();
    if (!features) return fail(ErrorCode::invalid_argument, "{}", features.error());
    const engine::npu_emu::NpuBackend backend(std::move(chip), *features);
    std::vector<engine::FloatLayer> refused;
    for (bool more = true; more;) {
        OCTET_ASSIGN(const auto layers, refused_layers(graph, backend, options));
        more = false;
        for (const engine::FloatLayer& layer : layers) {
            if (!options.keep_float.insert(layer.name).second) continue;
            refused.push_back(layer);
            more = true;
        }
    }
    return refused;
}

}  // namespace octet::quantizer
