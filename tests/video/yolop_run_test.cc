// yolop-run on videos, from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/program.h"
#include "tests/tiny_network.h"
#include "tests/video/clips.h"
#include "vision/video.h"

namespace octet {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class YolopRunVideo : public testing::Test {
  protected:
    void SetUp() override {
        save_tiny_network(model_);
        make_clip(clip_, {}, steady(7), brightening);
    }
    std::string command(const std::string& arguments) const {
        return "yolop-run -m " + model_ + " -o " + out_ + " " + arguments;
    }
    // Of a video that was written.
    static std::vector<double> times_of(const std::string& path) {
        std::vector<double> times;
        auto reader = vision::video_library().value()->open({.path = path});
        EXPECT_TRUE(reader) << reader.error().message;
        while (reader) {
            const auto frame = (*reader)->next();
            EXPECT_TRUE(frame) << frame.error().message;
            if (!frame || !*frame) break;
            times.push_back((*frame)->time_s);
        }
        return times;
    }
    static std::vector<json> lines_of(const std::string& text) {
        std::vector<json> lines;
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
        return lines;
    }

    const TemporaryFolder folder_;
    const std::string model_ = folder_ / "tiny.onnx", clip_ = folder_ / "clip.mp4", out_ = folder_ / "out";
};

TEST_F(YolopRunVideo, WritesAVideoAndALineForEachFrame) {
    const auto result = run_program_text(command(clip_ + " --json -"));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto lines = lines_of(result.out);
    ASSERT_EQ(lines.size(), 7U);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(lines[i].at("file"), clip_);
        EXPECT_EQ(lines[i].at("frame"), i);
        EXPECT_NEAR(lines[i].at("time_s").get<double>(), 0.04 * static_cast<double>(i), 1e-6);
        EXPECT_EQ(lines[i].at("width_px"), 64);
        EXPECT_EQ(lines[i].at("vehicles").size(), 1U);
    }
    EXPECT_EQ(times_of(out_ + "/clip.yolop.mp4").size(), 7U);
    EXPECT_THAT(result.err, HasSubstr("clip.mp4: 7 frames of 64x48 (mpeg4, smpte170m, limited range); drawn: "));
    EXPECT_THAT(result.err, HasSubstr("yolop-run: 7 frames in "));
}

TEST_F(YolopRunVideo, EveryNthFrameWithoutOverlay) {
    const auto result = run_program_text(command(clip_ + " --every 3 --no-overlay --json " + (folder_ / "x.jsonl")));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto bytes = read_file(folder_ / "x.jsonl", 1 << 20).value();
    const auto lines = lines_of(std::string(bytes.begin(), bytes.end()));
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[2].at("frame"), 6);
    EXPECT_FALSE(std::filesystem::exists(out_));
}

// Frames give what pictures of the same pixels give.
TEST_F(YolopRunVideo, FindsWhatItFindsOnPictures) {
    for (const int number : {0, 1, 2}) {
        vision::Image image = red_image(40, 30);
        image.pixels[static_cast<std::size_t>(number)] = 77;
        ASSERT_TRUE(vision::save_png(image, folder_ / fmt::format("in/p{}.png", number)));
    }
    const auto pictures = run_program_text(command((folder_ / "in") + " --json - -q"));
    const auto video = run_program_text(command((folder_ / "in/p%d.png") + " --json - -q"));
    ASSERT_EQ(video.exit_code, 0) << video.err;
    const json whole = json::parse(pictures.out);
    const auto lines = lines_of(video.out);
    ASSERT_EQ(lines.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i)
        for (const char* key : {"vehicles", "drivable_pct", "lane_pct", "width_px", "height_px"})
            EXPECT_EQ(lines[i].at(key), whole.at("images").at(i).at(key)) << key;
    EXPECT_TRUE(std::filesystem::exists(out_ + "/p.yolop.mp4"));
}

TEST_F(YolopRunVideo, ReadsStdin) {
    std::string raw(std::size_t{16} * 8 * 3 * 5, 'x');
    ASSERT_TRUE(write_file(folder_ / "raw", raw));
    const auto frames = run_program_text(command("- --raw-size 16x8 --frame-rate 5 --json - < " + (folder_ / "raw")));
    ASSERT_EQ(frames.exit_code, 0) << frames.err;
    const auto lines = lines_of(frames.out);
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_EQ(lines[4].at("time_s"), 0.8);
    EXPECT_TRUE(std::filesystem::exists(out_ + "/stdin.yolop.mp4"));

    // Pictures one behind the other, and a stream that has a header.
    ASSERT_TRUE(vision::save_png(red_image(32, 24), folder_ / "a.png"));
    const std::string picture = (folder_ / "a.png") + " ";
    const auto pictures = run_shell("cat " + picture + picture + picture + "| " OCTET_BINARY_DIR "/bin/" +
                                    command("- --no-overlay --json -"));
    ASSERT_EQ(pictures.exit_code, 0) << pictures.err;
    EXPECT_EQ(lines_of(pictures.out).size(), 3U);
    make_clip(folder_ / "x.ts", {.encoder = "mpeg2video"}, steady(25), brightening);
    const auto stream = run_program_text(command("- --no-overlay --json - < " + (folder_ / "x.ts")));
    ASSERT_EQ(stream.exit_code, 0) << stream.err;
    EXPECT_EQ(lines_of(stream.out).size(), 25U);
}

TEST_F(YolopRunVideo, AMissingEncoderIsNamedBeforeTheWork) {
    const auto result = run_program_text(command(clip_ + " --codec nonesuch"));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, HasSubstr("--codec nonesuch: this FFmpeg has no such encoder; there are "));
    const auto other = run_program_text(command(clip_ + " --codec mpeg4"));
    EXPECT_EQ(other.exit_code, 0) << other.err;
    EXPECT_THAT(other.out, HasSubstr("clip.yolop.mp4, by mpeg4"));
}

TEST_F(YolopRunVideo, OneThatFailsDoesNotEndTheNext) {
    ASSERT_TRUE(write_file(folder_ / "bad.mp4", std::string_view("no video")));
    const auto result = run_program_text(command((folder_ / "bad.mp4") + " " + clip_));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, HasSubstr("bad.mp4: cannot be opened as a video"));
    EXPECT_EQ(times_of(out_ + "/clip.yolop.mp4").size(), 7U);
    EXPECT_FALSE(std::filesystem::exists(out_ + "/bad.yolop.mp4"));
}

TEST_F(YolopRunVideo, WrongCommandLines) {
    ASSERT_TRUE(vision::save_png(red_image(8, 8), folder_ / "a.png"));
    for (const auto& [arguments, message] :
         {std::pair<std::string, std::string>{clip_ + " " + (folder_ / "a.png"), "pictures and videos take a run each"},
          {clip_ + " --masks", "--masks, --npy and --format are of pictures"},
          {(folder_ / "a.png") + " --every 2", "--every and --codec are of videos"},
          {"- --raw-size 5", "5: not WIDTHxHEIGHT"},
          {clip_ + " --json " + clip_, "would replace"},
          {clip_ + " " + clip_, "would be written twice"}}) {
        const auto result = run_program_text(command(arguments));
        EXPECT_EQ(result.exit_code, 2) << arguments;
        EXPECT_THAT(result.err, HasSubstr(message)) << arguments;
    }
}

// The programs' folder is where the module is found; a program elsewhere has none.
TEST_F(YolopRunVideo, WithoutTheModuleTheErrorSaysWhatToDo) {
    std::filesystem::create_directories(folder_ / "bin");
    std::filesystem::copy_file(OCTET_BINARY_DIR "/bin/yolop-run", folder_ / "bin/yolop-run");
    const auto result = run_shell((folder_ / "bin/") + command(clip_));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, HasSubstr("yolop-run: videos are not read: "));
    EXPECT_THAT(result.err, HasSubstr("libavformat-dev"));
}

TEST_F(YolopRunVideo, CtrlCLeavesCompleteFiles) {
    for (const int signal : {SIGINT, SIGTERM}) {
        const std::string frame(std::size_t{32} * 32 * 3, 'x');
        Piped program(OCTET_BINARY_DIR "/bin/" + command("- --raw-size 32x32 --json - --threads 2 -q"));
        std::size_t lines = 0;
        program.write(frame);
        program.write(frame);
        program.write(frame);
        for (; lines < 2; ++lines) EXPECT_TRUE(json::accept(program.read_line()));
        program.signal(signal);  // while it waits for the next
        program.write(frame);
        program.close_input();
        for (std::string line; !(line = program.read_line()).empty(); ++lines) EXPECT_TRUE(json::accept(line));
        const int status = program.wait();
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
        EXPECT_GE(lines, 2U);
        EXPECT_EQ(times_of(out_ + "/stdin.yolop.mp4").size(), lines);
        const std::filesystem::directory_iterator written(out_), end;
        EXPECT_EQ(std::distance(written, end), 1) << "something half-written stayed";
    }
}

}  // namespace
}  // namespace octet
