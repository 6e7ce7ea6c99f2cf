// octet-run: any network on npy files or on random numbers.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <random>

#include "apps/common/cli.h"
#include "apps/common/float_layers.h"
#include "apps/common/model_options.h"
#include "apps/common/table.h"
#include "base/did_you_mean.h"
#include "base/file.h"
#include "base/stopwatch.h"
#include "engine/session.h"
#include "frontends/load.h"
#include "frontends/npy.h"

namespace octet::apps {
namespace {

struct Options {
    std::string model;
    onnx::ImportOptions sizes;
    std::vector<std::string> inputs;  // NAME=FILE.npy
    std::string npy_folder;
    std::uint64_t seed = 0;
    int threads = 0;
    int runs = 1;
};

void declare(CLI::App& app, Options& options) {
    add_model_option(app, options.model);
    app.add_option("--input", options.inputs, "NAME=FILE.npy: what an input is given; inputs not named are random")
        ->allow_extra_args(false)  // one each time, or MODEL behind it would be swallowed
        ->check(check_assignment);
    add_size_options(app, options.sizes);
    app.add_option("--npy", options.npy_folder,
                   "Folder for the outputs, OUTPUT.npy; characters that a file name cannot hold become _");
    app.add_option("--seed", options.seed, "Of the random inputs")->capture_default_str();
    add_threads_option(app, options.threads);
    app.add_option("--runs", options.runs, "How often the network runs; the times are of all runs")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.footer(
        "Random floats are uniform in [-1, 1), 8- and 16-bit integers take their whole range, wider ones 0 to 9.\n"
        "The same seed gives the same numbers on every machine.\n\n"
        "Examples:\n"
        "  octet-run model.onnx --input images=input.npy --npy outputs\n"
        "  octet-run dynamic.onnx --dim H=320 --dim W=320 --runs 10");
}

// In [0, 1) with 24 bits; std's distributions differ between libraries.
float unit_random(std::mt19937_64& generator) {
    return static_cast<float>(generator() >> 40) * 0x1p-24F;
}

Tensor random_tensor(DType type, const Shape& shape, std::mt19937_64& generator) {
    Tensor tensor(type, shape);
    dispatch(type, [&]<typename T>() {
        for (T& value : tensor.mutable_data<T>()) {
            if constexpr (std::is_same_v<T, bool>)
                value = (generator() >> 63) != 0;
            else if constexpr (std::is_floating_point_v<T>)
                value = static_cast<T>(2 * unit_random(generator) - 1);
            else if constexpr (sizeof(T) <= 2)
                value = static_cast<T>(generator() >> 48);
            else
                value = static_cast<T>(10 * unit_random(generator));
        }
    });
    return tensor;
}

std::vector<std::string> names_of(const std::vector<engine::Port>& ports) {
    std::vector<std::string> names;
    for (const engine::Port& port : ports) names.push_back(port.name);
    return names;
}

Result<std::vector<Tensor>> make_inputs(const std::vector<engine::Port>& ports, const Options& options) {
    std::map<std::string, std::string> files;
    for (const std::string& text : options.inputs) {
        OCTET_ASSIGN(const auto assignment, split_assignment(text));
        const auto& [name, file] = assignment;
        const bool known =
            std::any_of(ports.begin(), ports.end(), [&](const auto& port) { return port.name == assignment.first; });
        if (!known)
            return fail(ErrorCode::invalid_argument, "--input {}: {} has no input '{}'{}", text, options.model, name,
                        did_you_mean(name, names_of(ports)));
        if (!files.emplace(name, file).second)
            return fail(ErrorCode::invalid_argument, "--input {}: '{}' is given twice", text, name);
    }
    std::vector<Tensor> tensors;
    std::mt19937_64 generator(options.seed);
    for (const engine::Port& port : ports) {
        const auto file = files.find(port.name);
        if (file == files.end()) {
            tensors.push_back(random_tensor(port.dtype, port.shape, generator));
            continue;
        }
        OCTET_ASSIGN(Tensor tensor, load_npy(file->second));
        if (auto taken = engine::check_input(port, tensor); !taken) return at(file->second, std::move(taken).error());
        tensors.push_back(std::move(tensor));
    }
    return tensors;
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
    for (const std::string& text : options.inputs) {
        OCTET_ASSIGN(const auto assignment, split_assignment(text));
        inputs.push_back(assignment.second);
    }
    OCTET_TRY(check_outputs(files, inputs));
    return files;
}

Result<ExitCode> run(const Options& options) {
    OCTET_ASSIGN(const auto executable, load_executable(options.model, options.sizes));
    print_float_notice("octet-run", options.model, executable->program());
    auto session = engine::Session::create(executable, {.threads = options.threads});
    if (!session) return at(options.model, std::move(session).error());
    OCTET_ASSIGN(const std::vector<std::string> files, output_files(session->outputs(), options));
    OCTET_ASSIGN(const std::vector<Tensor> inputs, make_inputs(session->inputs(), options));

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
