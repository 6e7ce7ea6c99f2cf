// yolop-run: vehicles, drivable area and lanes on pictures.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/common/cli.h"
#include "apps/common/model_options.h"
#include "apps/common/network.h"
#include "apps/common/progress.h"
#include "base/file.h"
#include "base/json_text.h"
#include "base/stopwatch.h"
#include "frontends/npy.h"
#include "vision/image_files.h"
#include "yolop/overlay.h"
#include "yolop/yolop.h"

namespace octet::apps {
namespace {

constexpr const char* program = "yolop-run";
constexpr const char* picture_suffix = ".yolop.png";
constexpr const char* drivable_suffix = ".drivable.png";
constexpr const char* lane_suffix = ".lane.png";

struct Options {
    std::vector<std::string> inputs;
    std::string model = default_model();
    onnx::ImportOptions sizes;
    engine::CompileOptions compile;
    std::string out_folder = ".";
    yolop::DetectionOptions detection;
    int threads = 0;
    std::string json;  // file, or "-" for stdout
    bool masks = false;
    std::string npy_folder;
};

void declare(CLI::App& app, Options& options) {
    app.add_option("IMAGE|DIR", options.inputs, "JPEG, PNG or BMP files, or folders of them")->required();
    app.add_option("-m,--model", options.model, "The network, an ONNX file")->capture_default_str();
    add_size_options(app, options.sizes);
    add_backend_options(app, options.compile);
    app.add_option("-o,--output", options.out_folder, "Folder for the pictures")->capture_default_str();
    app.add_option("--conf", options.detection.confidence, "Smallest score of a vehicle")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    app.add_option("--iou", options.detection.iou, "A box that overlaps a better one by more is left out")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    add_threads_option(app, options.threads);
    app.add_option("--json", options.json, "Write the results as JSON; -: to stdout, in place of the lines");
    app.add_flag("--masks", options.masks, "Write NAME.drivable.png and NAME.lane.png too: 255 is the class");
    app.add_option("--npy", options.npy_folder,
                   "Folder for the network's outputs: NAME.det_out.npy, NAME.drive_area_seg.npy, "
                   "NAME.lane_line_seg.npy");
    app.footer(
        "Writes NAME.yolop.png for each image NAME.*, by default into the current folder.\n"
        "Exit code 3 when an image failed; the others are done nevertheless.\n\n"
        "Examples:\n"
        "  yolop-run street.png\n"
        "  yolop-run pictures -o drawn --masks --json results.json");
}

// The images that the arguments name: files as they are, of a folder those with an image's extension but the pictures
// that this program writes.
Result<std::vector<std::string>> collect(const std::vector<std::string>& inputs) {
    namespace fs = std::filesystem;
    std::vector<std::string> images;
    for (const std::string& input : inputs) {
        std::error_code error;
        if (!fs::is_directory(input, error)) {
            images.push_back(input);
            continue;
        }
        OCTET_ASSIGN(const vision::ImageFolder found,
                     vision::list_images(input, {picture_suffix, drivable_suffix, lane_suffix}));
        if (!found.passed_over.empty()) print_notice(program, found.passed_over);
        images.insert(images.end(), found.images.begin(), found.images.end());
    }
    std::map<std::string, std::string> by_stem;
    for (const std::string& image : images) {
        const auto [other, fresh] = by_stem.emplace(stem_of(image), image);
        if (!fresh)
            return fail(ErrorCode::invalid_argument, "{} and {} would both be written as {}{}", other->second, image,
                        other->first, picture_suffix);
    }
    return images;
}

// Where the results of one image go.
struct ResultFiles {
    std::string picture;
    std::string drivable{}, lane{};                            // empty without --masks
    std::string det_out{}, drive_area_seg{}, lane_line_seg{};  // empty without --npy
};

ResultFiles files_for(const std::string& image, const Options& options) {
    const std::string stem = stem_of(image);
    const std::string out = (std::filesystem::path(options.out_folder) / stem).string();
    ResultFiles files{.picture = out + picture_suffix};
    if (options.masks) {
        files.drivable = out + drivable_suffix;
        files.lane = out + lane_suffix;
    }
    if (!options.npy_folder.empty()) {
        const std::string npy = (std::filesystem::path(options.npy_folder) / stem).string();
        files.det_out = npy + ".det_out.npy";
        files.drive_area_seg = npy + ".drive_area_seg.npy";
        files.lane_line_seg = npy + ".lane_line_seg.npy";
    }
    return files;
}

// Before the work: the results can be written, and onto nothing that is read.
Result<void> check_files(const std::vector<std::string>& images, const Options& options) {
    std::vector<std::string> inputs = onnx::model_files(options.model), outputs;
    inputs.insert(inputs.end(), images.begin(), images.end());
    for (const std::string& image : images) {
        const ResultFiles files = files_for(image, options);
        for (const std::string& file :
             {files.picture, files.drivable, files.lane, files.det_out, files.drive_area_seg, files.lane_line_seg})
            if (!file.empty()) outputs.push_back(file);
    }
    if (!options.json.empty() && options.json != "-") outputs.push_back(options.json);
    return check_outputs(outputs, inputs);
}

struct ImageReport {
    yolop::YolopResult result;
    double load_ms = 0;
    double drivable_pct = 0, lane_pct = 0;
};

Result<void> save_mask(vision::Image mask, const std::string& path) {
    for (std::uint8_t& pixel : mask.pixels) pixel = pixel ? 255 : 0;
    return vision::save_png(mask, path);
}

Result<ImageReport> process(yolop::Yolop& yolop, const std::string& path, const Options& options) {
    ImageReport report;
    Stopwatch watch;
    OCTET_ASSIGN(const vision::Image frame, vision::load_image(path));
    report.load_ms = watch.lap();
    auto result = yolop.run(frame, options.detection);
    if (!result) return at(path, std::move(result).error());
    report.result = std::move(*result);

    watch.lap();
    const vision::Image drivable = vision::frame_mask(report.result.drivable, report.result.transform);
    const vision::Image lane = vision::frame_mask(report.result.lane, report.result.transform);
    report.result.times.postprocess_ms += watch.lap();
    report.drivable_pct = yolop::covered_pct(drivable);
    report.lane_pct = yolop::covered_pct(lane);
    const ResultFiles files = files_for(path, options);
    OCTET_TRY(vision::save_png(yolop::draw_overlay(frame, report.result.vehicles, drivable, lane), files.picture));
    if (options.masks) {
        OCTET_TRY(save_mask(drivable, files.drivable));
        OCTET_TRY(save_mask(lane, files.lane));
    }
    if (!options.npy_folder.empty()) {
        OCTET_TRY(save_npy(report.result.det_out, files.det_out));
        OCTET_TRY(save_npy(report.result.drivable, files.drive_area_seg));
        OCTET_TRY(save_npy(report.result.lane, files.lane_line_seg));
    }
    return report;
}

std::string line_of(const std::string& path, const ImageReport& report) {
    const auto& [preprocess, inference, postprocess] = report.result.times;
    const std::size_t vehicles = report.result.vehicles.size();
    return fmt::format(
        "{}: {} vehicle{}, drivable {:.1f} %, lanes {:.1f} %; load {:.1f} ms, preprocess {:.1f} ms, network {:.1f} ms, "
        "postprocess {:.1f} ms",
        path, vehicles, vehicles == 1 ? "" : "s", report.drivable_pct, report.lane_pct, report.load_ms, preprocess,
        inference, postprocess);
}

nlohmann::json json_of(const std::string& path, const ImageReport& report) {
    const yolop::YolopResult& result = report.result;
    nlohmann::json vehicles = nlohmann::json::array();
    for (const yolop::Detection& one : result.vehicles)
        vehicles.push_back({{"x1_px", one.box.x1},
                            {"y1_px", one.box.y1},
                            {"x2_px", one.box.x2},
                            {"y2_px", one.box.y2},
                            {"score", one.score},
                            {"class", one.label}});
    return {{"file", path},
            {"width_px", result.transform.frame_width},
            {"height_px", result.transform.frame_height},
            {"vehicles", std::move(vehicles)},
            {"drivable_pct", report.drivable_pct},
            {"lane_pct", report.lane_pct},
            {"load_ms", report.load_ms},
            {"preprocess_ms", result.times.preprocess_ms},
            {"inference_ms", result.times.inference_ms},
            {"postprocess_ms", result.times.postprocess_ms}};
}

// 0.3, not the 0.30000001192092896 that it is as a double.
double shortest(float value) {
    return std::stod(fmt::format("{}", value));
}

Result<ExitCode> run(const Options& options) {
    OCTET_ASSIGN(const std::vector<std::string> images, collect(options.inputs));
    OCTET_TRY(check_files(images, options));
    OCTET_ASSIGN(const auto executable, load_network(program, options.model, options.sizes, options.compile));
    OCTET_ASSIGN(yolop::Yolop yolop, yolop::Yolop::create(executable, options.model, {.threads = options.threads}));
    // With JSON on stdout the lines would be in its way.
    std::FILE* const lines = options.json == "-" ? stderr : stdout;

    nlohmann::json results = nlohmann::json::array();
    ExitCode code = exit_ok;
    Progress progress(program, images.size());
    for (const std::string& path : images) {
        const auto report = process(yolop, path, options);
        progress.hide();
        if (report) {
            if (!is_quiet()) fmt::print(lines, "{}\n", line_of(path, *report));
            std::fflush(lines);
            results.push_back(json_of(path, *report));
        } else {
            print_error(program, report.error().message);
            results.push_back({{"file", path}, {"error", report.error().message}});
            code = exit_error;
        }
        progress.step();
    }
    if (options.json.empty()) return code;
    const nlohmann::json whole = {{"model", options.model},
                                  {"input_width_px", yolop.input_width()},
                                  {"input_height_px", yolop.input_height()},
                                  {"confidence", shortest(options.detection.confidence)},
                                  {"iou", shortest(options.detection.iou)},
                                  {"images", std::move(results)}};
    const std::string text = json_text(whole, 1) + "\n";
    if (options.json == "-")
        fmt::print("{}", text);
    else
        OCTET_TRY(write_file(options.json, text));
    return code;
}

int yolop_main(int argc, char** argv) {
    CLI::App app("Finds vehicles, drivable area and lane lines on pictures, by a YOLOP network", program);
    Options options;
    declare(app, options);
    return run_program(app, argc, argv, [&] { return run(options); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::yolop_main);
}
