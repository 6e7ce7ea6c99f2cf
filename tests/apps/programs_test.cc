// The programs as a user calls them: exit codes, messages, files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "frontends/npy.h"
#include "frontends/onnx/exporter.h"
#include "graph/ir/graph.h"
#include "graph/ops/infer.h"
#include "tests/frontends/onnx/open_dimensions.h"
#include "tests/program.h"
#include "tests/quantizer/markup.h"
#include "tests/tiny_network.h"
#include "vision/image.h"
#include "vision/pixels.h"

namespace octet::apps {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Programs : public testing::Test {
  protected:
    void SetUp() override {
        save_tiny_network(model_);
        ASSERT_TRUE(vision::save_png(red_image(64, 48), image_));
    }
    std::string yolop(const std::string& arguments) {
        return "yolop-run -m " + model_ + " -o " + out_ + " " + arguments;
    }

    const TemporaryFolder folder_;
    const std::string model_ = folder_ / "tiny.onnx";
    const std::string image_ = folder_ / "in/red.png";
    const std::string out_ = folder_ / "out";
};

TEST(EveryProgram, HasHelpVersionAndUsageErrors) {
    for (const std::string program : {"yolop-run", "octet-run", "octet-eval", "octet-inspect", "octet-quantize",
                                      "octet-bench", "octet-dump", "octet-compare", "octet-vectors"}) {
        const auto help = run_program_text(program + " --help");
        EXPECT_EQ(help.exit_code, 0);
        EXPECT_THAT(help.out, HasSubstr("Usage: " + program));
        EXPECT_THAT(run_program_text(program + " --version").out, StartsWith(program + " "));
        const auto wrong = run_program_text(program + " --no-such-option");
        EXPECT_EQ(wrong.exit_code, 2);
        EXPECT_EQ(wrong.out, "");
        EXPECT_THAT(wrong.err, StartsWith(program + ": "));
        EXPECT_EQ(run_program_text(program + " x --threads -1").exit_code, 2) << program;
    }
    EXPECT_EQ(run_program_text("yolop-run").exit_code, 2);
    EXPECT_EQ(run_program_text("yolop-run x.jpg --conf 1.5").exit_code, 2);
    EXPECT_EQ(run_program_text("octet-run").exit_code, 2);
    EXPECT_EQ(run_program_text("octet-run x.onnx --input x").exit_code, 2);
    EXPECT_EQ(run_program_text("octet-eval --compare one.onnx").exit_code, 2);
    EXPECT_EQ(run_program_text("octet-eval --shard 4/3").exit_code, 2);
}

// The arguments without which each program that takes a network does not start; `model` among them.
std::vector<std::string> commands_on(const std::string& model, const std::string& image, const std::string& out) {
    return {"octet-run " + model,
            "octet-bench --runs 1 --warmup 0 -m " + model,
            "octet-inspect " + model,
            "octet-quantize " + model + " " + image + " -o " + out + "/int8.onnx",
            "octet-eval " + scenes_folder + " --limit 1 -m " + model,
            "yolop-run " + image + " -o " + out + " -m " + model};
}

TEST(EveryProgram, SaysWhatItRunsOn) {
    for (const std::string program :
         {"yolop-run", "octet-run", "octet-eval", "octet-inspect", "octet-quantize", "octet-bench"}) {
        const auto info = run_program_text(program + " --info", "export OCTET_ISA=reference; ");
        EXPECT_EQ(info.exit_code, 0);
        EXPECT_THAT(info.out, StartsWith(program + " "));
        for (const char* line : {"\nCPU ", "\nlevel    reference\n", "\nlevels   reference", "\nthreads ", "\nbuild "})
            EXPECT_THAT(info.out, HasSubstr(line));
        EXPECT_THAT(run_program_text(program + " --info", "export OCTET_ISA=mmx; ").out,
                    HasSubstr("OCTET_ISA=mmx is unknown"));
        EXPECT_THAT(run_program_text(program + " --verison").err, HasSubstr("did you mean '--version'?"));
    }
}

TEST_F(Programs, TheModelComesByPositionOrByOption) {
    for (const std::string program : {"octet-run", "octet-inspect", "octet-bench --runs 1 --warmup 0"}) {
        const auto by_position = run_program_text(program + " " + model_);
        EXPECT_EQ(by_position.exit_code, 0) << by_position.err;
        EXPECT_EQ(run_program_text(program + " -m " + model_).exit_code, 0) << program;
        EXPECT_EQ(run_program_text(program + " -m " + model_ + " " + model_).exit_code, 2) << program;
        EXPECT_EQ(run_program_text(program).exit_code, 2) << program;
    }
    const std::string quantize = "octet-quantize -o " + (folder_ / "q.onnx") + " --recipe reference ";
    const std::string pictures = " " + (folder_ / "in");
    EXPECT_EQ(run_program_text(quantize + model_ + pictures).exit_code, 0);
    EXPECT_EQ(run_program_text(quantize + "-m " + model_ + pictures).exit_code, 0);
    EXPECT_EQ(run_program_text(quantize + model_).exit_code, 2);
    EXPECT_EQ(run_program_text(quantize + "-m " + model_ + " " + model_ + pictures).exit_code, 2);
}

TEST_F(Programs, QuietMeansErrorsAndResultsOnly) {
    const auto drawn = run_program_text(yolop(image_ + " -q"));
    EXPECT_EQ(drawn.exit_code, 0);
    EXPECT_EQ(drawn.out + drawn.err, "");
    EXPECT_TRUE(std::filesystem::exists(out_ + "/red.yolop.png"));
    const auto missing = run_program_text(yolop("none.png -q"));
    EXPECT_EQ(missing.exit_code, 3);
    EXPECT_THAT(missing.err, HasSubstr("none.png"));
    const auto cut_down = run_program_text("octet-run --threads 1024 -q " + model_);
    EXPECT_EQ(cut_down.err, "");
    EXPECT_THAT(cut_down.out, HasSubstr("det_out"));
    const auto quantized = run_program_text("octet-quantize -q " + model_ + " " + (folder_ / "in") + " -o " +
                                            (folder_ / "q.onnx") + " --recipe reference");
    EXPECT_EQ(quantized.exit_code, 0);
    EXPECT_EQ(quantized.out + quantized.err, "");
}

// As of `octet-inspect model.onnx | head -1`, whatever the signals of the shell that starts it.
TEST_F(Programs, AReaderThatGoesAwayEndsThemSilently) {
    for (const std::string before : {"", "trap '' PIPE; "}) {
        const std::string program = std::string(OCTET_BINARY_DIR) + "/bin/octet-inspect " + model_;
        const auto result =
            run_shell(before + "(sleep 0.2; " + program + "; echo $? >" + (folder_ / "code") + ") | true");
        EXPECT_EQ(result.err, "");
        const auto code = read_file(folder_ / "code", 100);
        ASSERT_TRUE(code);
        EXPECT_EQ(std::string(code->begin(), code->end()), "141\n");
    }
}

TEST(EveryProgram, RefusesSizesThatAreNone) {
    for (const std::string& command : commands_on("x.onnx", "x.png", ".")) {
        for (const std::string size :
             {"--dim H=many", "--dim H", "--dim H=", "--dim =5", "--dim H=0", "--dim H=-1",
              "--dim H=99999999999999999999", "--dim H=5 --dim H=6", "--shape x=", "--shape x=1x3x",
              "--shape x=1x3x0x8", "--shape x=1,3", "--shape 1x3x8x8", "--shape x=1x3x8x8 --shape x=1x3x8x9"}) {
            const auto result = run_program_text(command + " " + size);
            EXPECT_EQ(result.exit_code, 2) << command << " " << size << "\n" << result.err;
            EXPECT_THAT(result.err, HasSubstr(size.substr(0, size.find(' ')))) << command << " " << size;
        }
    }
}

// The YOLOP network of any size, its height and width with names or without.
TEST_F(Programs, EveryProgramTakesSizesOfOpenDimensions) {
    const std::string named = folder_ / "named.onnx", unnamed = folder_ / "unnamed.onnx";
    onnx::testing::open_dimensions(model_, "1x3xHxW", named);
    onnx::testing::open_dimensions(model_, "1x3x?x?", unnamed);
    std::filesystem::create_directory(out_);
    const auto expect_ok = [](const std::string& command) {
        const auto result = run_program_text(command);
        EXPECT_EQ(result.exit_code, 0) << command << "\n" << result.err;
    };
    for (const std::string& command : commands_on(named, image_, out_)) {
        expect_ok(command + " --dim H=32 --dim W=64");
        expect_ok(command + " --shape images=1x3x32x64");
        const auto open = run_program_text(command);
        EXPECT_EQ(open.exit_code, 3);
        EXPECT_THAT(open.err,
                    HasSubstr("named.onnx: input 'images' has open dimensions: 1x3xHxW; add --dim H=SIZE --dim "
                              "W=SIZE, or --shape images=1x3xHEIGHTxWIDTH"))
            << command;
    }
    for (const std::string& command : commands_on(unnamed, image_, out_)) {
        expect_ok(command + " --shape images=1x3x32x64");
        const auto open = run_program_text(command);
        EXPECT_EQ(open.exit_code, 3);
        EXPECT_THAT(open.err, HasSubstr("1x3x?x?; add --shape images=1x3xHEIGHTxWIDTH")) << command;
    }
    // Parts of an evaluation at two sizes do not make one.
    const std::string part = "octet-eval " + scenes_folder + " --limit 2 -m " + named + " --shape images=1x3x32x";
    expect_ok(part + "64 --shard 0/2 -o " + out_ + "/a.json");
    expect_ok(part + "96 --shard 1/2 -o " + out_ + "/b.json");
    const auto merged = run_program_text("octet-eval --merge " + out_ + "/a.json " + out_ + "/b.json");
    EXPECT_EQ(merged.exit_code, 3);
    EXPECT_THAT(merged.err, HasSubstr("b.json: made with the input 1x3x32x96, "));

    const auto whole = json::parse(
        run_program_text("yolop-run --json - -o " + out_ + " -m " + named + " --dim H=32 --dim W=64 " + image_).out);
    EXPECT_EQ(whole.at("input_width_px"), 64);
    EXPECT_EQ(whole.at("input_height_px"), 32);
}

// An option that takes one value leaves the arguments behind it alone.
TEST(EveryProgram, OptionsMayStandBeforeArguments) {
    for (const std::string command :
         {"octet-inspect --dim a=1 missing.onnx", "octet-inspect --shape x=1x3x8x8 missing.onnx",
          "octet-run --dim a=1 missing.onnx", "octet-quantize -o x --keep-float a missing.onnx images",
          "octet-quantize -o x --keep-int16 a missing.onnx images",
          "octet-quantize -o x --mean 1 1 1 --std 1 1 1 missing.onnx images"}) {
        const auto result = run_program_text(command);
        EXPECT_EQ(result.exit_code, 3) << command << "\n" << result.err;
        EXPECT_THAT(result.err, HasSubstr("missing.onnx")) << command;
    }
}

TEST_F(Programs, YolopRunWritesPictureMasksAndOutputs) {
    const auto result = run_program_text(yolop(image_ + " --masks --npy " + (folder_ / "npy")));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("red.png: 1 vehicle, drivable 100.0 %, lanes 0.0 %"));
    const auto picture = vision::load_image(out_ + "/red.yolop.png");
    ASSERT_TRUE(picture) << picture.error().message;
    EXPECT_EQ(picture->width, 64);
    EXPECT_EQ(picture->height, 48);
    EXPECT_EQ(vision::load_grey(out_ + "/red.drivable.png")->pixels, std::vector<std::uint8_t>(64 * 48, 255));
    EXPECT_EQ(vision::load_grey(out_ + "/red.lane.png")->pixels, std::vector<std::uint8_t>(64 * 48, 0));
    EXPECT_EQ(load_npy(folder_ / "npy/red.det_out.npy")->shape(), (Shape{1, 1, 6}));
    EXPECT_EQ(load_npy(folder_ / "npy/red.drive_area_seg.npy")->shape(), (Shape{1, 2, 32, 32}));
    EXPECT_EQ(load_npy(folder_ / "npy/red.lane_line_seg.npy")->shape(), (Shape{1, 2, 32, 32}));
}

TEST_F(Programs, YolopRunPrintsJsonAlone) {
    const auto result = run_program_text(yolop(image_ + " --json -"));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json whole = json::parse(result.out);
    const json& image = whole.at("images").at(0);
    EXPECT_EQ(image.at("file"), image_);
    EXPECT_EQ(image.at("width_px"), 64);
    // The box of 8 x 6 at the middle of the 32 x 32 canvas, which shows the 64 x 48 frame at half its size.
    const json& vehicle = image.at("vehicles").at(0);
    EXPECT_FLOAT_EQ(vehicle.at("x1_px").get<float>(), 24);
    EXPECT_FLOAT_EQ(vehicle.at("y1_px").get<float>(), 18);
    EXPECT_FLOAT_EQ(vehicle.at("x2_px").get<float>(), 40);
    EXPECT_FLOAT_EQ(vehicle.at("y2_px").get<float>(), 30);
    EXPECT_FLOAT_EQ(vehicle.at("score").get<float>(), 0.9F);
}

TEST_F(Programs, YolopRunTakesAFolderAndNotItsOwnPictures) {
    const std::string in = folder_ / "in";
    ASSERT_EQ(run_program_text("yolop-run -m " + model_ + " -o " + in + " " + in).exit_code, 0);
    const auto again = run_program_text("yolop-run -m " + model_ + " -o " + in + " " + in);
    EXPECT_EQ(again.exit_code, 0);
    EXPECT_THAT(again.out, Not(HasSubstr("yolop.png")));
    EXPECT_FALSE(std::filesystem::exists(in + "/red.yolop.yolop.png"));
}

TEST_F(Programs, YolopRunNamesPicturesOfOtherFormats) {
    ASSERT_TRUE(write_file(folder_ / "in/blue.webp", std::string_view("RIFF....WEBPVP8 ")));
    const auto result = run_program_text(yolop(folder_ / "in"));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("red.png: 1 vehicle"));
    EXPECT_THAT(result.err,
                HasSubstr("in: 1 picture that is not JPEG, PNG or BMP is passed over (1 .webp): blue.webp\n"));
    const auto named = run_program_text(yolop(folder_ / "in/blue.webp"));
    EXPECT_EQ(named.exit_code, 3);
    EXPECT_THAT(named.err, HasSubstr("in/blue.webp: a WebP picture; JPEG, PNG and BMP are read\n"));
}

TEST_F(Programs, YolopRunGoesOnBehindABadImage) {
    const auto bytes = read_file(scenes_folder + "/images/scene-000001.jpg", 1 << 24);
    ASSERT_TRUE(write_file(folder_ / "cut.jpg", std::span(*bytes).first(bytes->size() / 2)));
    ASSERT_TRUE(write_file(folder_ / "empty.jpg", std::string_view()));
    ASSERT_TRUE(write_file(folder_ / "text.jpg", std::string_view("no picture")));
    ASSERT_TRUE(write_file(folder_ / "huge.bmp", [] {
        std::string header(64, '\0');
        header.replace(0, 2, "BM");
        header[10] = 54;
        header[14] = 40;
        header.replace(18, 2, "\xe8\xfd");  // 65000
        header.replace(22, 2, "\xe8\xfd");
        header[26] = 1;
        header[28] = 24;
        return header;
    }()));
    std::string arguments;
    for (const std::string name : {"cut.jpg", "empty.jpg", "text.jpg", "huge.bmp", "missing.jpg"})
        arguments += (folder_ / name) + " ";
    const auto result = run_program_text(yolop(arguments + image_));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, HasSubstr("cut.jpg: the image is truncated"));
    EXPECT_THAT(result.err, HasSubstr("empty.jpg: the file is empty"));
    EXPECT_THAT(result.err, HasSubstr("text.jpg: not a JPEG, PNG or BMP image"));
    EXPECT_THAT(result.err, HasSubstr("huge.bmp: 65000x65000 pixels are more than the limit"));
    EXPECT_THAT(result.err, HasSubstr("missing.jpg: cannot be opened"));
    EXPECT_THAT(result.out, HasSubstr("red.png: 1 vehicle"));
    const std::filesystem::directory_iterator written(out_), end;
    EXPECT_EQ(std::distance(written, end), 1) << "only the good image has a picture";
}

TEST_F(Programs, YolopRunWritesJpegOrNoPictures) {
    const auto size = [&](const std::string& arguments) {
        const auto result = run_program_text(yolop(scenes_folder + "/images/scene-000001.jpg " + arguments));
        EXPECT_EQ(result.exit_code, 0) << result.err;
        const auto picture = vision::load_image(out_ + "/scene-000001.yolop.jpg");
        EXPECT_TRUE(picture) << picture.error().message;
        EXPECT_EQ(picture->width, 1280);
        return std::filesystem::file_size(out_ + "/scene-000001.yolop.jpg");
    };
    const auto usual = size("--format jpg");
    EXPECT_EQ(size("--format jpg --quality 90"), usual);
    EXPECT_LT(size("--format jpg --quality 20"), usual);
    EXPECT_FALSE(std::filesystem::exists(out_ + "/scene-000001.yolop.png"));
    // Its own pictures are none to read, whatever their format.
    const auto again = run_program_text("yolop-run -m " + model_ + " --no-overlay " + out_);
    EXPECT_EQ(again.exit_code, 3);
    EXPECT_THAT(again.err, HasSubstr("no JPEG, PNG or BMP file in this folder"));

    const auto none =
        run_program_text("yolop-run -m " + model_ + " --no-overlay --json - -o " + (folder_ / "none") + " " + image_);
    EXPECT_EQ(none.exit_code, 0) << none.err;
    EXPECT_EQ(json::parse(none.out).at("images").size(), 1U);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));

    const auto wrong = run_program_text(yolop(image_ + " --quality 80"));
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_THAT(wrong.err, HasSubstr("--quality is of --format jpg"));
}

// Whatever the number of threads: the same files, lines in the order of the pictures, failing ones in between.
TEST_F(Programs, YolopRunGivesTheSameOnAnyNumberOfThreads) {
    std::string pictures;
    for (int i = 0; i < 12; ++i) {
        const std::string path = folder_ / fmt::format("many/p{:02}.png", i);
        vision::Image image = red_image(20 + 7 * i, 90 - 5 * i);
        image.pixels[0] = static_cast<std::uint8_t>(i);
        ASSERT_TRUE(i % 5 == 3 ? write_file(path, std::string_view("no picture")) : vision::save_png(image, path));
        pictures += path + " ";
    }
    struct Given {
        json images;
        std::string errors;
        std::map<std::string, std::vector<std::uint8_t>> files;
    };
    const auto run = [&](int threads) {
        const std::string out = folder_ / fmt::format("out{}", threads);
        const auto result = run_program_text(fmt::format("yolop-run -q -m {} -o {} --masks --json {} --threads {} {}",
                                                         model_, out, out + "/all.json", threads, pictures));
        EXPECT_EQ(result.exit_code, 3);
        Given given;
        const auto text = read_file(out + "/all.json", 1 << 24).value();
        given.images = json::parse(text).at("images");
        for (json& image : given.images)
            for (const char* time : {"load_ms", "preprocess_ms", "inference_ms", "postprocess_ms"}) image.erase(time);
        given.errors = result.err;
        for (const auto& file : std::filesystem::directory_iterator(out))
            if (file.path().extension() == ".png")
                given.files[file.path().filename()] = read_file(file.path(), 1 << 24).value();
        return given;
    };
    const Given one = run(1);
    ASSERT_EQ(one.images.size(), 12U);
    EXPECT_EQ(one.files.size(), 3U * 10);
    for (std::size_t i = 0; i < 12; ++i)
        EXPECT_THAT(one.images[i].at("file").get<std::string>(), HasSubstr(fmt::format("p{:02}.png", i)));
    for (const int threads : {2, 3, 5}) {  // more than there are CPUs run as many
        const Given other = run(threads);
        EXPECT_EQ(other.images, one.images) << threads;
        EXPECT_EQ(other.errors, one.errors) << threads;
        EXPECT_TRUE(other.files == one.files) << threads;
    }
}

// The pipe fills before all pictures are done, so that the program is at work when the signal comes.
TEST_F(Programs, YolopRunEndsWhatItHasBegunOnCtrlC) {
    constexpr std::size_t count = 1000;
    for (std::size_t i = 0; i < count; ++i) {
        std::filesystem::create_directories(folder_ / "many");
        std::filesystem::create_symlink(image_, folder_ / fmt::format("many/p{:04}.png", i));
    }
    Piped program(OCTET_BINARY_DIR "/bin/" + yolop((folder_ / "many") + " --json - -q"));
    std::string text = program.read_line();
    while (text.find("\"file\"") == std::string::npos && text.find(']') == std::string::npos)
        text += program.read_line();
    program.signal(SIGINT);
    for (std::string line; !(line = program.read_line()).empty();) text += line;
    const int status = program.wait();
    program.close_input();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
    ASSERT_TRUE(json::accept(text));
    const std::size_t done = json::parse(text).at("images").size();
    EXPECT_GT(done, 0U);
    EXPECT_LT(done, count);
    const std::filesystem::directory_iterator written(out_), end;
    EXPECT_EQ(static_cast<std::size_t>(std::distance(written, end)), done);
}

TEST_F(Programs, YolopRunEndsItsJsonOnCtrlCBeforeTheFirstPicture) {
    Piped program(OCTET_BINARY_DIR "/bin/" + yolop(image_ + " --json - -q"));
    std::string text = program.read_line();
    program.signal(SIGINT);
    for (std::string line; !(line = program.read_line()).empty();) text += line;
    program.wait();  // by the signal, or at the end when it was faster
    program.close_input();
    EXPECT_TRUE(json::accept(text)) << text;
}

TEST_F(Programs, YolopRunSaysHowManyPicturesASecond) {
    const auto result = run_program_text(yolop(image_ + " " + (folder_ / "missing.png")));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, testing::ContainsRegex(
                                "yolop-run: 2 pictures, 1 of them failed, in .* s, .* a second; of the work load "));
}

TEST_F(Programs, YolopRunRefusesImagesOfTheSameName) {
    ASSERT_TRUE(vision::save_png(red_image(8, 8), folder_ / "other/red.png"));
    const auto result = run_program_text(yolop(image_ + " " + (folder_ / "other/red.png")));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, HasSubstr("would both be written as red.yolop.png"));
}

TEST_F(Programs, BadModelsAreNamed) {
    const auto bytes = read_file(model_, 1 << 24);
    ASSERT_TRUE(write_file(folder_ / "cut.onnx", std::span(*bytes).first(bytes->size() / 2)));
    ASSERT_TRUE(write_file(folder_ / "text.onnx", std::string_view("no network")));
    ASSERT_TRUE(write_file(folder_ / "empty.onnx", std::string_view()));
    for (const std::string name : {"cut.onnx", "text.onnx", "empty.onnx", "missing.onnx"}) {
        const std::string path = folder_ / name;
        for (const std::string& command :
             {"yolop-run -m " + path + " " + image_, "octet-run " + path, "octet-eval -m " + path + " " + scenes_folder,
              "octet-inspect " + path, "octet-quantize " + path + " " + scenes_folder + " -o " + (folder_ / "q.onnx"),
              "octet-bench -m " + path}) {
            const auto result = run_program_text(command);
            EXPECT_EQ(result.exit_code, 3) << command << "\n" << result.err;
            EXPECT_THAT(result.err, HasSubstr(path));
        }
    }
}

TEST_F(Programs, OctetRunKeepsItsSeedAndWritesOutputs) {
    const auto run = [&](const std::string& arguments, const std::string& out) {
        return run_program_text("octet-run " + model_ + " " + arguments + " --npy " + (folder_ / out));
    };
    const auto first = run("--seed 1 --threads 1", "a");
    ASSERT_EQ(first.exit_code, 0) << first.err;
    EXPECT_THAT(first.out, HasSubstr("input images"));
    EXPECT_THAT(first.out, HasSubstr("1x2x32x32"));
    EXPECT_THAT(first.out, HasSubstr(" ms"));
    ASSERT_EQ(run("--seed 1 --threads 2 --runs 3", "b").exit_code, 0);
    ASSERT_EQ(run("--seed 2", "c").exit_code, 0);
    const auto output = [&](const std::string& out) { return *load_npy(folder_ / (out + "/lane_line_seg.npy")); };
    EXPECT_TRUE(identical(output("a"), output("b")));
    EXPECT_FALSE(identical(output("a"), output("c")));
}

TEST_F(Programs, OctetRunTakesInputsAndChecksThem) {
    const std::string input = folder_ / "x.npy";
    Tensor tensor(DType::float32, {1, 3, 32, 32});
    tensor.mutable_data<float>()[0] = 5;
    ASSERT_TRUE(save_npy(tensor, input));
    const std::string start = "octet-run " + model_ + " --input ";
    const std::string npy = folder_ / "npy";
    ASSERT_EQ(run_program_text("octet-run --npy " + npy + " --input images=" + input + " " + model_).exit_code, 0);
    // Channel 1 is the first input channel.
    EXPECT_EQ(load_npy(folder_ / "npy/drive_area_seg.npy")->data<float>()[32 * 32], 5);

    const auto unknown = run_program_text(start + "image=" + input);
    EXPECT_EQ(unknown.exit_code, 3);
    EXPECT_THAT(unknown.err, HasSubstr("no input 'image'"));
    ASSERT_TRUE(save_npy(Tensor(DType::float32, {1, 3, 8, 8}), input));
    const auto shape = run_program_text(start + "images=" + input);
    EXPECT_EQ(shape.exit_code, 3);
    EXPECT_THAT(shape.err, HasSubstr("x.npy: input 'images' is float32 1x3x32x32, but float32 1x3x8x8 was given"));
    ASSERT_TRUE(write_file(input, std::string_view("\x93NUMPY")));
    EXPECT_EQ(run_program_text(start + "images=" + input).exit_code, 3);
}

// A quantized network takes the pixels themselves, and gives what it gives for them normalized.
TEST_F(Programs, OctetRunTakesPixels) {
    const std::string quantized = source_folder + "/models/yolop-640-int8.onnx";
    vision::Image image(640, 640, 3);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(7 * i);
    const std::string pixels = folder_ / "pixels.npy", floats = folder_ / "floats.npy";
    ASSERT_TRUE(save_npy(vision::pixel_input(image), pixels));
    ASSERT_TRUE(save_npy(vision::normalized_input(image), floats));
    const auto run = [&](const std::string& input, const std::string& out) {
        return run_program_text("octet-run " + quantized + " --input images=" + input + " --npy " + (folder_ / out));
    };
    const auto first = run(pixels, "a");
    ASSERT_EQ(first.exit_code, 0) << first.err;
    ASSERT_EQ(run(floats, "b").exit_code, 0);
    for (const std::string name : {"det_out", "drive_area_seg", "lane_line_seg"})
        EXPECT_TRUE(
            identical(*load_npy(folder_ / ("a/" + name + ".npy")), *load_npy(folder_ / ("b/" + name + ".npy"))));

    ASSERT_TRUE(save_npy(Tensor(DType::uint8, {1, 3, 32, 32}), pixels));
    const auto planes = run(pixels, "c");
    EXPECT_EQ(planes.exit_code, 3);
    EXPECT_THAT(planes.err,
                HasSubstr("pixels.npy: input 'images' is float32 1x3x640x640 (or pixels, uint8 1x640x640x3), but "
                          "uint8 1x3x32x32 was given"));
}

// Shards, merged in any order, give what one run gives, whatever the threads.
TEST_F(Programs, OctetEvalMergesShards) {
    const std::string start = "octet-eval -m " + model_ + " " + scenes_folder + " --limit 7 ";
    const auto whole = run_program_text(start + "--json --threads 1");
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    EXPECT_EQ(json::parse(whole.out).at("images"), 7);
    for (const char* key : {"recall_pct", "map50_pct", "drivable_miou_pct", "lane_iou_pct", "lane_accuracy_pct"})
        EXPECT_TRUE(json::parse(whole.out).at(key).is_number()) << key;
    EXPECT_EQ(run_program_text(start + "--json --threads 3").out, whole.out);

    std::vector<std::string> parts;
    for (const std::string i : {"0", "1", "2"}) {
        parts.push_back(folder_ / ("part" + i + ".json"));
        ASSERT_EQ(run_program_text(start + "--shard " + i + "/3 -o " + parts.back()).exit_code, 0);
    }
    const auto merged = run_program_text("octet-eval --json --merge " + parts[2] + " " + parts[0] + " " + parts[1]);
    EXPECT_EQ(merged.out, whole.out) << merged.err;

    const auto missing = run_program_text("octet-eval --merge " + parts[0] + " " + parts[1]);
    EXPECT_EQ(missing.exit_code, 3);
    EXPECT_THAT(missing.err, HasSubstr("a shard is missing"));
    const auto twice = run_program_text("octet-eval --merge " + parts[0] + " " + parts[1] + " " + parts[1]);
    EXPECT_EQ(twice.exit_code, 3);
    EXPECT_THAT(twice.err, HasSubstr("is in another part too"));
    const auto wrong = run_program_text("octet-eval --merge " + model_);
    EXPECT_EQ(wrong.exit_code, 3);
    EXPECT_THAT(wrong.err, HasSubstr("tiny.onnx: not a partial evaluation"));
}

TEST_F(Programs, OctetEvalComparesTwoNetworks) {
    const std::string start = "octet-eval --compare " + model_ + " " + model_ + " " + scenes_folder + " --limit 2 ";
    const auto compared = run_program_text(start + "--json");
    ASSERT_EQ(compared.exit_code, 0) << compared.err;
    const json models = json::parse(compared.out).at("models");
    ASSERT_EQ(models.size(), 2U);
    EXPECT_EQ(models[0].at("bytes"), std::filesystem::file_size(model_));
    EXPECT_EQ(models[0].at("metrics"), models[1].at("metrics"));
    EXPECT_THAT(run_program_text(start + "--markdown").out, HasSubstr("| drivable mIoU [%]"));
}

TEST_F(Programs, OctetEvalNamesWhatIsWrongWithASet) {
    const std::string set = folder_ / "set";
    const auto message = [&] {
        const auto result = run_program_text("octet-eval -m " + model_ + " " + set);
        EXPECT_EQ(result.exit_code, 3);
        return result.err;
    };
    EXPECT_THAT(message(), HasSubstr("set/list.txt: cannot be opened"));
    ASSERT_TRUE(write_file(set + "/list.txt", std::string_view("../a\n")));
    EXPECT_THAT(message(), HasSubstr("'../a' is not a file name"));
    ASSERT_TRUE(write_file(set + "/list.txt", std::string_view("a\n")));
    EXPECT_THAT(message(), HasSubstr("set/images/a.jpg: cannot be opened"));
    ASSERT_TRUE(write_file(set + "/images/a.webp", std::string_view()));
    EXPECT_THAT(message(), HasSubstr("set/images/a.webp: a picture of a format that is not read"));
    ASSERT_TRUE(vision::save_png(red_image(8, 8), set + "/images/a.png"));
    ASSERT_TRUE(write_file(set + "/boxes/a.txt", std::string_view("1 2 3\n")));
    EXPECT_THAT(message(), HasSubstr("set/boxes/a.txt:1: '1 2 3' is not 'x1 y1 x2 y2'"));
    ASSERT_TRUE(write_file(set + "/boxes/a.txt", std::string_view("")));
    ASSERT_TRUE(vision::save_png(red_image(8, 4), set + "/drivable/a.png"));
    EXPECT_THAT(message(), HasSubstr("set/drivable/a.png: 8x4 pixels, but its frame has 8x8"));
}

TEST_F(Programs, OctetQuantizeWritesAReport) {
    const std::string report = folder_ / "report.html", cache = folder_ / "cache.json";
    const std::string command = "octet-quantize " + model_ + " " + (folder_ / "in") + " -o " + (folder_ / "int8.onnx") +
                                " --cache " + cache + " --report ";
    // The second run has its statistics from the cache and measures nothing.
    for (const std::string refine : {"1", "0"}) {
        const auto result = run_program_text(fmt::format("{}{} --refine-images {}", command, report, refine));
        ASSERT_EQ(result.exit_code, 0) << result.err;
        EXPECT_THAT(result.out, HasSubstr(report + ": the report"));
        const auto bytes = read_file(report, 1 << 24);
        ASSERT_TRUE(bytes);
        const std::string page(bytes->begin(), bytes->end());
        EXPECT_EQ(quantizer::markup_error(page), "");
        EXPECT_THAT(page, HasSubstr("red.png"));
        EXPECT_THAT(page, HasSubstr("data:image/jpeg;base64,/9j/"));
        EXPECT_THAT(page, HasSubstr("before suppression"));
        EXPECT_THAT(page, HasSubstr("values in the bin"));
        EXPECT_EQ(page.find("--refine-images 0") != std::string::npos, refine == "0");
        EXPECT_EQ(page.find("from the cache") != std::string::npos, refine == "0");
    }
    EXPECT_EQ(run_program_text(command + cache).exit_code, 2) << "would overwrite the cache";
    // The pictures are drawn with the normalization that was asked for.
    const std::string plain = folder_ / "plain.html";
    const auto result = run_program_text("octet-quantize " + model_ + " " + image_ + " --no-normalization -o " +
                                         (folder_ / "plain.onnx") + " --report " + plain);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto bytes = read_file(plain, 1 << 24);
    const std::string plain_page(bytes->begin(), bytes->end());
    EXPECT_THAT(plain_page, HasSubstr("none: pixel / 255"));
    EXPECT_THAT(plain_page, HasSubstr("alt=\"INT8 of red.png\""));
}

}  // namespace
}  // namespace octet::apps
