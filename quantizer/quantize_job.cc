#include "quantizer/quantize_job.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>

#include "base/digest.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "engine/compile.h"
#include "frontends/load.h"
#include "frontends/onnx/exporter.h"
#include "frontends/onnx/importer.h"
#include "graph/ir/verify.h"
#include "graph/ops/infer.h"
#include "graph/quant/chip_forms.h"
#include "graph/quant/range_search.h"
#include "quantizer/calibration_cache.h"
#include "quantizer/profile_fit.h"
#include "quantizer/report_data.h"
#include "quantizer/trial.h"
#include "yolop/detections.h"
#include "yolop/evaluate.h"
#include "yolop/yolop.h"

namespace octet::quantizer {
namespace {

constexpr std::size_t largest_model = std::size_t{1} << 31;
constexpr std::size_t largest_cache = std::size_t{1} << 28;

// The recipe's defaults for display thresholds; octet-eval uses its own.
constexpr float demo_confidence = 0.25F;
constexpr float demo_iou = 0.45F;

std::string preprocessing_text(const vision::Preprocessing& preprocessing) {
    return fmt::format("mean {} std {} letterbox {}", fmt::join(preprocessing.normalization.mean, ","),
                       fmt::join(preprocessing.normalization.std, ","), preprocessing.letterbox);
}

Result<vision::Preprocessing> preprocessing_for(const QuantizeJob& job, const Graph& graph) {
    OCTET_ASSIGN(const auto stated, vision::stated_preprocessing(graph.metadata));
    if (stated && job.preprocessing && *stated != *job.preprocessing) {
        return fail(ErrorCode::conflict, "its metadata states {}, but {} is asked for; leave the options out",
                    preprocessing_text(*stated), preprocessing_text(*job.preprocessing));
    }
    return stated.value_or(job.preprocessing.value_or(vision::Preprocessing()));
}

// Everything that changes what calibration sees, besides model and images.
std::string form_of(const QuantizeJob& job, const vision::Preprocessing& preprocessing, const Shape& input) {
    const bool npu = job.options.recipe == quant::Recipe::npu;
    const bool wide = npu && (job.options.chip_int16 || !job.options.keep_int16.empty());
    return fmt::format("recipe {}{}{}{}, {}, input {}", quant::recipe_name(job.options.recipe),
                       job.options.box_normalization ? "" : " without box normalization",
                       npu ? " for " + job.profile : "", wide ? " with 16 bits" : "", preprocessing_text(preprocessing),
                       to_string(input));
}

Result<Shape> image_input(const Graph& graph) {
    if (graph.inputs.size() == 1) {
        const Value& input = graph.value(graph.inputs[0]);
        if (input.dtype == DType::float32 && input.shape && input.shape->size() == 4 && (*input.shape)[0] > 0 &&
            (*input.shape)[1] == 3) {
            return *input.shape;
        }
    }
    std::vector<std::string> inputs;
    for (const ValueId id : graph.inputs) {
        const Value& input = graph.value(id);
        inputs.push_back(fmt::format("input '{}' is {} {}", input.name, dtype_name(input.dtype),
                                     input.shape ? to_string(*input.shape) : "of unknown shape"));
    }
    return fail(ErrorCode::unsupported, "{}; calibration feeds pictures to a single input, float32 Nx3xHxW",
                inputs.empty() ? "the network has no input" : fmt::format("{}", fmt::join(inputs, ", ")));
}

Result<quant::Calibration> calibration_for(const QuantizeJob& job, const quant::QuantModel& model,
                                           const quant::Dataset& dataset, const CalibrationKey& key,
                                           bool& cache_was_used) {
    const std::vector<ValueId> wanted = quant::calibrated_values(model);
    std::error_code error;
    if (!job.cache.empty() && std::filesystem::exists(job.cache, error)) {
        OCTET_ASSIGN(const auto bytes, read_file(job.cache, largest_cache));
        cache_was_used = true;
        return calibration_from_json(std::string(bytes.begin(), bytes.end()), job.cache, model.graph, wanted, key);
    }
    quant::CalibrateOptions options;
    options.by_channel = quant::calibrated_channels(model);
    options.parallel_for = job.options.parallel_for;
    options.progress = [&](std::int64_t done, std::int64_t total) { job.options.progress("calibration", done, total); };
    OCTET_ASSIGN(auto calibration, quant::calibrate(model.graph, wanted, dataset, options));
    if (!job.cache.empty()) OCTET_TRY(write_file(job.cache, calibration_to_json(model.graph, calibration, key)));
    return calibration;
}

// Before the work: the results can be written, and onto nothing that is read.
Result<void> check_files(const QuantizeJob& job) {
    OCTET_ASSIGN(const vision::ImageFolder pictures, calibration_files(job.images));
    std::vector<std::string> inputs = onnx::model_files(job.model);
    inputs.insert(inputs.end(), pictures.images.begin(), pictures.images.end());
    std::vector<std::string> outputs{job.output};
    if (!job.report.empty()) outputs.push_back(job.report);
    for (const std::string& output : outputs) OCTET_TRY(check_writable(output));
    if (!job.cache.empty()) {
        std::error_code error;
        // One that is there is read.
        if (!std::filesystem::exists(job.cache, error)) OCTET_TRY(check_writable(job.cache));
        outputs.push_back(job.cache);
    }
    return check_distinct(outputs, inputs);
}

// All in 8 bits by min-max ranges: what the choices of a recipe are compared with.
Result<engine::Session> plain_session(const QuantizeOutcome& outcome, quant::QuantizeOptions options,
                                      const engine::SessionOptions& threads) {
    options.range.method = quant::Method::minmax;
    options.keep_int16.clear();
    OCTET_ASSIGN(const auto executable, compile_trial(outcome.model, outcome.calibration, options));
    return engine::Session::create(executable, threads);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_model(const quant::QuantModel& model,
                                                                const quant::QuantizeOptions& options,
                                                                const CalibrationImages& images,
                                                                const vision::Preprocessing& preprocessing,
                                                                const std::string& profile) {
    const bool reference = options.recipe == quant::Recipe::reference;
    const Shape& input = *model.graph.value(model.graph.inputs[0]).shape;
    std::vector<std::pair<std::string, std::string>> entries{
        {"octet.recipe", std::string(quant::recipe_name(options.recipe))},
        {"octet.calibration.method", std::string(quant::method_name(options.range.method))},
        {"octet.calibration.images", std::to_string(images.paths.size())},
        {"octet.calibration.digest", images.digest},
        {"octet.preprocess.size", fmt::format("{}x{}", input[3], input[2])},
    };
    for (auto& entry : vision::preprocessing_metadata(preprocessing)) entries.push_back(std::move(entry));
    if (options.recipe == quant::Recipe::npu) entries.emplace_back("octet.profile", profile);
    if (!options.keep_int16.empty()) {
        entries.emplace_back("octet.int16_layers", fmt::format("{}", fmt::join(options.keep_int16, ",")));
    }
    if (!options.keep_float.empty()) {
        entries.emplace_back("octet.float_layers", fmt::format("{}", fmt::join(options.keep_float, ",")));
    }
    for (const NodeId id : model.graph.topological_order()) {
        const Node& node = model.graph.node(id);
        if (node.op != "Detect") continue;
        entries.emplace_back("octet.detect.strides",
                             fmt::format("{}", fmt::join(node.attributes.reals("strides"), ",")));
        entries.emplace_back("octet.detect.anchors",
                             fmt::format("{}", fmt::join(node.attributes.reals("anchors"), ",")));
        entries.emplace_back("octet.detect.confidence", fmt::format("{}", demo_confidence));
        entries.emplace_back("octet.detect.iou", fmt::format("{}", demo_iou));
        if (reference && options.box_normalization) {
            entries.emplace_back("octet.box_scale", fmt::format("{}", 1 / quant::reference_box_scale));
        }
    }
    return entries;
}

std::string outputs_measured_on(const QuantizeOutcome& outcome) {
    return fmt::format("{} images that were {}calibrated on", outcome.output_images,
                       outcome.images.held_out.empty() ? "" : "not ");
}

Result<QuantizeOutcome> run_quantize_job(QuantizeJob job, const JobProgress& progress) {
    ThreadPool pool(job.threads);
    job.options.parallel_for = [&pool](std::int64_t count, const std::function<void(std::int64_t)>& body) {
        pool.for_each(count, body);
    };
    job.options.progress = progress;

    QuantizeOutcome outcome;
    OCTET_ASSIGN(const auto bytes, read_file(job.model, largest_model));
    OCTET_TRY(check_files(job));
    outcome.float_bytes = bytes.size();
    const std::string folder = std::filesystem::path(job.model).parent_path().string();
    OCTET_ASSIGN(Graph graph,
                 onnx::parse(std::as_bytes(std::span(bytes)), job.model, folder.empty() ? "." : folder, job.sizes));
    outcome.float_digest = digest(bytes);
    outcome.float_parts = count_parameters(graph);
    const auto in_model = [&](Error error) { return at(job.model, std::move(error)); };
    auto preprocessing = preprocessing_for(job, graph);
    if (!preprocessing) return in_model(preprocessing.error());
    outcome.preprocessing = *preprocessing;
    // Pixels are integers already: where the network takes pixel / 255, there is nothing to fold.
    job.options.normalization.reset();
    if (preprocessing->normalization != no_normalization) job.options.normalization = preprocessing->normalization;
    auto reference = quant::reference_network(graph, job.options);
    if (!reference) return in_model(reference.error());
    if (job.options.recipe == quant::Recipe::npu) {
        auto refused = fit_to_profile(graph, job.profile, job.options);
        if (!refused) return in_model(refused.error());
        outcome.refused = std::move(*refused);
    }
    auto prepared = quant::prepare_model(std::move(graph), job.options);
    if (!prepared) return in_model(prepared.error());
    outcome.model = std::move(*prepared);
    const auto input = image_input(outcome.model.graph);
    if (!input) return in_model(input.error());

    OCTET_ASSIGN(outcome.images,
                 find_calibration_images(job.images, job.limit, pool, [&](std::int64_t done, std::int64_t total) {
                     progress("images", done, total);
                 }));
    const quant::Dataset dataset = image_dataset(outcome.images.paths, *input, outcome.preprocessing);
    // Pictures are counted by batches.
    const std::int64_t batch = (*input)[0];
    const auto batches = [batch](std::int64_t pictures) { return (pictures + batch - 1) / batch; };
    job.options.refine_images = static_cast<int>(batches(job.options.refine_images));
    job.widths.images = batches(job.widths.images);
    auto equalized = quant::equalize_model(outcome.model, dataset, job.options);
    if (!equalized) return in_model(equalized.error());
    outcome.equalization = std::move(*equalized);
    std::string form = form_of(job, outcome.preprocessing, *input);
    if (outcome.equalization.groups > 0) form += fmt::format(", {} equalized", outcome.equalization.groups);
    const CalibrationKey key{outcome.float_digest, std::move(form), outcome.images.digest};
    auto calibration = calibration_for(job, outcome.model, dataset, key, outcome.cache_was_used);
    if (!calibration) return in_model(calibration.error());
    outcome.calibration = std::move(*calibration);

    quant::scale_heads(outcome.model, outcome.calibration);
    quant::choose_grids(outcome.model, outcome.calibration, job.options);
    if (outcome.equalization.groups > 0 && job.options.recipe == quant::Recipe::best) {
        // Where channels were so unequal, layers multiply small values up. A chip has demands of its own.
        const quant::Dataset some = quant::evenly_spread(dataset, 16);
        std::int64_t done = 0;
        auto searched = quant::search_ranges(outcome.model, outcome.calibration, some, job.options.parallel_for,
                                             [&] { progress("ranges", ++done, some.size); });
        if (!searched) return in_model(searched.error());
        outcome.model.searched = std::move(*searched);
        quant::choose_grids(outcome.model, outcome.calibration, job.options);
    }
    if (auto widened = quant::widen_sensitive_layers(outcome.model, outcome.calibration, dataset, job.options);
        !widened) {
        return in_model(widened.error());
    }
    const std::int64_t measured = std::min<std::int64_t>(job.options.refine_images, dataset.size);
    const bool searches =
        job.widths.target_db > 0 && (job.options.recipe == quant::Recipe::best || job.options.chip_int16);
    const engine::SessionOptions threads{.threads = job.threads};
    std::optional<engine::Session> floats;
    if (searches || measured > 0) {
        const auto executable = engine::compile(std::move(*reference));
        if (!executable) return in_model(executable.error());
        OCTET_ASSIGN(floats, engine::Session::create(*executable, threads));
    }
    if (searches) {
        auto searched =
            search_widths(outcome.model, outcome.calibration, *floats, dataset, job.widths, job.options, job.threads,
                          [&](std::int64_t done, std::int64_t total) { progress("16 bits", done, total); });
        if (!searched) return in_model(searched.error());
        outcome.widths = std::move(*searched);
    }
    outcome.int16_layers.assign(job.options.keep_int16.begin(), job.options.keep_int16.end());
    auto refinement = quant::finish_model(outcome.model, dataset, job.options);
    if (!refinement) return in_model(refinement.error());
    if (measured > 0 && job.options.recipe == quant::Recipe::best) {
        constexpr std::int64_t counted = 64;  // pictures; with 16 a share of pixels is off by more than what is mended
        auto rates =
            match_decision_rates(outcome.model, *floats, dataset, std::min(batches(counted), dataset.size), job.threads,
                                 [&](std::int64_t done, std::int64_t total) { progress("decisions", done, total); });
        if (!rates) return in_model(rates.error());
        outcome.decision_rates = std::move(*rates);
    }

    OCTET_ASSIGN(Graph quantized, quant::to_qdq(outcome.model));
    for (auto& [entry_key, value] :
         describe_model(outcome.model, job.options, outcome.images, outcome.preprocessing, job.profile)) {
        quantized.metadata[entry_key] = value;
    }
    OCTET_TRY(verify(quantized));
    OCTET_TRY(infer_shapes(quantized));
    OCTET_TRY(onnx::save(quantized, job.output));
    OCTET_ASSIGN(outcome.executable, load_executable(job.output, {}, {.observable = true}));
    outcome.measured_images = measured * batch;
    if (measured > 0) {
        OCTET_ASSIGN(engine::Session file, engine::Session::create(outcome.executable, threads));
        OCTET_ASSIGN(engine::Session plain, plain_session(outcome, job.options, threads));
        const std::vector<std::string>& unseen = outcome.images.held_out;
        const quant::Dataset held_out = image_dataset(unseen, *input, outcome.preprocessing);
        const std::int64_t seen = unseen.empty() ? measured : held_out.size;
        outcome.output_images = seen * batch;
        const std::array<engine::Session*, 2> sessions{&file, &plain};
        const auto stage = [&](std::int64_t done, std::int64_t total) { progress("outputs", done, total); };
        OCTET_ASSIGN(auto fidelities,
                     measure_outputs(*floats, sessions, unseen.empty() ? dataset : held_out, seen, stage));
        outcome.outputs = std::move(fidelities[0]);
        outcome.plain_outputs = std::move(fidelities[1]);
        OCTET_ASSIGN(outcome.layers,
                     measure_layers(outcome.model, *refinement, file, dataset, measured, job.options.parallel_for,
                                    [&](std::int64_t done, std::int64_t total) { progress("layers", done, total); }));
    }
    std::error_code error;
    outcome.integer_bytes = std::filesystem::file_size(job.output, error);
    outcome.integer_parts = count_parameters(quantized);
    if (!job.report.empty()) {
        OCTET_ASSIGN(const Report report, collect_report(job, outcome));
        OCTET_TRY(write_file(job.report, report_page(report)));
    }
    return outcome;
}

}  // namespace octet::quantizer
