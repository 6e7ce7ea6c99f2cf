// octet-vectors PROFILE [PROFILE] -o FOLDER: inputs and one-layer networks that tell rules apart.

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/common/cli.h"
#include "base/file.h"
#include "base/json_text.h"
#include "compare/vectors.h"
#include "engine/npu_emu/profile.h"
#include "frontends/npy.h"
#include "frontends/onnx/exporter.h"
#include "graph/ops/infer.h"

namespace octet::apps {
namespace {

namespace fs = std::filesystem;
namespace npu = engine::npu_emu;

struct Options {
    std::vector<std::string> profiles;
    std::string out;
    bool all = false;
};

// One pair in a line: what tells the two apart, or why nothing does.
std::string words(const compare::Pair& pair) {
    const std::string both = fmt::format("{}: {} | {}", pair.kind, pair.a, pair.b);
    if (pair.differing > 0) return fmt::format("{}: {}, {} of {} values", both, pair.vector, pair.differing, pair.of);
    if (!pair.proof.empty()) return fmt::format("{}: equal: {}", both, pair.proof);
    if (pair.tried == 0) return fmt::format("{}: no vector that both can compute", both);
    return fmt::format("{}: equal on all {} values tried, without a proof", both, pair.tried);
}

nlohmann::ordered_json to_json(const compare::Pair& pair) {
    nlohmann::ordered_json json = {{"op", pair.kind}, {"a", pair.a}, {"b", pair.b}};
    json["separated_by"] = pair.differing > 0 ? nlohmann::ordered_json(pair.vector) : nlohmann::ordered_json();
    json["differing"] = pair.differing;
    json["of"] = pair.of;
    json["values_tried"] = pair.tried;
    json["proof_of_equality"] = pair.proof.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(pair.proof);
    return json;
}

// The settings to be told apart: the rules of the profiles, and of one profile alone those of all others too.
std::vector<compare::Setting> chosen(const std::string& kind, const std::vector<npu::Profile>& profiles, bool all) {
    std::vector<compare::Setting> settings = compare::settings(kind);
    if (all || profiles.size() != 2) return settings;
    std::erase_if(settings, [&](const compare::Setting& setting) {
        return std::none_of(profiles.begin(), profiles.end(),
                            [&](const npu::Profile& profile) { return profile.rule(kind) == setting.id; });
    });
    return settings;
}

bool concerns(const compare::Pair& pair, const std::vector<npu::Profile>& profiles, bool all) {
    return all || profiles.size() == 2 ||
           std::any_of(profiles.begin(), profiles.end(), [&](const npu::Profile& profile) {
               const auto rule = profile.rule(pair.kind);
               return rule == pair.a || rule == pair.b;
           });
}

Result<nlohmann::ordered_json> write_vector(const Options& options, const compare::Vector& vector,
                                            const std::vector<npu::Profile>& profiles) {
    const fs::path folder = options.out;
    nlohmann::ordered_json entry = {{"name", vector.name}, {"op", vector.kind}, {"about", vector.about}};
    const std::string model = vector.name + ".onnx";
    Graph graph = vector.graph;
    OCTET_TRY(infer_shapes(graph));
    OCTET_TRY(onnx::save(graph, (folder / model).string()));
    entry["model"] = model;
    for (std::size_t i = 0; i < vector.inputs.size(); ++i) {
        const std::string name = vector.graph.value(vector.graph.inputs[i]).name,
                          file = fmt::format("{}.{}.npy", vector.name, name);
        OCTET_TRY(save_npy(vector.inputs[i], (folder / file).string()));
        entry["inputs"][name] = file;
    }
    OCTET_ASSIGN(const auto emulation, compare::emulation_of(vector));
    for (const npu::Profile& profile : profiles) {
        const auto result =
            compare::result_of(vector, *emulation, {profile.name, [&](npu::Profile& p) { p = profile; }});
        if (!result) continue;
        const std::string file = fmt::format("{}.{}.npy", vector.name, file_name_for(profile.name));
        OCTET_TRY(save_npy(*result, (folder / file).string()));
        entry["expected"][profile.name] = file;
    }
    return entry;
}

Result<ExitCode> run(const Options& options) {
    std::vector<npu::Profile> profiles;
    for (const std::string& name : options.profiles) {
        OCTET_ASSIGN(profiles.emplace_back(), npu::load_profile(name));
    }
    if (!options.out.empty()) OCTET_TRY(check_folder_writable(options.out));
    nlohmann::ordered_json pairs = nlohmann::ordered_json::array(), vectors = nlohmann::ordered_json::array();
    for (const std::string& kind : compare::vector_kinds()) {
        OCTET_ASSIGN(const compare::Matrix matrix, compare::make_matrix(kind, chosen(kind, profiles, options.all)));
        std::set<std::string> used;
        for (const compare::Pair& pair : matrix.pairs) {
            if (!concerns(pair, profiles, options.all)) continue;
            fmt::print("{}\n", words(pair));
            pairs.push_back(to_json(pair));
            used.insert(pair.vector);
        }
        if (options.out.empty()) continue;
        for (const compare::Vector& vector : compare::make_vectors(kind)) {
            if (profiles.size() == 2 && !options.all && !used.contains(vector.name)) continue;
            OCTET_ASSIGN(auto entry, write_vector(options, vector, profiles));
            vectors.push_back(std::move(entry));
        }
    }
    if (options.out.empty()) return exit_ok;
    const nlohmann::ordered_json manifest = {{"profiles", options.profiles}, {"vectors", vectors}, {"matrix", pairs}};
    OCTET_TRY(write_file((fs::path(options.out) / "vectors.json").string(), json_text(manifest, 1) + "\n"));
    if (!is_quiet()) fmt::print("{} vectors: {}\n", vectors.size(), options.out);
    return exit_ok;
}

int vectors_main(int argc, char** argv) {
    CLI::App app("Makes inputs and one-layer networks that tell rules of arithmetic apart", "octet-vectors");
    Options options;
    app.add_option("PROFILE", options.profiles,
                   "One: its rules against all others; two: against one another. A JSON file, or a name as octet-run's")
        ->required()
        ->expected(1, 2);
    app.add_option("-o,--output", options.out,
                   "A folder for NAME.onnx, NAME.INPUT.npy, NAME.PROFILE.npy with what is expected, and vectors.json; "
                   "of one profile every vector, of two those that tell them apart");
    app.add_flag("--all", options.all, "Every pair of rules, whatever the profiles have");
    app.footer(
        "Prints every pair of rules: the vector that tells them apart and on how many values, or why they are "
        "equal.\n\n"
        "Examples:\n"
        "  octet-vectors tflite-double\n"
        "  octet-vectors tflite-double ruy-x86 -o vectors");
    return run_program(app, argc, argv, [&] { return run(options); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::vectors_main);
}
