// octet-run: any network on npy files or on random numbers.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

#include "apps/common/cli.h"
#include "apps/common/model_options.h"
#include "apps/common/network.h"
#include "apps/common/network_inputs.h"
#include "apps/common/table.h"
#include "base/did_you_mean.h"
#include "base/file.h"
#include "base/stopwatch.h"
#include "engine/session.h"
#include "frontends/npy.h"

namespace octet::apps {
namespace {

struct Options {
    std::string model;
    onnx::ImportOptions sizes;
    engine::CompileOptions compile;
    InputOptions input;
    std::string npy_folder;
    int threads = 0;
    int runs = 1;
};

void declare(CLI::App& app, Options& options) {
    add_model_option(app, options.model);
    add_input_options(app, options.input);
    add_size_options(app, options.sizes);
    add_backend_options(app, options.compile);
    app.add_option("--npy", options.npy_folder,
                   "Folder for the outputs, OUTPUT.npy; characters that a file name cannot hold become _");
    add_threads_option(app, options.threads);
    app.add_option("--runs", options.runs, "How often the network runs; the times are of all runs")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.footer(
        "Random floats are uniform in [-1, 1), 8- and 16-bit integers take their whole range, wider ones 0 to 9.\n"
        "The same seed gives the same numbers on every machine.\n\n"
        "Examples:\n"
        "  octet-run model.onnx --input images=input.npy --npy outputs\n"
        "  octet-run dynamic.onnx --dim H=320 --dim W=320 --runs 10\n"
        "  octet-run model.onnx --backend npu-emu --profile tflite-double");
}

std::vector<std::string> row_of(const std::string& kind, const std::string& name, const Tensor& tensor) {
    double low = std::numeric_limits<double>::infinity(), high = -low, sum = 0;
    dispatch(tensor.dtype(), [&]<typename T>() {
        for (const T value : tensor.data<T>()) {
            low = std::min(low, static_cast<double>(value));
            high = std::max(high, static_cast<double>(value));
            sum += static_cast<double>(value);
        }
    });
    std::vector<std::string> row{kind + " " + name, std::string(dtype_name(tensor.dtype())), to_string(tensor.shape())};
    if (tensor.size() == 0) return row.insert(row.end(), 3, "-"), row;
    for (const double value : {low, high, sum / static_cast<double>(tensor.size())})
        row.push_back(fmt::format("{:.6g}", value));
    return row;
}

// Where the outputs go; nowhere without --npy. Checked before the work: they can be written, and onto nothing that is
// read.
Result<std::vector<std::string>> output_files(const std::vector<engine::Port>& ports, const Options& options) {
    if (options.npy_folder.empty()) return std::vector<std::string>();
    std::vector<std::string> files;
    std::map<std::string, std::string> names;
    for (const engine::Port& port : ports) {
        const std::string file = file_name_for(port.name) + ".npy";
        if (const auto [other, fresh] = names.emplace(file, port.name); !fresh)
            return fail(ErrorCode::invalid_argument, "outputs '{}' and '{}' would both be {}", other->second, port.name,
                        file);
        files.push_back((std::filesystem::path(options.npy_folder) / file).string());
    }
    std::vector<std::string> inputs = onnx::model_files(options.model);
    OCTET_TRY(add_input_files(options.input, inputs));
    OCTET_TRY(check_outputs(files, inputs));
    return files;
}

Result<ExitCode> run(const Options& options) {
    OCTET_ASSIGN(const auto executable, load_network("octet-run", options.model, options.sizes, options.compile));
    auto session = engine::Session::create(executable, {.threads = options.threads});
    if (!session) return at(options.model, std::move(session).error());
    OCTET_ASSIGN(const std::vector<std::string> files, output_files(session->outputs(), options));
    OCTET_ASSIGN(const std::vector<Tensor> inputs, make_inputs(session->inputs(), options.input, options.model));

    std::vector<double> times;
    std::vector<Tensor> outputs;
    for (int i = 0; i < options.runs; ++i) {
        Stopwatch watch;
        auto result = session->run(inputs);
        times.push_back(watch.lap());
        if (!result) return at(options.model, std::move(result).error());
        outputs = std::move(*result);
    }
    Table table{{"tensor", "type", "shape", "min", "max", "mean"}, {}};
    for (std::size_t i = 0; i < inputs.size(); ++i)
        table.rows.push_back(row_of("input", session->inputs()[i].name, inputs[i]));
    for (std::size_t i = 0; i < outputs.size(); ++i)
        table.rows.push_back(row_of("output", session->outputs()[i].name, outputs[i]));
    fmt::print("{}", table.text());
    std::sort(times.begin(), times.end());
    if (times.size() == 1)
        fmt::print("run: {:.3f} ms, {} threads\n", times[0], session->threads());
    else
        fmt::print("{} runs: median {:.3f} ms, min {:.3f} ms, max {:.3f} ms, {} threads\n", times.size(),
                   times[times.size() / 2], times.front(), times.back(), session->threads());
    for (std::size_t i = 0; i < files.size(); ++i) OCTET_TRY(save_npy(outputs[i], files[i]));
    return exit_ok;
}

int run_main(int argc, char** argv) {
    CLI::App app("Runs a network once or often, on npy files or random numbers", "octet-run");
    Options options;
    declare(app, options);
    return run_program(app, argc, argv, [&] { return run(options); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::run_main);
}
