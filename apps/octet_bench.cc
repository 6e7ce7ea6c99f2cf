// How long a network takes: latencies, memory, the time of each layer, and what changed since an earlier report.

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <type_traits>

#include "apps/common/bench_report.h"
#include "apps/common/cli.h"
#include "apps/common/host.h"
#include "apps/common/model_options.h"
#include "apps/common/network.h"
#include "base/file.h"
#include "base/json_text.h"
#include "base/parse_number.h"
#include "base/stopwatch.h"
#include "engine/session.h"
#include "frontends/load.h"
#include "frontends/onnx/importer.h"

namespace octet::apps {
namespace {

struct Options {
    std::string model;
    onnx::ImportOptions sizes;
    engine::CompileOptions compile;
    std::string input = "auto";
    std::string compare;
    int threads = 0;
    int warmup = 3;
    int runs = 50;
    bool json = false;
    bool layers = false;
    bool serve = false;
};

// Passes over the network with an observer. The median of this many tells a layer's time.
constexpr int max_observed_runs = 20;
// Of a report to compare with, and of a line on stdin.
constexpr std::size_t max_report_bytes = 64 << 20;
constexpr int max_runs = 1'000'000;

bool takes_pixels(const engine::Port& port, const std::string& input) {
    return port.accepts_pixels && input != "float";
}

// Normally distributed floats; bytes over their whole range; other integers and booleans 0 or 1, which are valid
// indices of whatever they index.
template <typename T>
void fill(Tensor& tensor, std::mt19937& random) {
    for (T& value : tensor.mutable_data<T>()) {
        if constexpr (std::is_floating_point_v<T>) {
            value = static_cast<T>(std::normal_distribution<double>()(random));
        } else if constexpr (sizeof(T) == 1 && !std::is_same_v<T, bool>) {
            value = static_cast<T>(random() & 0xFF);
        } else {
            value = static_cast<T>(random() & 1);
        }
    }
}

Result<Tensor> random_tensor(DType type, const Shape& shape, std::mt19937& random) {
    OCTET_ASSIGN(Tensor tensor, Tensor::create(type, shape));
    dispatch(type, [&]<typename T>() { fill<T>(tensor, random); });
    return tensor;
}

// The same for every run of the program.
Result<std::vector<Tensor>> random_inputs(const engine::Session& session, const std::string& input) {
    std::mt19937 random(1);
    std::vector<Tensor> tensors;
    for (const engine::Port& port : session.inputs()) {
        const bool pixels = takes_pixels(port, input);
        if (input == "pixels" && !pixels)
            return fail(ErrorCode::invalid_argument,
                        "input '{}' of this model does not accept pixels; leave out --input", port.name);
        const Shape shape = pixels ? Shape{port.shape[0], port.shape[2], port.shape[3], port.shape[1]} : port.shape;
        auto tensor = random_tensor(pixels ? DType::uint8 : port.dtype, shape, random);
        if (!tensor) return at(fmt::format("input '{}'", port.name), std::move(tensor).error());
        tensors.push_back(std::move(*tensor));
    }
    return tensors;
}

class Bench {
  public:
    static Result<Bench> create(const Options& options) {
        Stopwatch watch;
        OCTET_ASSIGN(auto executable, load_executable(options.model, options.sizes, options.compile));
        auto session = engine::Session::create(std::move(executable), {.threads = options.threads});
        if (!session) return at(options.model, std::move(session).error());
        const double load_ms = watch.lap();
        OCTET_ASSIGN(auto inputs, random_inputs(*session, options.input));

        Bench bench(std::move(*session), std::move(inputs));
        bool pixels = false;
        for (const engine::Port& port : bench.session_.inputs()) pixels |= takes_pixels(port, options.input);
        bench.report_ = {.model = options.model,
                         .cpu = cpu_description(),
                         .isa = bench.session_.executable().level(),
                         .input = pixels ? "pixels" : "float",
                         .threads = bench.session_.threads(),
                         .warmup_runs = options.warmup,
                         .load_ms = load_ms};
        bench.report_.float_layers = bench.session_.executable().program().float_layers();
        OCTET_ASSIGN(bench.report_.first_run_ms, bench.run_once());
        if (const auto warm = bench.latencies(options.warmup); !warm) return tl::unexpected(warm.error());
        return bench;
    }

    // Milliseconds; the results are gone before the next run starts.
    Result<double> run_once() {
        Stopwatch watch;
        const auto outputs = session_.run(inputs_);
        const double ms = watch.lap();
        if (!outputs) return at(report_.model, outputs.error());
        return ms;
    }

    // Nothing but the runs: no observer, no output between them.
    Result<std::vector<double>> latencies(int runs) {
        std::vector<double> latencies_ms;
        latencies_ms.reserve(static_cast<std::size_t>(runs));
        for (int i = 0; i < runs; ++i) {
            OCTET_ASSIGN(const double ms, run_once());
            latencies_ms.push_back(ms);
        }
        return latencies_ms;
    }

    Result<void> measure_latencies(int runs) {
        OCTET_ASSIGN(report_.latencies_ms, latencies(runs));
        report_.peak_memory_mb = peak_memory_mb();
        return {};
    }

    // In runs of their own, because the observer costs time.
    Result<void> measure_layers(int runs) {
        std::vector<LayerTime> layers;
        std::vector<std::vector<double>> times(static_cast<std::size_t>(runs));
        for (std::vector<double>& run : times) {
            session_.set_observer({.step = [&](const engine::StepInfo& step) {
                run.push_back(step.milliseconds);
                if (&run == &times.front())
                    layers.push_back({.name = std::string(step.name),
                                      .kernel = std::string(step.kernel),
                                      .ms = 0,
                                      .macs = step.macs});
            }});
            const auto ms = run_once();
            session_.set_observer({});
            if (!ms) return tl::unexpected(ms.error());
        }
        const std::vector<double> medians = column_medians(times);
        for (std::size_t i = 0; i < layers.size(); ++i) layers[i].ms = medians[i];
        report_.layers = std::move(layers);
        return {};
    }

    const BenchReport& report() const { return report_; }

  private:
    Bench(engine::Session session, std::vector<Tensor> inputs)
        : session_(std::move(session)), inputs_(std::move(inputs)) {}

    engine::Session session_;
    std::vector<Tensor> inputs_;
    BenchReport report_;
};

// One line of JSON when the network is warm, then for every line on stdin, a number of runs, one with their latencies:
// so that a script can measure several engines in turns, all of them loaded and warm.
Result<ExitCode> serve(Bench& bench) {
    const BenchReport& report = bench.report();
    std::cout << json_text(nlohmann::ordered_json{{"ready", true},
                                                  {"engine", "octet"},
                                                  {"cpu", report.cpu},
                                                  {"isa", report.isa},
                                                  {"threads", report.threads},
                                                  {"input", report.input},
                                                  {"load_ms", report.load_ms},
                                                  {"first_run_ms", report.first_run_ms}})
              << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        const auto runs = parse_number<std::int64_t>(line);
        if (!runs || *runs < 1 || *runs > max_runs)
            return fail(ErrorCode::invalid_argument, "stdin: '{}' is not a number of runs, 1 to {}", line, max_runs);
        OCTET_ASSIGN(const auto latencies_ms, bench.latencies(static_cast<int>(*runs)));
        std::cout << json_text(
                         nlohmann::ordered_json{{"latencies_ms", latencies_ms}, {"peak_memory_mb", peak_memory_mb()}})
                  << std::endl;
    }
    return exit_ok;
}

void print_report(const BenchReport& report, bool layers) {
    const LatencySummary summary = report.summary();
    fmt::print("{}\n{}\nlevel {}, {} thread{}, {} input\n\n", report.model, report.cpu, report.isa, report.threads,
               report.threads == 1 ? "" : "s", report.input);
    fmt::print("load         {:9.2f} ms\nfirst run    {:9.2f} ms\n", report.load_ms, report.first_run_ms);
    fmt::print("median       {:9.2f} ms  of {} runs after {} to warm up\n", summary.median_ms,
               report.latencies_ms.size(), report.warmup_runs);
    fmt::print("p90          {:9.2f} ms\np99          {:9.2f} ms\nmin          {:9.2f} ms\n", summary.p90_ms,
               summary.p99_ms, summary.min_ms);
    fmt::print("peak memory  {:9.1f} MB\n", report.peak_memory_mb);
    if (layers) fmt::print("\n{}\n{}", layer_table(report.layers).text(), kernel_table(report.layers).text());
    if (!report.float_layers.empty())
        fmt::print("\nquantized in the file, but run in float:\n{}", float_layer_table(report.float_layers).text());
}

void warn_when_noisy(const BenchReport& report) {
    const LatencySummary summary = report.summary();
    if (!summary.noisy()) return;
    print_notice("octet-bench", fmt::format("noisy machine: the 90th percentile lies {:.0f} % above the median; is "
                                            "something else running?",
                                            100 * summary.variation()));
}

void warn_when_not_alike(const BenchReport& old, const BenchReport& now) {
    const auto warn = [](const char* what, const auto& before, const auto& after) {
        if (before != after)
            print_notice("octet-bench", fmt::format("the reports differ in {}: {} and {}", what, before, after));
    };
    warn("CPU", old.cpu, now.cpu);
    warn("level", old.isa, now.isa);
    warn("threads", old.threads, now.threads);
    warn("input", old.input, now.input);
}

Result<std::optional<BenchReport>> load_old_report(const std::string& path) {
    if (path.empty()) return std::nullopt;
    OCTET_ASSIGN(const auto bytes, read_file(path, max_report_bytes));
    OCTET_ASSIGN(auto report, parse_bench_report(std::string(bytes.begin(), bytes.end()), path));
    return report;
}

Result<ExitCode> bench(const Options& options) {
    // Before the minutes of measuring, in case it cannot be read.
    OCTET_ASSIGN(const auto old, load_old_report(options.compare));
    OCTET_ASSIGN(Bench bench, Bench::create(options));
    if (options.serve) return serve(bench);

    OCTET_TRY(bench.measure_latencies(options.runs));
    const bool layers = options.layers || options.json || (old && !old->layers.empty());
    if (layers) OCTET_TRY(bench.measure_layers(std::min(options.runs, max_observed_runs)));

    const BenchReport& report = bench.report();
    if (options.json) {
        std::cout << to_json(report, old ? &*old : nullptr);
    } else {
        print_report(report, options.layers);
        if (old) {
            fmt::print("\n{}", comparison_table(*old, report).text());
            if (!old->layers.empty())
                fmt::print("\n{}", layer_comparison_table(compare_layers(old->layers, report.layers)).text());
        }
    }
    warn_when_noisy(report);
    if (old) warn_when_not_alike(*old, report);
    return exit_ok;
}

int bench_main(int argc, char** argv) {
    Options options;
    CLI::App app("Measures how long a network takes on random input, and where the time goes.", "octet-bench");
    add_model_option(app, options.model);
    add_threads_option(app, options.threads);
    app.add_option("--warmup", options.warmup, "Runs after the first one that are not counted")
        ->check(CLI::Range(0, max_runs))
        ->capture_default_str();
    app.add_option("--runs", options.runs, "Runs that are counted")
        ->check(CLI::Range(1, max_runs))
        ->capture_default_str();
    app.add_option("--input", options.input, "auto: pixels (uint8, NHWC) where the model takes them, else floats")
        ->check(CLI::IsMember({"auto", "float", "pixels"}))
        ->capture_default_str();
    add_size_options(app, options.sizes);
    add_backend_options(app, options.compile);
    app.add_flag("--layers", options.layers, "Also the time of every layer, and of every kernel");
    app.add_option("--compare", options.compare, "A report of --json: also print what changed since");
    app.add_flag("--json", options.json, "The report as JSON");
    app.add_flag("--serve", options.serve,
                 "Load, warm up, then for every line on stdin, a number of runs, answer their latencies as JSON");
    app.footer(
        "Examples:\n"
        "  octet-bench -m model.onnx --threads 1 --layers\n"
        "  octet-bench -m model.onnx --threads 1 --json > before.json\n"
        "  octet-bench -m model.onnx --threads 1 --compare before.json");
    return run_program(app, argc, argv, [&] { return bench(options); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::bench_main);
}
