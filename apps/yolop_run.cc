// yolop-run: vehicles, drivable area and lanes on pictures and videos.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "apps/common/cli.h"
#include "apps/common/interruption.h"
#include "apps/common/model_options.h"
#include "apps/common/network.h"
#include "apps/common/progress.h"
#include "apps/common/text_output.h"
#include "apps/common/yolop_results.h"
#include "apps/common/yolop_video.h"
#include "base/file.h"
#include "base/json_text.h"
#include "base/stopwatch.h"
#include "frontends/npy.h"
#include "vision/image_files.h"
#include "yolop/analysis.h"
#include "yolop/overlay.h"
#include "yolop/pipeline.h"

namespace octet::apps {
namespace {

constexpr const char* program = "yolop-run";
constexpr const char* png_suffix = ".yolop.png";
constexpr const char* jpg_suffix = ".yolop.jpg";
constexpr const char* drivable_suffix = ".drivable.png";
constexpr const char* lane_suffix = ".lane.png";

constexpr int default_quality = 90;

struct Options {
    std::vector<std::string> inputs;
    std::string model = default_model();
    onnx::ImportOptions sizes;
    engine::CompileOptions compile;
    std::string out_folder = ".";
    yolop::DetectionOptions detection;
    int threads = 0;
    std::string format = "png";
    std::optional<int> quality;
    bool no_overlay = false;
    std::string json;  // file, or "-" for stdout
    bool masks = false;
    std::string npy_folder;
    VideoJob video;
    std::string raw_size;
    std::string raw_format = vision::RawFrames().pixel_format;

    const char* picture_suffix() const { return format == "jpg" ? jpg_suffix : png_suffix; }
};

std::optional<vision::RawFrames> parse_raw(const std::string& size, const std::string& format) {
    vision::RawFrames raw{.pixel_format = format};
    int used = 0;
    const bool read = std::sscanf(size.c_str(), "%6dx%6d%n", &raw.width, &raw.height, &used) == 2;
    if (!read || used != static_cast<int>(size.size()) || raw.width < 1 || raw.height < 1) return std::nullopt;
    return raw;
}

// Options that are of videos only.
constexpr const char* video_group = "Videos";

void declare_video(CLI::App& app, Options& options) {
    vision::VideoSource& source = options.video.source;
    app.add_option("--every", source.every, "Only the first of N frames, and the next first …")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
        ->capture_default_str()
        ->group(video_group);
    app.add_option("--codec", options.video.encoder,
                   "FFmpeg's encoder for the MP4 file; libx264 unless given, mpeg4 where that is missing")
        ->group(video_group);
    app.add_option("--raw-size", options.raw_size, "WIDTHxHEIGHT: the input is raw frames one behind the other")
        ->check([](const std::string& text) {
            return parse_raw(text, {}) ? std::string() : text + ": not WIDTHxHEIGHT in pixels";
        })
        ->group(video_group);
    app.add_option("--raw-format", options.raw_format, "Their pixels, as FFmpeg names them: rgb24, yuv420p, nv12 …")
        ->capture_default_str()
        ->group(video_group);
    app.add_option("--frame-rate", source.frame_rate,
                   "Frames a second of raw frames and numbered pictures, and what a camera is asked for")
        ->check(CLI::Range(0.001, 100000.0))
        ->capture_default_str()
        ->group(video_group);
    app.add_flag("--camera", source.is_camera, "The input is a device of Video4Linux, /dev/video0 for one (untried)")
        ->group(video_group);
}

void declare(CLI::App& app, Options& options) {
    app.add_option(
           "IMAGE|DIR|VIDEO", options.inputs,
           "JPEG, PNG or BMP files, or folders of them; or videos: files, numbered pictures as frames/%06d.png, "
           "- for stdin, a camera's device with --camera")
        ->required();
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
    app.add_option("--format", options.format, "Of the pictures: png, which loses nothing, or jpg")
        ->check(CLI::IsMember({"png", "jpg"}))
        ->capture_default_str();
    app.add_option("--quality", options.quality,
                   fmt::format("Of --format jpg, 1 to 100; {} unless given", default_quality))
        ->check(CLI::Range(1, 100));
    app.add_flag("--no-overlay", options.no_overlay, "Draw and write no pictures");
    app.add_option("--json", options.json,
                   "Write the results as JSON, of videos a line a frame; -: to stdout, in place of the lines");
    app.add_flag("--masks", options.masks, "Write NAME.drivable.png and NAME.lane.png too: 255 is the class");
    app.add_option("--npy", options.npy_folder,
                   "Folder for the network's outputs: NAME.det_out.npy, NAME.drive_area_seg.npy, "
                   "NAME.lane_line_seg.npy");
    declare_video(app, options);
    app.footer(
        "Writes NAME.yolop.png for each image NAME.*, by default into the current folder. The pictures are worked on\n"
        "side by side, one a thread; results come in the order of the pictures. Of videos it writes NAME.yolop.mp4 "
        "with\n"
        "their time stamps; Ctrl-C leaves complete files of the frames before.\n"
        "Exit code 3 when an image failed; the others are done nevertheless.\n\n"
        "Examples:\n"
        "  yolop-run street.png\n"
        "  yolop-run pictures -o drawn --masks --json results.json\n"
        "  yolop-run pictures --no-overlay --json -\n"
        "  yolop-run clip.mp4 --json clip.jsonl --every 2\n"
        "  yolop-run - --raw-size 1280x720 --raw-format nv12 --frame-rate 30");
}

// The images that the arguments name: files as they are, of a folder those with an image's extension but the pictures
// that this program writes.
Result<std::vector<std::string>> collect(const Options& options) {
    namespace fs = std::filesystem;
    std::vector<std::string> images;
    for (const std::string& input : options.inputs) {
        std::error_code error;
        if (!fs::is_directory(input, error)) {
            images.push_back(input);
            continue;
        }
        OCTET_ASSIGN(const vision::ImageFolder found,
                     vision::list_images(input, {png_suffix, jpg_suffix, drivable_suffix, lane_suffix}));
        if (!found.passed_over.empty()) print_notice(program, found.passed_over);
        images.insert(images.end(), found.images.begin(), found.images.end());
    }
    std::map<std::string, std::string> by_stem;
    for (const std::string& image : images) {
        const auto [other, fresh] = by_stem.emplace(stem_of(image), image);
        if (!fresh)
            return fail(ErrorCode::invalid_argument, "{} and {} would both be written as {}{}", other->second, image,
                        other->first, options.picture_suffix());
    }
    return images;
}

// Where the results of one image go.
struct ResultFiles {
    std::string picture{};                                     // empty with --no-overlay
    std::string drivable{}, lane{};                            // empty without --masks
    std::string det_out{}, drive_area_seg{}, lane_line_seg{};  // empty without --npy
};

ResultFiles files_for(const std::string& image, const Options& options) {
    const std::string stem = stem_of(image);
    const std::string out = (std::filesystem::path(options.out_folder) / stem).string();
    ResultFiles files;
    if (!options.no_overlay) files.picture = out + options.picture_suffix();
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

Result<void> save_mask(vision::Image mask, const std::string& path) {
    for (std::uint8_t& pixel : mask.pixels) pixel = pixel ? 255 : 0;
    return vision::save_png(mask, path);
}

Result<void> save_picture(const vision::Image& picture, const std::string& path, const Options& options) {
    return options.format == "jpg" ? vision::save_jpeg(picture, path, options.quality.value_or(default_quality))
                                   : vision::save_png(picture, path);
}

Result<YolopFinding> process(yolop::Yolop& network, const std::string& path, const Options& options) {
    Stopwatch watch;
    OCTET_ASSIGN(vision::Image frame, vision::load_image(path));
    const double load_ms = watch.lap();
    auto analysis = yolop::analyse(network, frame, options.detection);
    if (!analysis) return at(path, std::move(analysis).error());
    YolopFinding finding = finding_of(*analysis);
    finding.times.load_ms = load_ms;

    watch.lap();
    const ResultFiles files = files_for(path, options);
    if (!files.picture.empty()) {
        const vision::Image picture =
            yolop::draw_overlay(std::move(frame), finding.vehicles, analysis->drivable, analysis->lane);
        finding.times.draw_ms = watch.lap();
        if (!options.masks) analysis->drivable = analysis->lane = vision::Image();  // of a large picture they are large
        OCTET_TRY(save_picture(picture, files.picture, options));
    }
    if (options.masks) {
        OCTET_TRY(save_mask(std::move(analysis->drivable), files.drivable));
        OCTET_TRY(save_mask(std::move(analysis->lane), files.lane));
    }
    if (!options.npy_folder.empty()) {
        OCTET_TRY(save_npy(analysis->result.det_out, files.det_out));
        OCTET_TRY(save_npy(analysis->result.drivable, files.drive_area_seg));
        OCTET_TRY(save_npy(analysis->result.lane, files.lane_line_seg));
    }
    finding.times.write_ms = watch.lap();
    return finding;
}

// With JSON on stdout the lines would be in its way.
std::FILE* lines_of(const Options& options) {
    return options.json == "-" ? stderr : stdout;
}

Result<std::optional<JsonArrayOutput>> open_json(const Options& options, const yolop::Pipeline& pipeline) {
    if (options.json.empty()) return std::nullopt;
    const nlohmann::json whole = {{"model", options.model},
                                  {"input_width_px", pipeline.input_width()},
                                  {"input_height_px", pipeline.input_height()},
                                  {"confidence", shortest(options.detection.confidence)},
                                  {"iou", shortest(options.detection.iou)},
                                  {"images", nlohmann::json::array()}};
    OCTET_ASSIGN(JsonArrayOutput json, JsonArrayOutput::create(options.json, json_text(whole, 1), "images"));
    return json;
}

// What is said of each picture, in their order.
class Results {
  public:
    Results(const Options& options, std::size_t pictures, std::optional<JsonArrayOutput> json)
        : lines_(lines_of(options)), json_(std::move(json)), progress_(program, pictures) {}

    Result<void> add(const std::string& path, const Result<YolopFinding>& finding) {
        nlohmann::json element;
        progress_.hide();
        ++count_;
        if (finding) {
            if (!is_quiet()) fmt::print(lines_, "{}\n", line_of(path, *finding));
            std::fflush(lines_);
            times_ += finding->times;
            if (json_) element = json_of(*finding);
        } else {
            print_error(program, finding.error().message);
            ++failed_;
            element["error"] = finding.error().message;
        }
        element["file"] = path;
        progress_.step();
        return json_ ? json_->add(json_text(element, 1)) : Result<void>();
    }

    Result<ExitCode> finish() {
        progress_.hide();
        if (count_ > 1) print_notice(program, summary_of("picture", count_, failed_, watch_.elapsed() / 1000, times_));
        if (json_) OCTET_TRY(json_->finish());
        return failed_ > 0 ? exit_error : exit_ok;
    }

  private:
    std::FILE* lines_;
    std::optional<JsonArrayOutput> json_;
    Progress progress_;
    Stopwatch watch_;
    StageTimes times_;
    std::int64_t count_ = 0, failed_ = 0;
};

struct Done {
    const std::string* path;
    Result<YolopFinding> finding;
};

Result<ExitCode> run_video(const Options& options) {
    VideoJob job = options.video;
    job.program = program;
    job.out_folder = options.out_folder;
    job.no_overlay = options.no_overlay;
    job.json = options.json;
    job.detection = options.detection;
    if (!options.raw_size.empty()) job.source.raw = parse_raw(options.raw_size, options.raw_format);

    std::vector<std::string> read = onnx::model_files(options.model), written;
    for (const std::string& input : options.inputs) {
        if (input != "-") read.push_back(input);
        if (const std::string file = video_file_for(input, job); !file.empty()) written.push_back(file);
    }
    if (!options.json.empty() && options.json != "-") written.push_back(options.json);
    OCTET_TRY(check_outputs(written, read));
    OCTET_TRY(vision::video_library());  // before the network is loaded
    OCTET_ASSIGN(const auto executable, load_network(program, options.model, options.sizes, options.compile));
    OCTET_ASSIGN(yolop::Pipeline pipeline,
                 yolop::Pipeline::create(executable, options.model, options.threads, std::nullopt));
    Interruption interruption(/*reads_end=*/true);
    OCTET_ASSIGN(const ExitCode code, run_videos(options.inputs, job, pipeline));
    if (Interruption::is_asked()) print_notice(program, "interrupted; what is written is complete");
    interruption.die_if_asked();
    return code;
}

// Pictures and videos have options of their own, and results of another form.
Result<bool> takes_videos(const Options& options) {
    const auto is_one = [&](const std::string& input) { return is_video(input); };
    const vision::VideoSource& source = options.video.source;
    const bool given_as_video = source.is_camera || !options.raw_size.empty();
    const bool some = given_as_video || std::any_of(options.inputs.begin(), options.inputs.end(), is_one);
    const bool all = given_as_video || std::all_of(options.inputs.begin(), options.inputs.end(), is_one);
    if (some && !all) return fail(ErrorCode::conflict, "pictures and videos take a run each");
    if (some && (options.masks || !options.npy_folder.empty() || options.format != "png"))
        return fail(ErrorCode::conflict, "--masks, --npy and --format are of pictures, not of videos");
    if (!some && (source.every != 1 || !options.video.encoder.empty()))
        return fail(ErrorCode::conflict, "--every and --codec are of videos, not of pictures");
    return some;
}

Result<ExitCode> run(const Options& options) {
    if (options.quality && options.format != "jpg")
        return fail(ErrorCode::conflict, "--quality is of --format jpg; png loses nothing");
    OCTET_ASSIGN(const bool videos, takes_videos(options));
    if (videos) return run_video(options);
    OCTET_ASSIGN(const std::vector<std::string> images, collect(options));
    OCTET_TRY(check_files(images, options));
    OCTET_ASSIGN(const auto executable, load_network(program, options.model, options.sizes, options.compile));
    OCTET_ASSIGN(yolop::Pipeline pipeline, yolop::Pipeline::create(executable, options.model, options.threads,
                                                                   static_cast<std::int64_t>(images.size())));
    Interruption interruption(/*reads_end=*/false);  // before the first output: what is begun is ended
    OCTET_ASSIGN(auto json, open_json(options, pipeline));
    Results results(options, images.size(), std::move(json));

    Result<void> added;
    auto next = images.begin();
    pipeline.run<const std::string*, Done>(
        [&]() -> std::optional<const std::string*> {
            if (next == images.end() || Interruption::is_asked()) return std::nullopt;
            return &*next++;
        },
        [&](yolop::Yolop& network, const std::string* path) {
            return Done{path, process(network, *path, options)};
        },
        [&](const Done& done) {
            added = results.add(*done.path, done.finding);
            return added.has_value();
        });
    OCTET_TRY(added);
    OCTET_ASSIGN(const ExitCode code, results.finish());
    if (Interruption::is_asked()) print_notice(program, "interrupted; what is written is complete");
    interruption.die_if_asked();
    return code;
}

int yolop_main(int argc, char** argv) {
    CLI::App app("Finds vehicles, drivable area and lane lines on pictures and videos, by a YOLOP network", program);
    Options options;
    declare(app, options);
    return run_program(app, argc, argv, [&] { return run(options); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::yolop_main);
}
