// octet-compare MODEL --dump DUMP --profile PROFILE: why the numbers of a chip, a runtime or a profile differ.

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/common/cli.h"
#include "apps/common/model_options.h"
#include "apps/common/network_inputs.h"
#include "apps/common/table.h"
#include "base/file.h"
#include "base/json_text.h"
#include "compare/causes.h"
#include "compare/comparison.h"
#include "compare/infer.h"
#include "compare/output.h"
#include "compare/page.h"
#include "compare/profile_search.h"
#include "engine/session.h"
#include "frontends/load.h"
#include "frontends/onnx/importer.h"

namespace octet::apps {
namespace {

namespace npu = engine::npu_emu;

constexpr const char* program = "octet-compare";

struct Options {
    std::string model;
    onnx::ImportOptions sizes;
    compare::DumpOptions dump;
    std::string layout, type;
    std::string profile;
    std::vector<std::string> also;
    std::string against_profile, against_backend, against_model, against_dump;
    InputOptions input;
    std::string json, html, save_profile;
    std::size_t rows = 20;
    bool lists_causes = false, infers = false;
    int threads = 0;

    bool has_other_run() const {
        return !against_profile.empty() || !against_backend.empty() || !against_model.empty();
    }
};

void declare(CLI::App& app, Options& options) {
    add_model_option(app, options.model)->required(false);
    app.add_option("--dump", options.dump.path,
                   "The other side's tensors: an npz file, or a folder of npy, bin, raw and txt files");
    app.add_option("--manifest", options.dump.manifest,
                   "JSON that says names, files, layouts, scales of the dump; otherwise the one beside or in it");
    app.add_option("--map", options.dump.names, "Lines of two names, the dump's and the model's");
    app.add_option("--layout", options.layout, "Of arrays that nothing says it of")
        ->check(CLI::IsMember({"nchw", "nhwc", "nc1hwc2", "nc4hw4"}));
    app.add_option("--c2", options.dump.block, "Channels of a block of nc1hwc2")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    app.add_option("--type", options.type, "Of raw files that nothing says it of")
        ->check(CLI::IsMember({"u8", "s8", "s16", "f32"}));
    app.add_option("--profile", options.profile,
                   fmt::format("The arithmetic to compare with, a JSON file or one of {}",
                               fmt::join(npu::profile_names(), ", ")))
        ->type_name("NAME|FILE");
    app.add_option("--against-profile", options.against_profile, "Instead of a dump: the network in another profile")
        ->type_name("NAME|FILE");
    app.add_option("--against-backend", options.against_backend, "Instead of a dump: the network on another backend")
        ->check(CLI::IsMember({"cpu"}));
    app.add_option("--against-model", options.against_model,
                   "Instead of a dump: another network with the same tensors, the float one for example")
        ->type_name("MODEL");
    app.add_option("--against-dump", options.against_dump,
                   "A second dump: free-running differences are those between the two")
        ->type_name("DUMP");
    add_input_options(app, options.input);
    app.add_option("--json", options.json, "The result as JSON")->type_name("FILE");
    app.add_option("--html", options.html, "The result as a page, with the layers' curve")->type_name("FILE");
    app.add_option("--save-profile", options.save_profile, "The profile with the change that explains the dump")
        ->type_name("FILE");
    app.add_flag("--infer-profile", options.infers,
                 "Which profile that octet comes with, with which changes, explains the dump; no --profile");
    app.add_option("--also", options.also,
                   "With --infer-profile: another network's dump, or another of this one, from the same chip")
        ->type_name("MODEL=DUMP")
        ->allow_extra_args(false);
    app.add_flag("--list-causes", options.lists_causes, "Every cause that is tried: its id and its words; no MODEL");
    app.add_option("--rows", options.rows, "At most so many rows of the table; 0: all")->capture_default_str();
    add_size_options(app, options.sizes);
    add_threads_option(app, options.threads);
    app.footer(
        "Each layer is computed twice: free, from the profile's own tensors, and forced, from the other side's. "
        "Layers\n"
        "are ranked by what differs when forced; the causes explain every value. Exit codes: 0 identical, 1 "
        "differs.\n\n"
        "Examples:\n"
        "  octet-compare model.onnx --dump chip.npz --manifest chip.json --profile tflite-double\n"
        "  octet-compare model.onnx --dump chip.npz --infer-profile --save-profile chip.json\n"
        "  octet-compare --list-causes");
}

void print_causes() {
    const auto shown = [](std::string_view text) {
        std::string out(text);
        for (std::size_t at = 0; (at = out.find("{}", at)) != std::string::npos; at += 3) out.replace(at, 2, "...");
        return out;
    };
    for (const compare::CauseInfo& cause : compare::list_causes())
        fmt::print("{}: {} [{}]\n", shown(cause.id), shown(cause.text), cause.operators);
}

// The tensors of a run on another backend, by name.
Result<std::map<std::string, compare::RecordedTensor>> record(std::shared_ptr<const engine::Executable> executable,
                                                              const std::vector<Tensor>& inputs, int threads) {
    OCTET_ASSIGN(auto session, engine::Session::create(std::move(executable), {.threads = threads}));
    std::map<std::string, compare::RecordedTensor> tensors;
    session.set_observer({.tensor = [&](const engine::TensorInfo& info) {
        tensors[std::string(info.name)] = {info.values, info.grid != nullptr, info.grid ? *info.grid : Grid{}};
    }});
    OCTET_ASSIGN(const auto outputs, session.run(inputs));
    for (std::size_t i = 0; i < outputs.size(); ++i)
        tensors.try_emplace(session.outputs()[i].name, compare::RecordedTensor{outputs[i], false, {}});
    return tensors;
}

Result<compare::Side> other_run(const Options& options, const compare::Emulation& emulation,
                                const std::vector<Tensor>& inputs) {
    engine::CompileOptions compile;
    compile.observable = true;
    std::string model = options.model, name = "the backend " + options.against_backend;
    if (!options.against_profile.empty()) {
        compile.backend = "npu-emu";
        compile.profile = options.against_profile;
        name = "the profile " + options.against_profile;
    }
    if (!options.against_model.empty()) {
        model = options.against_model;
        name = model;
    }
    OCTET_ASSIGN(auto executable, load_executable(model, options.sizes, compile));
    auto tensors = record(executable, inputs, options.threads);
    if (!tensors) return at(model, std::move(tensors).error());
    return compare::recorded_side(emulation, *tensors, name);
}

std::string number(const std::optional<compare::Difference>& difference, double (*f)(const compare::Difference&),
                   std::string_view format) {
    return difference ? fmt::format(fmt::runtime(format), f(*difference)) : "-";
}

void print_comparison(const Options& options, const compare::Comparison& comparison,
                      const std::optional<compare::ProfileSearch>& search) {
    Table table{
        {"layer", "operator", "values", "free", "forced", "steps", "SQNR free", "forced", "cosine free", "forced"}, {}};
    for (std::size_t i : comparison.ranking) {
        if (options.rows != 0 && table.rows.size() == options.rows) break;
        const compare::Layer& layer = comparison.layers[i];
        const auto count = [](const compare::Difference& d) { return static_cast<double>(d.differing); };
        const auto largest = [](const compare::Difference& d) { return d.largest; };
        const auto sqnr = [](const compare::Difference& d) { return d.fidelity.sqnr_db(); };
        const auto cosine = [](const compare::Difference& d) { return d.fidelity.cosine(); };
        table.rows.push_back({layer.name, layer.kind, fmt::format("{}", layer.elements),
                              number(layer.free, count, "{:.0f}"), number(layer.forced, count, "{:.0f}"),
                              number(layer.forced, largest, "{:g}"), number(layer.free, sqnr, "{:.1f}"),
                              number(layer.forced, sqnr, "{:.1f}"), number(layer.free, cosine, "{:.6f}"),
                              number(layer.forced, cosine, "{:.6f}")});
    }
    if (!table.rows.empty()) fmt::print("{}", table.text());
    if (comparison.ranking.size() > table.rows.size())
        fmt::print("… and {} more; --rows 0 shows all\n", comparison.ranking.size() - table.rows.size());
    std::size_t shown = 0;
    for (std::size_t i : comparison.diverging()) {
        if (options.rows != 0 && shown++ == options.rows) break;
        const compare::Layer& layer = comparison.layers[i];
        if (!layer.is_explained && layer.causes.empty()) continue;
        fmt::print("\n{} ({}, rule {}): {}\n", layer.name, layer.kind, layer.rule, compare::explanation(layer));
        constexpr std::size_t most = 4;
        for (std::size_t k = 0; k < std::min(layer.causes.size(), most); ++k)
            fmt::print("    {}: {}\n", layer.causes[k].id, layer.causes[k].text);
        if (layer.first) fmt::print("    first: {}\n", compare::words(*layer.first));
    }
    if (search && !search->changes.empty() && search->explains_everything()) {
        fmt::print("\nThe smallest change of the profile that explains everything:\n");
        for (const auto& change : search->changes)
            fmt::print("    {}: {} instead of {}, explains {} layers\n", change.key, change.to, change.from,
                       change.explains);
    }
    fmt::print("\n{}\n", compare::verdict(comparison, search));
}

Result<std::map<std::string, Tensor>> given_inputs(const Options& options, const std::vector<engine::Port>& ports) {
    std::map<std::string, Tensor> given;
    if (options.input.files.empty()) return given;
    OCTET_ASSIGN(const auto tensors, make_inputs(ports, options.input, options.model));
    for (const std::string& file : options.input.files) {
        OCTET_ASSIGN(const auto assignment, split_assignment(file));
        for (std::size_t i = 0; i < ports.size(); ++i) {
            if (ports[i].name == assignment.first) given[ports[i].name] = tensors[i];
        }
    }
    return given;
}

Result<void> check_files(const Options& options) {
    std::vector<std::string> read = onnx::model_files(options.model), written;
    for (const std::string& file : {options.json, options.html, options.save_profile}) {
        if (!file.empty()) written.push_back(file);
    }
    for (const std::string& file :
         {options.dump.path, options.dump.manifest, options.dump.names, options.against_dump}) {
        if (!file.empty()) read.push_back(file);
    }
    for (const std::string& also : options.also) {
        OCTET_ASSIGN(const auto assignment, split_assignment(also));
        read.push_back(assignment.first);
        read.push_back(assignment.second);
    }
    OCTET_TRY(add_input_files(options.input, read));
    return check_outputs(written, read);
}

Result<compare::Observation> observe(const Options& options, const npu::Profile& profile, bool explains) {
    OCTET_ASSIGN(Graph graph, onnx::load(options.model, options.sizes));
    OCTET_ASSIGN(const std::shared_ptr<const compare::Emulation> emulation,
                 compare::Emulation::create(std::move(graph), profile, options.threads));
    const auto& ports = emulation->program().inputs;
    compare::Tensors given;
    compare::Side side;
    if (options.has_other_run()) {
        OCTET_ASSIGN(const auto inputs, make_inputs(ports, options.input, options.model));
        for (std::size_t i = 0; i < ports.size(); ++i)
            given[{.value = engine::no_quant, .tensor = ports[i].value}] = inputs[i];
        OCTET_ASSIGN(side, other_run(options, *emulation, inputs));
        if (side.tensors.empty())
            return fail(ErrorCode::invalid_argument, "{} and {} have no tensor in common", options.model, side.name);
    } else {
        OCTET_ASSIGN(compare::Dump opened, compare::Dump::open(options.dump));
        const auto dump = std::make_shared<const compare::Dump>(std::move(opened));
        OCTET_ASSIGN(const auto inputs, given_inputs(options, ports));
        OCTET_ASSIGN(given, compare::find_inputs(*emulation, *dump, inputs));
        OCTET_ASSIGN(const auto computed, compare::free_run(*emulation, given, *dump));
        OCTET_ASSIGN(side, compare::read_side(*emulation, dump, computed));
    }
    compare::ComparisonOptions how;
    how.explains = explains;
    std::optional<compare::Side> second;
    if (!options.against_dump.empty()) {
        compare::DumpOptions other = options.dump;
        other.path = options.against_dump;
        OCTET_ASSIGN(compare::Dump opened, compare::Dump::open(other));
        OCTET_ASSIGN(second, compare::read_side(*emulation, std::make_shared<const compare::Dump>(std::move(opened)),
                                                side.tensors));
        how.reference = &second->tensors;
    }
    OCTET_ASSIGN(compare::Comparison comparison, compare::compare_sides(*emulation, side, given, how));
    return compare::Observation{emulation, std::make_shared<const compare::Side>(std::move(side)),
                                std::make_shared<const compare::Comparison>(std::move(comparison))};
}

Result<void> write_results(const Options& options, const compare::Observation& observed,
                           const std::optional<compare::ProfileSearch>& search) {
    const nlohmann::ordered_json json = compare::to_json(*observed.comparison, search);
    if (!options.json.empty()) OCTET_TRY(write_file(options.json, json_text(json, 1) + "\n"));
    if (!options.html.empty())
        OCTET_TRY(write_file(
            options.html, compare::comparison_page(options.model, observed.side->name,
                                                   observed.emulation->profile().name, *observed.comparison, search)));
    return {};
}

Result<ExitCode> infer(const Options& options) {
    std::vector<Options> all = {options};
    for (const std::string& also : options.also) {
        Options other;
        other.threads = options.threads;
        OCTET_ASSIGN(std::tie(other.model, other.dump.path), split_assignment(also));
        all.push_back(std::move(other));
    }
    OCTET_ASSIGN(const compare::Inference inference,
                 compare::infer_profile([&](const npu::Profile& profile) -> Result<std::vector<compare::Observation>> {
                     std::vector<compare::Observation> observations;
                     for (const Options& one : all) {
                         auto observed = observe(one, profile, false);
                         if (!observed) return at(one.model, std::move(observed).error());
                         observations.push_back(std::move(*observed));
                     }
                     return observations;
                 }));
    fmt::print("{}", compare::words(inference));
    if (!options.save_profile.empty()) {
        OCTET_ASSIGN(const std::string text,
                     compare::changed_profile(inference.base, inference.search.changes, "inferred"));
        OCTET_TRY(write_file(options.save_profile, text));
    }
    if (!options.json.empty()) OCTET_TRY(write_file(options.json, json_text(compare::to_json(inference), 1) + "\n"));
    return inference.search.explains_everything() ? exit_ok : exit_check_failed;
}

Result<ExitCode> run(const Options& options) {
    if (options.lists_causes) {
        print_causes();
        return exit_ok;
    }
    if (options.model.empty()) return fail(ErrorCode::conflict, "a MODEL is needed");
    const int sides = int{!options.dump.path.empty()} + int{!options.against_profile.empty()} +
                      int{!options.against_backend.empty()} + int{!options.against_model.empty()};
    if (sides != 1)
        return fail(ErrorCode::conflict,
                    "one of --dump, --against-profile, --against-backend and --against-model is needed, {} are given",
                    sides);
    if (!options.against_dump.empty() && options.dump.path.empty())
        return fail(ErrorCode::conflict, "--against-dump compares with a --dump");
    if (options.infers != options.profile.empty())
        return fail(ErrorCode::conflict, "{}",
                    options.infers ? "--infer-profile finds the profile; leave out --profile"
                                   : "a --profile is needed, or --infer-profile");
    if (!options.also.empty() && !options.infers)
        return fail(ErrorCode::conflict, "--also gives --infer-profile more to explain");
    OCTET_TRY(check_files(options));
    if (options.infers) return infer(options);
    OCTET_ASSIGN(const npu::Profile profile, npu::load_profile(options.profile));
    OCTET_ASSIGN(const compare::Observation observed, observe(options, profile, true));
    for (const auto& notes : {observed.side->notes, observed.comparison->notes}) {
        for (const std::string& note : notes) print_notice(program, note);
    }
    std::optional<compare::ProfileSearch> search;
    if (!observed.comparison->diverging().empty() && !observed.side->is_float)
        search = compare::search_profile({observed});
    print_comparison(options, *observed.comparison, search);
    OCTET_TRY(write_results(options, observed, search));
    if (!options.save_profile.empty()) {
        if (!search || search->changes.empty() || !search->explains_everything()) {
            print_notice(program, "no profile is saved: there is no change that explains everything");
        } else {
            OCTET_ASSIGN(const std::string text,
                         compare::changed_profile(options.profile, search->changes, profile.name + "-changed"));
            OCTET_TRY(write_file(options.save_profile, text));
        }
    }
    return observed.comparison->identical() ? exit_ok : exit_check_failed;
}

int compare_main(int argc, char** argv) {
    CLI::App app("Compares a network's tensors with a dump, layer by layer, and says why they differ", program);
    Options options;
    declare(app, options);
    return run_program(app, argc, argv, [&] {
        if (!options.layout.empty()) options.dump.layout = compare::parse_layout(options.layout);
        if (options.type == "u8") options.dump.dtype = DType::uint8;
        if (options.type == "s8") options.dump.dtype = DType::int8;
        if (options.type == "s16") options.dump.dtype = DType::int16;
        if (options.type == "f32") options.dump.dtype = DType::float32;
        return run(options);
    });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::compare_main);
}
