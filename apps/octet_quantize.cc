// octet-quantize: a float ONNX model and a folder of pictures in, an INT8 model out.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "apps/common/cli.h"
#include "apps/common/model_options.h"
#include "apps/common/network.h"
#include "apps/common/progress.h"
#include "apps/common/table.h"
#include "quantizer/quantize_job.h"

namespace octet::apps {
namespace {

constexpr const char* program = "octet-quantize";

struct Arguments {
    quantizer::QuantizeJob job;
    std::vector<std::string> positions;  // MODEL IMAGES, or IMAGES
    std::string recipe = "best";
    std::string method;
    std::vector<float> mean, std;
    bool no_normalization = false;
    bool no_box_normalization = false;
    std::vector<std::string> keep_float, keep_int16;
    CLI::Option *profile = nullptr, *percentile = nullptr;
};

void add_options(CLI::App& app, Arguments& arguments) {
    quantizer::QuantizeJob& job = arguments.job;
    app.add_option("-m,--model", job.model, "The float network, an ONNX file; or the first of the positions");
    app.add_option("MODEL IMAGES", arguments.positions,
                   "The float network, an ONNX file, and a folder of pictures to calibrate on (or its subfolder "
                   "images/)")
        ->required()
        ->expected(1, 2);
    app.add_option("-o,--output", job.output, "The INT8 model to write")->required();
    app.add_option("--recipe", arguments.recipe,
                   "best: least loss; reference: every operator in 8 bits on its own; "
                   "npu: what chips can run, int8 wherever they store it")
        ->check(CLI::IsMember({"best", "reference", "npu"}))
        ->capture_default_str();
    arguments.profile =
        app.add_option(
               "--for", job.profile,
               "npu: the profile, by name or file, whose limits and demands the network is to meet; what it has "
               "no rule for stays float")
            ->capture_default_str();
    app.add_flag("--npu-int16", job.options.chip_int16,
                 "npu: 16-bit activations, with 8-bit weights, in the few layers whose loss --target-sqnr asks it for");
    app.add_option("--method", arguments.method,
                   "Activation ranges: minmax, percentile, entropy or mse (default: mse for best, percentile for npu, "
                   "entropy for reference)")
        ->check(CLI::IsMember({"minmax", "percentile", "entropy", "mse"}));
    arguments.percentile =
        app.add_option("--percentile", job.options.range.percentile,
                       "What --method percentile keeps, in percent (default: 99.999; for npu 99.995)")
            ->check(CLI::Range(50.0, 100.0));
    app.add_flag("--symmetric", job.options.range.symmetric, "Activation grids with the zero point in the middle");
    auto* mean = app.add_option("--mean", arguments.mean,
                                "Normalization of the input, three numbers R G B (default: what the model's metadata "
                                "states, or ImageNet's)")
                     ->expected(3)
                     ->allow_extra_args(false);
    auto* deviation = app.add_option("--std", arguments.std, "The same, divisors")
                          ->expected(3)
                          ->allow_extra_args(false)
                          ->check(CLI::PositiveNumber);
    app.add_flag("--no-normalization", arguments.no_normalization, "The network takes pixel / 255")
        ->excludes(mean)
        ->excludes(deviation);
    app.add_flag("--no-box-normalization", arguments.no_box_normalization,
                 "reference without the division of boxes by 640: shows why it is there");
    app.add_option("--keep-float", arguments.keep_float, "A node that stays float; may be repeated")
        ->allow_extra_args(false);  // one each time, or MODEL behind it would be swallowed
    app.add_option("--keep-int16", arguments.keep_int16, "A node whose output gets 16 bits; may be repeated")
        ->allow_extra_args(false);
    app.add_option("--int16-below", job.options.int16_below_db,
                   "best: layers with a lower SQNR on unquantized inputs, in dB, get 16 bits; 0: none")
        ->check(CLI::Range(0.0, 100.0))
        ->capture_default_str();
    app.add_option("--cache", job.cache, "Calibration statistics: read when the file exists, else written");
    app.add_option("--report", job.report, "A page to write: what was quantized how, and what it cost (HTML)");
    app.add_option("--limit", job.limit, "At most this many images, evenly spread; 0: all")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--refine-images", job.options.refine_images,
                   "Images for bias correction and measurements; 0: neither")
        ->check(CLI::Range(0, 64))
        ->capture_default_str();
    app.add_option("--target-sqnr", job.widths.target_db,
                   "best, and npu with --npu-int16: tensors get 16 bits, those first that gain most for their cost, "
                   "until every output comes to so "
                   "many dB on pictures that biases are not corrected on; 0: none do")
        ->check(CLI::Range(0.0, 60.0))
        ->capture_default_str();
    app.add_option("--max-slowdown", job.widths.max_slowdown,
                   "How many times the work of 8 bits, estimated, --target-sqnr may cost")
        ->check(CLI::Range(1.0, 10.0))
        ->capture_default_str();
    add_size_options(app, job.sizes);
    add_threads_option(app, job.threads);
    app.footer(
        "Examples:\n"
        "  octet-quantize model.onnx pictures -o model-int8.onnx --report report.html\n"
        "  octet-quantize dynamic.onnx pictures -o int8-320.onnx --shape images=1x3x320x320");
}

// An error is a wrong command line.
Result<void> resolve_positions(Arguments& arguments) {
    const auto& positions = arguments.positions;
    if (arguments.job.model.empty()) {
        if (positions.size() != 2)
            return fail(ErrorCode::conflict, "MODEL and IMAGES are wanted, {} is given", positions[0]);
        arguments.job.model = positions[0];
    } else if (positions.size() != 1) {
        return fail(ErrorCode::conflict, "the model is given twice, as {} and as {}", arguments.job.model,
                    positions[0]);
    }
    arguments.job.images = positions.back();
    return {};
}

Result<void> resolve(Arguments& arguments) {
    OCTET_TRY(resolve_positions(arguments));
    quant::QuantizeOptions& options = arguments.job.options;
    options.recipe = *quant::recipe_from_name(arguments.recipe);
    const bool npu = options.recipe == quant::Recipe::npu;
    if (!npu && (arguments.profile->count() > 0 || options.chip_int16))
        return fail(ErrorCode::conflict, "--for and --npu-int16 are for --recipe npu, not for {}", arguments.recipe);
    // Few values say "lane" or "vehicle": the squared error of all lets them be cut, as often as 8 bits are stored there.
    options.range.method = npu                                          ? quant::Method::percentile
                           : options.recipe == quant::Recipe::reference ? quant::Method::entropy
                                                                        : quant::Method::mse;
    constexpr double npu_percentile = 99.995;
    if (npu && arguments.percentile->count() == 0) options.range.percentile = npu_percentile;
    if (!arguments.method.empty()) options.range.method = *quant::method_from_name(arguments.method);
    options.box_normalization = !arguments.no_box_normalization;
    if (arguments.no_normalization) {
        arguments.job.preprocessing = {no_normalization};
    } else if (!arguments.mean.empty() || !arguments.std.empty()) {
        Normalization& asked = arguments.job.preprocessing.emplace().normalization;
        if (!arguments.mean.empty()) std::copy_n(arguments.mean.begin(), 3, asked.mean.begin());
        if (!arguments.std.empty()) std::copy_n(arguments.std.begin(), 3, asked.std.begin());
    }
    options.keep_float.insert(arguments.keep_float.begin(), arguments.keep_float.end());
    options.keep_int16.insert(arguments.keep_int16.begin(), arguments.keep_int16.end());
    return {};
}

// A bar for each stage.
class Stages {
  public:
    void update(std::string_view stage, std::int64_t done, std::int64_t total) {
        if (stage != stage_) {
            stage_ = stage;
            bar_ = std::make_unique<Progress>(stage_, static_cast<std::size_t>(total));
        }
        bar_->step();
        if (done == total) bar_->hide();
    }
    void hide() { bar_.reset(); }

  private:
    std::string stage_;
    std::unique_ptr<Progress> bar_;
};

void print_skipped(const quantizer::CalibrationImages& images) {
    if (!images.passed_over.empty()) print_notice(program, images.passed_over);
    for (const auto& [path, reason] : images.skipped) print_notice(program, "skipped " + reason);
    if (!images.skipped.empty()) {
        print_notice(program, fmt::format("{} of {} images were unreadable and skipped", images.skipped.size(),
                                          images.skipped.size() + images.paths.size()));
    }
}

void print_layers(std::vector<quantizer::LayerError> layers) {
    constexpr std::size_t worst_count = 8;
    std::erase_if(layers, [](const quantizer::LayerError& one) { return !one.accumulated; });
    if (layers.empty()) return;
    std::stable_sort(layers.begin(), layers.end(), [](const quantizer::LayerError& a, const quantizer::LayerError& b) {
        return a.accumulated->sqnr_db() < b.accumulated->sqnr_db();
    });
    layers.resize(std::min(layers.size(), worst_count));
    Table table{{"least faithful layers of the INT8 file", "SQNR dB", "alone dB", "cosine"}, {}};
    for (const quantizer::LayerError& one : layers) {
        table.rows.push_back(
            {fmt::format("{} ({})", one.layer.node, one.layer.op), fmt::format("{:.1f}", one.accumulated->sqnr_db()),
             fmt::format("{:.1f}", one.layer.alone.sqnr_db()), fmt::format("{:.5f}", one.accumulated->cosine())});
    }
    fmt::print("{}\n", table.text());
}

void print_search(const quantizer::QuantizeOutcome& outcome, double target_db) {
    if (!outcome.widths || outcome.widths->before_db >= target_db) return;
    const quantizer::WidthSearch& search = *outcome.widths;
    fmt::print(
        "16 bits by the outputs' loss: {} tensors, worst output {:.1f} -> {:.1f} dB of {:.1f} asked, work {:.2f} times"
        "\n\n",
        search.widened.size(), search.before_db, search.after_db, target_db, search.slowdown);
}

void print_equalization(const quant::Equalization& equalization) {
    if (equalization.groups == 0) return;
    fmt::print("layers with gains for channels of unequal range: {}\n\n", fmt::join(equalization.nodes, ", "));
}

void print_outputs(const quantizer::QuantizeOutcome& outcome) {
    if (outcome.outputs.empty()) return;
    Table table{{"outputs of the INT8 file", "SQNR dB", "worst channel dB", "cosine", "top-1 changed"}, {}};
    const auto add = [&](const std::string& name, const quantizer::OutputFidelity& output) {
        const auto worst = output.worst_channel();
        table.rows.push_back({name, fmt::format("{:.1f}", output.whole.sqnr_db()),
                              worst ? fmt::format("{:.1f} (#{})", output.channels[*worst].sqnr_db(), *worst) : "",
                              fmt::format("{:.5f}", output.whole.cosine()), output.changed_decisions()});
    };
    for (std::size_t i = 0; i < outcome.outputs.size(); ++i) {
        add(outcome.outputs[i].name, outcome.outputs[i]);
        add("  by plain min-max, 8 bits", outcome.plain_outputs.at(i));
    }
    fmt::print("{}on {}\n\n", table.text(), quantizer::outputs_measured_on(outcome));
    for (const quantizer::DecisionRate& rate : outcome.decision_rates) {
        const auto percent = [&](std::int64_t pixels) {
            return 100.0 * static_cast<double>(pixels) / static_cast<double>(rate.pixels);
        };
        fmt::print(
            "{}: {:.4f} % of the pixels are of the second class, in float {:.4f} %, before its bias was moved "
            "{:.4f} %\n",
            rate.output, percent(rate.after), percent(rate.in_float), percent(rate.before));
    }
}

void warn_of_lost_channels(const quantizer::QuantizeJob& job, const quantizer::QuantizeOutcome& outcome) {
    constexpr std::size_t most_named = 8;
    for (const quantizer::OutputFidelity& output : outcome.outputs) {
        const auto lost = output.lost_channels();
        if (lost.empty()) continue;
        const auto named = std::span(lost).first(std::min(lost.size(), most_named));
        print_notice(
            program,
            fmt::format("warning: output '{}': {} of its {} channels are lost, with an SQNR below {} dB: {}{}; {}",
                        output.name, lost.size(), output.channels.size(), quantizer::lost_below_db,
                        fmt::join(named, ", "), named.size() < lost.size() ? " …" : "",
                        job.options.recipe != quant::Recipe::reference
                            ? "--keep-float of the nodes before it keeps them"
                            : "--recipe best quantizes outputs more finely"));
    }
}

void print_summary(const quantizer::QuantizeJob& job, const quantizer::QuantizeOutcome& outcome) {
    print_equalization(outcome.equalization);
    print_search(outcome, job.widths.target_db);
    print_layers(outcome.layers);
    print_outputs(outcome);
    const auto float_layers = outcome.executable->program().float_layers();
    if (!float_layers.empty()) fmt::print("{}\n", float_layer_table(float_layers).text());
    for (const engine::FloatLayer& layer : outcome.refused)
        fmt::print("stays float: {} ({}): {}\n", layer.name, layer.op, layer.reason);
    if (!outcome.int16_layers.empty()) fmt::print("16-bit activations: {}\n", fmt::join(outcome.int16_layers, ", "));
    fmt::print("{}: {:.2f} MB, {:.1f} % of {:.2f} MB; {} on {} images{}\n", job.output,
               static_cast<double>(outcome.integer_bytes) / 1e6,
               100.0 * static_cast<double>(outcome.integer_bytes) / static_cast<double>(outcome.float_bytes),
               static_cast<double>(outcome.float_bytes) / 1e6, quant::method_name(job.options.range.method),
               outcome.images.paths.size(), outcome.cache_was_used ? ", statistics from the cache" : "");
    if (!job.report.empty()) fmt::print("{}: the report\n", job.report);
}

Result<ExitCode> run(Arguments& arguments) {
    OCTET_TRY(resolve(arguments));
    Stages stages;
    auto outcome = quantizer::run_quantize_job(
        arguments.job,
        [&](std::string_view stage, std::int64_t done, std::int64_t total) { stages.update(stage, done, total); });
    stages.hide();
    if (!outcome) return tl::unexpected<Error>(outcome.error());
    print_skipped(outcome->images);
    if (!is_quiet()) print_summary(arguments.job, *outcome);
    warn_of_lost_channels(arguments.job, *outcome);
    return exit_ok;
}

int quantize_main(int argc, char** argv) {
    CLI::App app("Quantizes a float ONNX model to integers, calibrated on pictures", program);
    Arguments arguments;
    add_options(app, arguments);
    return run_program(app, argc, argv, [&] { return run(arguments); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::quantize_main);
}
