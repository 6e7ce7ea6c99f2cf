// octet-eval: a YOLOP network's accuracy on a labelled set.

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/common/cli.h"
#include "apps/common/model_options.h"
#include "apps/common/network.h"
#include "apps/common/progress.h"
#include "apps/common/table.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json_text.h"
#include "frontends/onnx/importer.h"
#include "yolop/evaluate.h"

namespace octet::apps {
namespace {

constexpr const char* program = "octet-eval";
constexpr std::size_t max_model_file = std::size_t{1} << 32;

struct Options {
    std::string set;
    std::string model = default_model();
    onnx::ImportOptions sizes;
    engine::CompileOptions compile;
    bool json = false, markdown = false;
    std::string shard;  // "i/n"
    std::string output;
    std::vector<std::string> merge_files;
    std::pair<std::string, std::string> compared;  // a vector would swallow SET
    int threads = 0;
    std::int64_t limit = 0;  // 0: all
};

// BDD100K frames are not free to pass on, so they lie beside the repository, where they are there.
std::string default_set() {
    const std::string resources = resource_folder();
    const std::string bdd = resources + "/../shared/data/bdd/val";
    std::error_code error;
    if (std::filesystem::exists(bdd + "/list.txt", error))
        return std::filesystem::weakly_canonical(bdd, error).string();
    return resources + "/data/scenes";
}

struct Shard {
    std::int64_t part = 0, parts = 1;
};

Result<Shard> parse_shard(const std::string& text) {
    Shard shard;
    int used = 0;
    if (text.empty()) return shard;
    const bool read = std::sscanf(text.c_str(), "%9ld/%9ld%n", &shard.part, &shard.parts, &used) == 2;
    if (!read || used != static_cast<int>(text.size()) || shard.parts < 1 || shard.part < 0 || shard.part > shard.parts)
        return fail(ErrorCode::invalid_argument, "{}: not i/n with i in 0 … n - 1, or 1 … n", text);
    shard.part %= shard.parts;  // so that counting from 1 covers the set as well
    return shard;
}

std::string check_shard(const std::string& text) {
    const auto shard = parse_shard(text);
    return shard ? std::string() : shard.error().message;
}

void declare(CLI::App& app, Options& options) {
    app.add_option("SET", options.set,
                   "Folder with list.txt, images/, boxes/, drivable/, lane/; without it "
                   "../shared/data/bdd/val beside the repository or else the repository's data/scenes");
    app.add_option("-m,--model", options.model, "The network, an ONNX file")->capture_default_str();
    add_size_options(app, options.sizes);
    add_backend_options(app, options.compile);
    app.add_flag("--json", options.json, "Print JSON");
    auto* shard =
        app.add_option("--shard", options.shard,
                       "i/n: only the images i, i + n, i + 2n … of the set; gives a partial result for --merge")
            ->check(check_shard);
    app.add_option("-o,--output", options.output, "File for the result, in place of stdout");
    auto* merge = app.add_option("--merge", options.merge_files, "Partial results: the metrics of the whole set");
    auto* compare = app.add_option("--compare", options.compared,
                                   "Two networks, FP32 and INT8: the metrics of both and the difference");
    app.add_flag("--markdown", options.markdown, "Print the table of --compare as Markdown");
    add_threads_option(app, options.threads);
    app.add_option("--limit", options.limit, "Only the first N images of the set; 0: all")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    merge->excludes(shard)->excludes(compare);
    compare->excludes(shard);
    app.footer(
        "Results do not depend on --threads, nor on how the set was split for --shard and --merge.\n\n"
        "Examples:\n"
        "  octet-eval -m model.onnx set\n"
        "  octet-eval --compare model.onnx model-int8.onnx set --limit 100");
}

Result<yolop::Dataset> open_set(const Options& options) {
    OCTET_ASSIGN(yolop::Dataset dataset, yolop::load_dataset(options.set.empty() ? default_set() : options.set));
    const auto limit = static_cast<std::size_t>(options.limit);
    if (limit > 0 && limit < dataset.names.size()) dataset.names.resize(limit);
    return dataset;
}

Result<std::vector<yolop::ImageRecord>> evaluate_model(const Options& options, const std::string& model,
                                                       const yolop::Dataset& dataset, const Shard& shard) {
    OCTET_ASSIGN(const auto executable, load_network(program, model, options.sizes, options.compile));
    std::vector<std::int64_t> indices;
    for (auto i = shard.part; i < static_cast<std::int64_t>(dataset.names.size()); i += shard.parts)
        indices.push_back(i);
    Progress progress(program, indices.size());
    return yolop::evaluate(executable, model, dataset, indices, options.threads, [&] { progress.step(); });
}

// All that an evaluation reads.
std::vector<std::string> files_of(const yolop::Dataset& dataset, const std::vector<std::string>& models) {
    std::vector<std::string> files = yolop::dataset_files(dataset);
    for (const std::string& model : models) {
        const std::vector<std::string> parts = onnx::model_files(model);
        files.insert(files.end(), parts.begin(), parts.end());
    }
    return files;
}

Result<ExitCode> emit(const Options& options, const std::string& text) {
    if (options.output.empty())
        fmt::print("{}", text);
    else
        OCTET_TRY(write_file(options.output, text));
    return exit_ok;
}

nlohmann::json to_json(const yolop::Metrics& metrics) {
    return {{"recall_pct", metrics.recall_pct},
            {"map50_pct", metrics.map50_pct},
            {"drivable_miou_pct", metrics.drivable_miou_pct},
            {"lane_iou_pct", metrics.lane_iou_pct},
            {"lane_accuracy_pct", metrics.lane_accuracy_pct},
            {"images", metrics.images}};
}

struct MetricRow {
    const char* title;
    double yolop::Metrics::*value;
};
constexpr MetricRow metric_rows[] = {{"drivable mIoU [%]", &yolop::Metrics::drivable_miou_pct},
                                     {"lane IoU [%]", &yolop::Metrics::lane_iou_pct},
                                     {"lane accuracy [%]", &yolop::Metrics::lane_accuracy_pct},
                                     {"detection recall [%]", &yolop::Metrics::recall_pct},
                                     {"detection mAP50 [%]", &yolop::Metrics::map50_pct}};

std::string format_metrics(const yolop::Metrics& metrics, bool json) {
    if (json) return json_text(to_json(metrics), 1) + "\n";
    Table table{{fmt::format("{} images", metrics.images), ""}, {}};
    for (const auto& [title, value] : metric_rows) table.rows.push_back({title, fmt::format("{:.3f}", metrics.*value)});
    return table.text();
}

Result<ExitCode> run_merge(const Options& options) {
    if (!options.output.empty()) OCTET_TRY(check_outputs({options.output}, options.merge_files));
    std::vector<yolop::PartialEvaluation> parts;
    for (const std::string& file : options.merge_files) {
        OCTET_ASSIGN(const auto bytes, read_file(file, max_model_file));
        OCTET_ASSIGN(yolop::PartialEvaluation part,
                     yolop::parse_partial(std::string(bytes.begin(), bytes.end()), file));
        parts.push_back(std::move(part));
    }
    OCTET_ASSIGN(std::vector<yolop::ImageRecord> records, yolop::merge(parts, options.merge_files));
    return emit(options, format_metrics(yolop::summarize(std::move(records)), options.json));
}

Result<ExitCode> run_compare(const Options& options) {
    OCTET_ASSIGN(const yolop::Dataset dataset, open_set(options));
    const std::vector<std::string> models{options.compared.first, options.compared.second};
    if (!options.output.empty()) OCTET_TRY(check_outputs({options.output}, files_of(dataset, models)));
    std::vector<yolop::Metrics> metrics;
    std::vector<std::uintmax_t> bytes;
    for (const std::string& model : models) {
        OCTET_ASSIGN(std::vector<yolop::ImageRecord> records, evaluate_model(options, model, dataset, {}));
        metrics.push_back(yolop::summarize(std::move(records)));
        std::error_code error;  // it has just been read
        bytes.push_back(std::filesystem::file_size(model, error));
    }
    if (options.json) {
        nlohmann::json reports = nlohmann::json::array();
        for (std::size_t i = 0; i < 2; ++i)
            reports.push_back({{"path", models[i]}, {"bytes", bytes[i]}, {"metrics", to_json(metrics[i])}});
        return emit(options, json_text(nlohmann::json{{"models", std::move(reports)}}, 1) + "\n");
    }
    Table table{{fmt::format("{} images", metrics[0].images), "FP32", "INT8", "difference"}, {}};
    const auto megabytes = [](std::uintmax_t size) { return static_cast<double>(size) / 1e6; };
    table.rows.push_back({"size [MB]", fmt::format("{:.2f}", megabytes(bytes[0])),
                          fmt::format("{:.2f}", megabytes(bytes[1])),
                          fmt::format("{:+.2f}", megabytes(bytes[1]) - megabytes(bytes[0]))});
    for (const auto& [title, value] : metric_rows)
        table.rows.push_back({title, fmt::format("{:.2f}", metrics[0].*value), fmt::format("{:.2f}", metrics[1].*value),
                              fmt::format("{:+.2f}", metrics[1].*value - metrics[0].*value)});
    return emit(options, options.markdown ? table.markdown() : table.text());
}

Result<ExitCode> run_evaluation(const Options& options) {
    OCTET_ASSIGN(const Shard shard, parse_shard(options.shard));
    OCTET_ASSIGN(const yolop::Dataset dataset, open_set(options));
    if (!options.output.empty()) OCTET_TRY(check_outputs({options.output}, files_of(dataset, {options.model})));
    OCTET_ASSIGN(std::vector<yolop::ImageRecord> records, evaluate_model(options, options.model, dataset, shard));
    if (options.shard.empty()) return emit(options, format_metrics(yolop::summarize(std::move(records)), options.json));

    OCTET_ASSIGN(const auto model_bytes, read_file(options.model, max_model_file));
    OCTET_ASSIGN(const Graph graph, onnx::load(options.model, options.sizes));
    return emit(options,
                yolop::to_json(yolop::PartialEvaluation{.model = options.model,
                                                        .model_digest = digest(model_bytes),
                                                        .input = to_string(*graph.value(graph.inputs[0]).shape),
                                                        .set_digest = digest(dataset.names),
                                                        .set_images = static_cast<std::int64_t>(dataset.names.size()),
                                                        .records = std::move(records)}));
}

Result<ExitCode> run(const Options& options) {
    if (!options.merge_files.empty()) return run_merge(options);
    if (!options.compared.first.empty()) return run_compare(options);
    return run_evaluation(options);
}

int eval_main(int argc, char** argv) {
    CLI::App app("Measures the accuracy of a YOLOP network on a labelled set", program);
    Options options;
    declare(app, options);
    return run_program(app, argc, argv, [&] { return run(options); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::eval_main);
}
