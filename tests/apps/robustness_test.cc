// What hardly ever happens, to the programs as a user calls them: no memory, no threads, names that are no text, files
// that contradict each other. An error is a message and exit code 2 or 3; what was there before stays.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "frontends/npy.h"
#include "tests/program.h"
#include "tests/tiny_network.h"

namespace octet::apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::string text_of(const std::string& path) {
    const auto bytes = read_file(path, 1 << 24);
    EXPECT_TRUE(bytes) << bytes.error().message;
    return bytes ? std::string(bytes->begin(), bytes->end()) : "";
}

// A labelled set of pictures with these names.
void save_set(const std::string& folder, const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) {
        ASSERT_TRUE(vision::save_png(red_image(32, 32), folder + "/images/" + name + ".png"));
        ASSERT_TRUE(vision::save_png(vision::Image(32, 32, 1), folder + "/drivable/" + name + ".png"));
        ASSERT_TRUE(vision::save_png(vision::Image(32, 32, 1), folder + "/lane/" + name + ".png"));
        ASSERT_TRUE(write_file(folder + "/boxes/" + name + ".txt", std::string_view("8 8 24 24\n")));
        list += name + "\n";
    }
    ASSERT_TRUE(write_file(folder + "/list.txt", list));
}

class Robust : public testing::Test {
  protected:
    void SetUp() override {
        save_tiny_network(model_);
        ASSERT_TRUE(vision::save_png(red_image(64, 48), images_ + "/red.png"));
        save_set(set_, {"a", "b"});
    }

    std::string quantize(const std::string& options) const { return "octet-quantize " + model_ + " " + options; }

    const TemporaryFolder folder_;
    const std::string model_ = folder_ / "tiny.onnx";
    const std::string images_ = folder_ / "in";
    const std::string set_ = folder_ / "set";
    const std::string out_ = folder_ / "out";
};

// Every program that writes, onto each kind of file that it reads, under another spelling.
TEST_F(Robust, OutputsThatAreInputsAreRefused) {
    const std::string input = folder_ / "images.npy", part = folder_ / "part.json", cache = folder_ / "cache.json";
    ASSERT_TRUE(save_npy(Tensor(DType::float32, {1, 3, 32, 32}), input));
    const std::string copy = folder_ / "lane_line_seg.npy";
    ASSERT_TRUE(save_npy(Tensor(DType::float32, {1, 3, 32, 32}), copy));
    ASSERT_EQ(run_program_text("octet-eval -m " + model_ + " " + set_ + " --shard 0/1 -o " + part).exit_code, 0);
    ASSERT_EQ(run_program_text(quantize(images_ + " -o " + (folder_ / "q.onnx") + " --cache " + cache)).exit_code, 0);
    fs::create_symlink(images_ + "/red.png", folder_ / "link.png");
    ASSERT_TRUE(vision::save_png(red_image(8, 8), folder_ / "more/red.yolop.png"));
    const std::string same_model = folder_ / "in/../tiny.onnx";
    const std::string eval = "octet-eval -m " + model_ + " " + set_;
    for (const auto& [command, file] : {
             std::pair(quantize(images_ + " -o " + same_model), model_),
             std::pair(quantize(images_ + " -o " + (folder_ / "link.png")), images_ + "/red.png"),
             std::pair(quantize(images_ + " -o " + (folder_ / "new.onnx") + " --report " + same_model), model_),
             std::pair(quantize(images_ + " -o " + (folder_ / "new.onnx") + " --cache " + same_model), model_),
             std::pair(quantize(images_ + " -o " + cache + " --cache " + (folder_ / "in/../cache.json")), cache),
             std::pair(eval + " -o " + same_model, model_),
             std::pair(eval + " -o " + set_ + "/../set/list.txt", set_ + "/list.txt"),
             std::pair(eval + " -o " + set_ + "/lane/b.png", set_ + "/lane/b.png"),
             std::pair("octet-eval --compare " + model_ + " " + model_ + " " + set_ + " -o " + same_model, model_),
             std::pair("octet-eval --merge " + part + " -o " + (folder_ / "in/../part.json"), part),
             std::pair("octet-run " + model_ + " --input images=" + copy + " --npy " + (folder_ / "in/.."), copy),
             std::pair("yolop-run -m " + model_ + " " + images_ + " --json " + same_model + " -o " + out_, model_),
             std::pair("yolop-run -m " + model_ + " " + images_ + " " + (folder_ / "more/red.yolop.png") + " -o " +
                           (folder_ / "more"),
                       folder_ / "more/red.yolop.png"),
         }) {
        const std::string before = text_of(file);
        const auto result = run_program_text(command);
        EXPECT_EQ(result.exit_code, 2) << command << "\n" << result.err;
        EXPECT_THAT(result.err, HasSubstr("give another name")) << command;
        EXPECT_EQ(text_of(file), before) << command;
    }
    EXPECT_FALSE(fs::exists(out_)) << "refused before any work";
    EXPECT_FALSE(fs::exists(folder_ / "new.onnx"));
}

// The weights of a model may lie in a file beside it.
TEST_F(Robust, ExternalDataIsAnInput) {
    const std::string model = out_ + "/model.onnx", weights = out_ + "/weights.bin";
    fs::copy(source_folder + "/tests/data/external_data", out_);
    const std::string before = text_of(weights);
    for (const std::string& command :
         {"octet-quantize " + model + " " + images_ + " -o " + weights,
          "octet-eval -m " + model + " " + set_ + " -o " + weights,
          "yolop-run -m " + model + " " + images_ + " -o " + out_ + " --json " + weights}) {
        const auto result = run_program_text(command);
        EXPECT_EQ(result.exit_code, 2) << command << "\n" << result.err;
        EXPECT_THAT(result.err, HasSubstr(weights + ": would replace")) << command;
        EXPECT_EQ(text_of(weights), before);
    }
    EXPECT_EQ(run_program_text("octet-quantize " + model + " " + images_ + " -o " + out_ + "/new.onnx").exit_code, 0);
}

TEST_F(Robust, OutputsThatAreEachOtherAreRefused) {
    const auto result =
        run_program_text(quantize(images_ + " -o " + (folder_ / "x") + " --report " + (folder_ / "./x")));
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("would be written twice"));
    EXPECT_FALSE(fs::exists(folder_ / "x"));
}

// The statistics, which come first, are not even begun.
TEST_F(Robust, WhatCannotBeWrittenIsSaidBeforeTheWork) {
    const std::string cache = folder_ / "cache.json";
    for (const std::string& output : {folder_.path(), model_ + "/below", images_ + "/"}) {
        const auto result = run_program_text(quantize(images_ + " --cache " + cache + " -o " + output));
        EXPECT_EQ(result.exit_code, 3) << output;
        EXPECT_THAT(result.err, HasSubstr(output + ": cannot be written: "));
        EXPECT_FALSE(fs::exists(cache)) << output;
    }
    for (const std::string& command :
         {"octet-eval -m " + model_ + " " + set_ + " -o " + folder_.path(), "octet-run " + model_ + " --npy " + model_,
          "yolop-run -m " + model_ + " " + images_ + " -o " + model_,
          "yolop-run -m " + model_ + " " + images_ + " -o " + out_ + " --json " + folder_.path()}) {
        const auto result = run_program_text(command);
        EXPECT_EQ(result.exit_code, 3) << command;
        EXPECT_THAT(result.err, HasSubstr("cannot be written: ")) << command;
        EXPECT_EQ(result.out, "") << command;
    }
}

// A second run finds the pictures of the first in the folder.
TEST_F(Robust, MasksInTheFolderOfTheImagesAreNoImages) {
    const std::string command = "yolop-run -m " + model_ + " " + images_ + " --masks -o " + images_;
    for (int i = 0; i < 2; ++i) {
        const auto result = run_program_text(command);
        EXPECT_EQ(result.exit_code, 0) << result.err;
    }
    EXPECT_FALSE(fs::exists(images_ + "/red.lane.yolop.png"));
}

TEST_F(Robust, NamesThatAreNoTextLoseNoJob) {
    const std::string name = "caf\xe9", part = folder_ / "part.json";
    save_set(set_, {name, "\xff"});
    ASSERT_EQ(run_program_text("octet-eval -m " + model_ + " " + set_ + " --shard 0/1 -o " + part).exit_code, 0);
    const auto whole = run_program_text("octet-eval -m " + model_ + " " + set_ + " --json");
    EXPECT_EQ(run_program_text("octet-eval --json --merge " + part).out, whole.out);

    const std::string model = folder_ / (name + ".onnx");
    fs::copy_file(model_, model);
    for (const std::string& command : {"octet-eval --compare " + model + " " + model_ + " " + set_ + " --json",
                                       "octet-inspect --json " + model, "octet-bench --json --runs 1 -m " + model,
                                       "yolop-run --json - -m " + model + " -o " + out_ + " " + images_}) {
        const auto result = run_program_text(command);
        EXPECT_EQ(result.exit_code, 0) << command << "\n" << result.err;
        EXPECT_THAT(result.out, HasSubstr("caf\xef\xbf\xbd.onnx"));
        EXPECT_TRUE(json::accept(result.out)) << command;
    }
}

// Two names of a model that no text holds, and one that only looks like their encoding, stay apart in the cache.
TEST_F(Robust, NamesThatAreNoTextInACalibrationCache) {
    Graph graph;
    ValueId value = graph.add_input("images", DType::float32, {1, 3, 16, 16});
    for (const std::string name : {"\xe9", "\xe8", "%E9", "caf\xc3\xa9"}) {
        const ValueId weight =
            graph.add_constant(name + "_weight", Tensor::from<float>({3, 3, 1, 1}, {1, 0, 2, 0, 3, 0, 1, 0, 1}));
        value = graph.node(graph.add_node("Conv", name + "_conv", {value, weight}, {name})).outputs[0];
    }
    graph.outputs.push_back(value);
    ASSERT_TRUE(infer_shapes(graph));
    ASSERT_TRUE(onnx::save(graph, model_));
    const std::string cache = folder_ / "cache.json";
    const auto run = [&](const std::string& output) {
        return run_program_text(quantize(images_ + " --cache " + cache + " -o " + (folder_ / output)));
    };
    const auto first = run("first.onnx"), second = run("second.onnx");
    EXPECT_EQ(first.exit_code, 0) << first.err;
    EXPECT_EQ(second.exit_code, 0) << second.err;
    EXPECT_THAT(second.out, HasSubstr("statistics from the cache"));
    EXPECT_EQ(text_of(folder_ / "first.onnx"), text_of(folder_ / "second.onnx"));
}

TEST_F(Robust, PartialResultsAreCheckedBeforeTheyAreAdded) {
    const std::string part = folder_ / "part.json";
    ASSERT_EQ(run_program_text("octet-eval -m " + model_ + " " + set_ + " --shard 0/1 -o " + part).exit_code, 0);
    const json good = json::parse(text_of(part));
    for (const auto& [place, value] : {
             std::pair("/images/1/truth_boxes", json(-1)),
             std::pair("/images/1/truth_boxes", json(1e300)),
             std::pair("/images/1/truth_boxes", json(1.5)),
             std::pair("/images/1/truth_boxes", json(std::numeric_limits<std::uint64_t>::max())),
             std::pair("/images/1/truth_boxes", json(true)),
             std::pair("/images/1/lane_px/0", json(-5)),
             std::pair("/images/1/lane_px/3", json(9'000'000'000'000'000'000)),
             std::pair("/images/1/drivable_px", json({100'000'000, 1, 0, 0})),
             std::pair("/images/1/drivable_px", json::array()),
             std::pair("/images/1/index", json(-1)),
             std::pair("/images/1/index", json(2)),
             std::pair("/images/1/index", json(0)),
             std::pair("/images/1/detections", json({{0.5, true}, {0.5, true}})),
             std::pair("/images/1/detections", json({{1e300, false}})),
             std::pair("/images/1/detections", json({{-0.5, false}})),
             std::pair("/images/1/detections", json(7)),
             std::pair("/set_images", json(-2)),
             std::pair("/set_images", json(1e300)),
             std::pair("/octet_partial_evaluation", json(1e300)),
             std::pair("/images", json("none")),
         }) {
        json bad = good;
        bad[json::json_pointer(place)] = value;
        ASSERT_TRUE(write_file(part, bad.dump()));
        const auto result = run_program_text("octet-eval --merge " + part);
        EXPECT_EQ(result.exit_code, 3) << place << " = " << value << "\n" << result.out;
        EXPECT_THAT(result.err, HasSubstr("part.json: ")) << place;
    }
}

TEST_F(Robust, APictureThatCannotBeLookedAtIsNamed) {
    const std::string picture = set_ + "/images/b.png";
    fs::remove(picture);
    fs::create_symlink("b.png", picture);  // a circle
    for (const std::string threads : {"1", "2"}) {
        const auto result = run_program_text("octet-eval -m " + model_ + " " + set_ + " --threads " + threads);
        EXPECT_EQ(result.exit_code, 3);
        EXPECT_THAT(result.err, HasSubstr(picture + ": cannot be opened: Too many levels of symbolic links"));
    }
}

TEST_F(Robust, MoreThreadsThanCpusAreCutDownAndSaidSo) {
    for (const std::string& command :
         {"octet-run " + model_, "octet-bench --runs 1 -m " + model_,
          "yolop-run -m " + model_ + " -o " + out_ + " " + images_, "octet-eval -m " + model_ + " " + set_,
          quantize(images_ + " -o " + (folder_ / "q.onnx"))}) {
        const auto result = run_program_text(command + " --threads 1024");
        EXPECT_EQ(result.exit_code, 0) << command << "\n" << result.err;
        EXPECT_THAT(result.err, HasSubstr("1024 threads would only wait for each other")) << command;
        EXPECT_THAT(run_program_text(command + " --threads 1").err, Not(HasSubstr("threads"))) << command;
    }
    if (::access("/usr/bin/taskset", X_OK) != 0) GTEST_SKIP() << "needs taskset";
    const auto alone = run_program_text("octet-run " + model_, "taskset -c 0 ");
    EXPECT_THAT(alone.out, AnyOf(HasSubstr("1 thread"), HasSubstr("Cannot set")));
}

#ifdef OCTET_FAULTS_LIBRARY

// Every program, on as many threads as there are.
class Faults : public Robust {
  protected:
    std::vector<std::string> commands() const {
        return {
            "octet-inspect --optimize --json " + model_,
            "octet-run " + model_ + " --npy " + out_,
            "octet-bench --runs 2 --json -m " + model_,
            "yolop-run -m " + model_ + " " + images_ + " --masks --json " + out_ + "/j.json -o " + out_,
            "octet-eval -m " + model_ + " " + set_ + " --shard 0/1 -o " + out_ + "/part.json",
            quantize(images_ + " -o " + out_ + "/q.onnx --cache " + out_ + "/cache.json --report " + out_ + "/r.html")};
    }
    static ProgramResult run_with(const std::string& fault, const std::string& command) {
        return run_program_text(command, "LD_PRELOAD=" OCTET_FAULTS_LIBRARY " " + fault + " ");
    }
};

TEST_F(Faults, WithoutThreadsTheWorkIsDoneByOne) {
    for (const std::string& command : commands()) {
        for (const std::string fault : {"OCTET_FAIL_THREAD=1", "OCTET_FAIL_THREAD=2"}) {
            fs::remove_all(out_);
            const auto result = run_with(fault, command);
            EXPECT_EQ(result.exit_code, 0) << fault << " " << command << "\n" << result.err;
        }
    }
}

// Wherever memory ends, the program says so and ends too; or does without, as a smaller team of threads.
TEST_F(Faults, WithoutMemoryThereIsAMessage) {
    for (const std::string& command : commands()) {
        int failures = 0;
        for (int n = 1; n < 60'000; n += 1 + n * 2 / 3) {
            fs::remove_all(out_);
            const auto result = run_with("OCTET_FAIL_ALLOCATION=" + std::to_string(n), command);
            EXPECT_THAT(result.exit_code, AnyOf(0, 3)) << "allocation " << n << " of " << command << "\n" << result.err;
            if (result.exit_code == 0) continue;
            ++failures;
            EXPECT_NE(result.err, "") << "allocation " << n << " of " << command;
        }
        EXPECT_GT(failures, 5) << command;
    }
}

#endif

}  // namespace
}  // namespace octet::apps
