#include "apps/common/yolop_video.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "apps/common/interruption.h"
#include "apps/common/progress.h"
#include "apps/common/text_output.h"
#include "apps/common/yolop_results.h"
#include "base/json_text.h"
#include "base/stopwatch.h"
#include "yolop/analysis.h"
#include "yolop/overlay.h"

namespace octet::apps {
namespace {

// "-" → "stdin", "frames/street-%04d.png" → "street", "frames/%d.png" → "frames", else the stem.
std::string name_of(const std::string& path) {
    if (path == "-") return "stdin";
    std::string stem = stem_of(path);
    if (!vision::is_frame_pattern(path)) return stem;
    const std::size_t start = stem.find('%');
    stem.erase(start, stem.find('d', start) + 1 - start);
    while (!stem.empty() && std::string_view("-_.").find(stem.back()) != std::string_view::npos) stem.pop_back();
    if (stem.empty()) stem = std::filesystem::path(path).parent_path().filename().string();
    return stem.empty() ? "frames" : stem;
}

struct Frame {
    vision::VideoFrame video;
    double load_ms;
};

struct Done {
    std::int64_t index, time_stamp;
    double time_s;
    vision::Image overlay;  // empty without one
    Result<YolopFinding> finding;
};

Done process(yolop::Yolop& network, Frame& frame, const VideoJob& job) {
    auto& [image, index, time_stamp, time_s] = frame.video;
    Done done{index, time_stamp, time_s, {}, YolopFinding()};
    const auto analysis = yolop::analyse(network, image, job.detection);
    if (!analysis) {
        done.finding = tl::unexpected(analysis.error());
        return done;
    }
    done.finding = finding_of(*analysis);
    done.finding->times.load_ms = frame.load_ms;
    Stopwatch watch;
    if (!job.no_overlay)
        done.overlay =
            yolop::draw_overlay(std::move(image), done.finding->vehicles, analysis->drivable, analysis->lane);
    done.finding->times.draw_ms = watch.lap();
    return done;
}

// One video.
class VideoRun {
  public:
    VideoRun(const std::string& path, const VideoJob& job, const std::string& encoder, TextOutput* json)
        : path_(path), job_(job), encoder_(encoder), json_(json) {}

    Result<void> run(const vision::VideoLibrary& library, yolop::Pipeline& pipeline) {
        vision::VideoSource source = job_.source;
        source.path = path_;
        source.is_interrupted = [] { return Interruption::is_asked(); };
        OCTET_ASSIGN(reader_, library.open(source));
        const vision::VideoInfo& info = reader_->info();
        const std::string file = video_file_for(path_, job_);
        if (!file.empty()) {
            OCTET_ASSIGN(writer_, library.create(file, info, encoder_));
        }
        std::optional<std::size_t> frames;
        if (info.frames) frames = static_cast<std::size_t>(*info.frames);
        Progress progress(job_.program, frames);
        pipeline.run<Frame, Done>([&] { return take(); },
                                  [&](yolop::Yolop& network, Frame frame) { return process(network, frame, job_); },
                                  [&](const Done& done) {
                                      progress.step();
                                      given_ = give(done);
                                      return given_.has_value();
                                  });
        progress.hide();
        // What could be read is kept, also of a video that is damaged behind it.
        if (count_ > 0 && writer_ && given_) OCTET_TRY(writer_->finish());
        if (count_ > 0) say(file);
        OCTET_TRY(given_);
        OCTET_TRY(taken_);
        if (count_ == 0 && !Interruption::is_asked()) return fail(ErrorCode::io, "{}: it has no frames", path_);
        if (reader_->damaged() > 0)
            return fail(ErrorCode::io, "{}: {} packets or frames are damaged; the frames around may be wrong", path_,
                        reader_->damaged());
        return {};
    }

  private:
    std::optional<Frame> take() {
        if (Interruption::is_asked()) return std::nullopt;
        Stopwatch watch;
        auto frame = reader_->next();
        if (!frame) {
            taken_ = tl::unexpected(frame.error());
            return std::nullopt;
        }
        if (!*frame) return std::nullopt;
        return Frame{std::move(**frame), watch.lap()};
    }

    Result<void> give(const Done& done) {
        if (!done.finding) return at(fmt::format("{}: frame {}", path_, done.index), done.finding.error());
        Stopwatch watch;
        if (writer_) OCTET_TRY(writer_->write(done.overlay, done.time_stamp));
        YolopFinding finding = *done.finding;
        finding.times.write_ms = watch.lap();
        times_ += finding.times;
        ++count_;
        if (json_ == nullptr) return {};
        nlohmann::json line = json_of(finding);
        line["file"] = path_;
        line["frame"] = done.index;
        line["time_s"] = done.time_s;
        return json_->write(json_text(line) + "\n");
    }

    void say(const std::string& file) const {
        if (is_quiet()) return;
        const vision::VideoInfo& info = reader_->info();
        std::FILE* const lines = job_.json == "-" ? stderr : stdout;
        fmt::print(lines, "{}: {} frames of {}x{} ({}{}{}){}\n", path_, count_, info.width, info.height, info.codec,
                   info.matrix.empty() ? "" : ", " + info.matrix,
                   info.matrix.empty()  ? ""
                   : info.is_full_range ? ", full range"
                                        : ", limited range",
                   file.empty() ? "" : fmt::format("; drawn: {}, by {}", file, encoder_));
        std::fflush(lines);
        print_notice(job_.program, summary_of("frame", count_, 0, watch_.elapsed() / 1000, times_));
    }

    const std::string& path_;
    const VideoJob& job_;
    const std::string& encoder_;
    TextOutput* json_;
    std::unique_ptr<vision::VideoReader> reader_;
    std::unique_ptr<vision::VideoWriter> writer_;
    Result<void> taken_, given_;
    Stopwatch watch_;
    StageTimes times_;
    std::int64_t count_ = 0;
};

}  // namespace

bool is_video(const std::string& path) {
    return path == "-" || vision::is_video_name(path) || vision::is_frame_pattern(path);
}

std::string video_file_for(const std::string& path, const VideoJob& job) {
    if (job.no_overlay) return {};
    return (std::filesystem::path(job.out_folder) / (name_of(path) + ".yolop.mp4")).string();
}

Result<ExitCode> run_videos(const std::vector<std::string>& paths, const VideoJob& job, yolop::Pipeline& pipeline) {
    OCTET_ASSIGN(const vision::VideoLibrary* const library, vision::video_library());
    std::string encoder;
    if (!job.no_overlay) {
        OCTET_ASSIGN(encoder, library->encoder_for(job.encoder));
        if (job.encoder.empty() && encoder != "libx264")
            print_notice(job.program, fmt::format("this FFmpeg has no libx264: {} writes larger files", encoder));
    }
    std::optional<TextOutput> json;
    if (!job.json.empty()) {
        OCTET_ASSIGN(TextOutput output, TextOutput::create(job.json));
        json = std::move(output);
    }
    ExitCode code = exit_ok;
    for (const std::string& path : paths) {
        if (Interruption::is_asked()) break;
        VideoRun run(path, job, encoder, json ? &*json : nullptr);
        if (const auto result = run.run(*library, pipeline); !result) {
            print_error(job.program, result.error().message);
            code = exit_error;
        }
    }
    if (json) OCTET_TRY(json->finish());
    return code;
}

}  // namespace octet::apps
