// octet-inspect MODEL: what is in a network and what it costs.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/common/accumulator_table.h"
#include "apps/common/cli.h"
#include "apps/common/model_options.h"
#include "apps/common/offload_report.h"
#include "base/json_text.h"
#include "engine/compile.h"
#include "engine/npu_emu/backend.h"
#include "engine/npu_emu/rules.h"
#include "engine/program.h"
#include "frontends/onnx/importer.h"
#include "graph/ir/dump.h"
#include "graph/passes/pass.h"
#include "quantizer/calibration_images.h"

namespace octet::apps {
namespace {

struct Options {
    std::string model;
    onnx::ImportOptions sizes;
    engine::CompileOptions compile;
    bool raw = false;
    bool optimize = false;
    bool plan = false;
    bool summary_only = false;
    bool json = false;
    bool rules = false, accumulators = false;
    std::string offload;  // a profile
    std::string images;
    int limit = 20;
};

nlohmann::ordered_json describe_values(const Graph& graph, const std::vector<ValueId>& ids) {
    auto list = nlohmann::ordered_json::array();
    for (const ValueId id : ids) {
        if (id == no_value) {
            list.push_back(nullptr);
            continue;
        }
        const Value& value = graph.value(id);
        nlohmann::ordered_json entry = {{"name", value.name}, {"dtype", dtype_name(value.dtype)}};
        entry["shape"] = value.shape ? nlohmann::ordered_json(*value.shape) : nlohmann::ordered_json();
        if (value.constant) entry["constant"] = true;
        list.push_back(std::move(entry));
    }
    return list;
}

nlohmann::ordered_json describe_nodes(const Graph& graph, const Summary& summary) {
    auto list = nlohmann::ordered_json::array();
    for (const NodeCost& cost : summary.nodes) {
        const Node& node = graph.node(cost.node);
        nlohmann::ordered_json attributes = nlohmann::ordered_json::object();
        for (const auto& [name, value] : node.attributes) attributes[name] = to_string(value);
        list.push_back({{"name", node.name},
                        {"op", node.op},
                        {"inputs", describe_values(graph, node.inputs)},
                        {"outputs", describe_values(graph, node.outputs)},
                        {"attributes", std::move(attributes)},
                        {"parameters", cost.parameters},
                        {"macs", cost.macs},
                        {"live_activation_bytes", cost.live_bytes}});
    }
    return list;
}

std::string describe_json(const Options& options, const Graph& graph, const Summary& summary) {
    nlohmann::ordered_json report = {{"model", options.model},
                                     {"optimized", options.optimize},
                                     {"metadata", graph.metadata},
                                     {"node_count", summary.nodes.size()},
                                     {"parameters", summary.parameters},
                                     {"macs", summary.macs},
                                     {"weight_bytes", summary.weight_bytes},
                                     {"activation_bytes", summary.activation_bytes},
                                     {"peak_activation_bytes", summary.peak_activation_bytes},
                                     {"operators", summary.operators},
                                     {"inputs", describe_values(graph, graph.inputs)},
                                     {"outputs", describe_values(graph, graph.outputs)}};
    if (!options.summary_only) report["nodes"] = describe_nodes(graph, summary);
    return json_text(report, 2);
}

// What the npu-emu backend knows, and what proves it.
void print_rules() {
    for (const auto& rule : engine::npu_emu::list_rules()) {
        fmt::print("{} {}: {}\n    source: {}\n", rule.operation, rule.name, rule.formula, rule.source);
        for (const auto& proof : rule.proofs)
            fmt::print("    equals {}: {} values of {} ({})\n", proof.program, proof.values, proof.file, proof.array);
        if (rule.proofs.empty()) fmt::print("    by specification only\n");
    }
}

Result<ExitCode> print_accumulators(const Options& options, Graph graph) {
    engine::CompileOptions compile = options.compile;
    // Runs whatever there is, and its accumulators are every backend's.
    if (compile.backend != "npu-emu") compile = {.backend = "npu-emu", .profile = quantizer::accumulator_profile};
    OCTET_ASSIGN(const auto executable, engine::compile(std::move(graph), compile));
    std::vector<quantizer::AccumulatorUse> uses = quantizer::accumulator_use(executable->program());
    if (!options.images.empty()) {
        ThreadPool pool(0);
        OCTET_ASSIGN(const auto images, quantizer::find_calibration_images(options.images, options.limit, pool, {}));
        OCTET_ASSIGN(uses, quantizer::accumulator_use(executable, images, 0, 0));
    }
    fmt::print("{}", accumulator_table(uses).text());
    return exit_ok;
}

Result<ExitCode> print_offload(const Options& options, Graph graph) {
    OCTET_ASSIGN(const engine::npu_emu::Profile profile, engine::npu_emu::load_profile(options.offload));
    const auto features = kernels::choose_features();
    if (!features) return fail(ErrorCode::invalid_argument, "{}", features.error());
    OCTET_ASSIGN(engine::Program program,
                 engine::to_program(std::move(graph), engine::npu_emu::NpuBackend(profile, *features)));
    const auto offload = engine::npu_emu::plan_offload(std::move(program), profile, *features);
    if (options.json) {
        nlohmann::ordered_json report = {{"model", options.model}, {"profile", profile.name}};
        report.update(offload_json(offload));
        if (options.summary_only) report.erase("nodes");
        fmt::print("{}\n", json_text(report, 2));
        return exit_ok;
    }
    fmt::print("{}", offload_text(offload, profile.name, options.summary_only));
    return exit_ok;
}

Result<ExitCode> inspect(const Options& options) {
    if (options.rules) {
        print_rules();
        return exit_ok;
    }
    if (options.model.empty()) return fail(ErrorCode::conflict, "a MODEL is needed");
    OCTET_ASSIGN(Graph graph, onnx::load(options.model, options.sizes));
    if (options.accumulators) return print_accumulators(options, std::move(graph));
    if (!options.offload.empty()) return print_offload(options, std::move(graph));
    if (options.plan) {
        OCTET_ASSIGN(const auto executable, engine::compile(std::move(graph), options.compile));
        for (const std::string& rewrite : executable->rewrites()) fmt::print("rewritten: {}\n", rewrite);
        fmt::print("{}", engine::to_text(executable->program()));
        return exit_ok;
    }
    if (options.optimize) OCTET_TRY(optimize(graph));
    const Summary summary = summarize(graph);
    if (options.json) {
        fmt::print("{}\n", describe_json(options, graph, summary));
        return exit_ok;
    }
    if (!options.summary_only) fmt::print("{}\n", dump_nodes(graph, summary));
    fmt::print("{}", dump_summary(graph, summary));
    return exit_ok;
}

int inspect_main(int argc, char** argv) {
    CLI::App app("Shows a network's nodes, shapes, parameters, multiply-accumulates and memory.", "octet-inspect");
    Options options;
    add_model_option(app, options.model)->required(false);
    auto* raw = app.add_flag("--raw", options.raw, "The graph as the file has it (the default)");
    auto* optimized = app.add_flag("--optimize", options.optimize, "The graph after all passes")->excludes(raw);
    auto* plan =
        app.add_flag("--plan", options.plan,
                     "What the engine runs: operators on integers with their grids, and why the others run in float")
            ->excludes(raw)
            ->excludes(optimized);
    app.add_flag("--summary", options.summary_only, "Totals only, no line for each node");
    app.add_flag("--json", options.json, "JSON instead of text");
    auto* accumulators = app.add_flag("--accumulators", options.accumulators,
                                      "How many bits each convolution's accumulators need: by its weights, and with "
                                      "--images by what was seen");
    app.add_option("--images", options.images, "Pictures for --accumulators, a folder or a file")->needs(accumulators);
    app.add_option("--limit", options.limit, "At most so many of them")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_flag("--rules", options.rules,
                 "The arithmetic that --backend npu-emu knows, and by what each rule is proven on how many values; no "
                 "MODEL");
    app.add_option("--offload", options.offload,
                   "What an NPU takes of the network, by a profile's rules and limits: nodes refused with the reason, "
                   "partitions, bytes over their borders, memory")
        ->type_name("NAME|FILE")
        ->excludes(raw)
        ->excludes(optimized)
        ->excludes(plan)
        ->excludes(accumulators);
    add_size_options(app, options.sizes);
    add_backend_options(app, options.compile);
    app.footer(
        "Examples:\n"
        "  octet-inspect --summary model.onnx\n"
        "  octet-inspect --optimize --json dynamic.onnx --shape images=1x3x320x320\n"
        "  octet-inspect --accumulators model-int8.onnx --images data/scenes\n"
        "  octet-inspect --offload ethos-u55 model-int8.onnx\n"
        "  octet-inspect --rules");
    return run_program(app, argc, argv, [&] { return inspect(options); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::inspect_main);
}
