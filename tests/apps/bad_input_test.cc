// What users and disks do wrong: a message that names the file and the node, exit code 3, nothing half-written.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/file.h"
#include "frontends/npy.h"
#include "tests/program.h"
#include "tests/tiny_network.h"

namespace octet::apps {
namespace {

using testing::HasSubstr;
using testing::Not;

class FullDisk : public testing::Test {
  protected:
    void SetUp() override {
        save_tiny_network(model_);
        ASSERT_TRUE(vision::save_png(red_image(64, 48), image_));
    }

    // No file may grow beyond half a kilobyte: to a program that is a disk that fills.
    const std::string small_disk_ = "trap '' XFSZ; ulimit -f 1; ";
    const TemporaryFolder folder_;
    const TemporaryFolder out_;
    const std::string model_ = folder_ / "tiny.onnx";
    const std::string image_ = folder_ / "in/red.png";
};

TEST_F(FullDisk, NothingHalfWrittenStays) {
    for (const std::string& command :
         {"yolop-run -m " + model_ + " " + image_ + " -o " + out_.path(),
          "octet-run " + model_ + " --npy " + out_.path(),
          "octet-eval -m " + model_ + " " + scenes_folder + " --shard 0/12 -o " + (out_ / "part.json"),
          "octet-quantize " + model_ + " " + (folder_ / "in") + " -o " + (out_ / "int8.onnx")}) {
        const auto result = run_program_text(command, small_disk_);
        EXPECT_EQ(result.exit_code, 3) << command << "\n" << result.err;
        EXPECT_THAT(result.err, HasSubstr(out_.path()));
        EXPECT_THAT(result.err, HasSubstr("cannot be written: File too large"));
        // The one output of octet-run that is small enough is complete.
        for (const auto& entry : std::filesystem::directory_iterator(out_.path())) {
            EXPECT_EQ(entry.path().filename(), "det_out.npy") << command;
            EXPECT_TRUE(load_npy(entry.path()).has_value());
        }
    }
}

TEST_F(FullDisk, ResultsThatStdoutLosesAreAnError) {
    for (const std::string& command :
         {"yolop-run -m " + model_ + " " + image_ + " --json - -o " + out_.path(), "octet-run " + model_,
          "octet-inspect " + model_, "octet-eval -m " + model_ + " " + scenes_folder + " --limit 1"}) {
        const auto result = run_program_text(command + " >/dev/full");
        EXPECT_EQ(result.exit_code, 3) << command;
        EXPECT_THAT(result.err, HasSubstr("No space left on device")) << command;
    }
}

TEST_F(FullDisk, FoldersThatCannotBe) {
    const std::string below_a_file = image_ + "/out";
    for (const std::string& command : {"yolop-run -m " + model_ + " " + image_ + " -o " + below_a_file,
                                       "octet-run " + model_ + " --npy " + below_a_file,
                                       "octet-quantize " + model_ + " " + (folder_ / "in") + " -o " + below_a_file}) {
        const auto result = run_program_text(command);
        EXPECT_EQ(result.exit_code, 3) << command;
        EXPECT_THAT(result.err, HasSubstr(below_a_file));
    }
    const auto empty = run_program_text("yolop-run -m " + model_ + " " + out_.path());
    EXPECT_EQ(empty.exit_code, 3);
    EXPECT_THAT(empty.err, HasSubstr(out_.path() + ": no JPEG, PNG or BMP file in this folder"));
}

// images [1,3,16,16] → Conv 'first' → Relu 'act' or another operator → Conv 'second' → y
class Quantize : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(vision::save_png(red_image(20, 20), images_ + "/a.png")); }

    std::string save(const std::string& name, const std::vector<float>& weights, const std::string& op = "Relu") {
        Graph graph;
        const auto conv = [&](const char* node, ValueId in, const Tensor& weight) {
            const ValueId w = graph.add_constant(std::string(node) + "_weight", weight);
            return graph.node(graph.add_node("Conv", node, {in, w}, {std::string(node) + "_out"})).outputs[0];
        };
        const ValueId x = graph.add_input("images", DType::float32, {1, 3, 16, 16});
        const ValueId first = conv("first", x, Tensor::from<float>({4, 3, 1, 1}, weights));
        const ValueId act = graph.node(graph.add_node(op, "act", {first}, {"act_out"})).outputs[0];
        graph.outputs.push_back(conv("second", act, Tensor::from<float>({2, 4, 1, 1}, {1, 2, 3, 4, -1, -2, -3, 1})));
        EXPECT_TRUE(infer_shapes(graph));
        EXPECT_TRUE(onnx::save(graph, folder_ / name));
        return folder_ / name;
    }
    ProgramResult quantize(const std::string& model, const std::string& options = "") const {
        return run_program_text("octet-quantize " + model + " " + images_ + " -o " + (out_ / "int8.onnx") +
                                " --threads 1 " + options);
    }
    void expect_error(const ProgramResult& result, const std::vector<std::string>& words) const {
        EXPECT_EQ(result.exit_code, 3);
        for (const std::string& word : words) EXPECT_THAT(result.err, HasSubstr(word));
        EXPECT_EQ(out_.file_count(), 0U);
    }

    static constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    static constexpr float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> good_ = {1, -1, 2, 0.5F, 1, -2, 0.25F, 1, 1, -1, 2, 3};
    const TemporaryFolder folder_;
    const TemporaryFolder out_;
    const std::string images_ = folder_ / "images";
};

TEST_F(Quantize, NumbersThatAreNone) {
    std::vector<float> weights = good_;
    weights[5] = nan;
    expect_error(quantize(save("nan.onnx", weights)), {"nan.onnx: node 'first' (Conv): its weights hold NaN"});
    weights[5] = infinity;
    expect_error(quantize(save("inf.onnx", weights)), {"inf.onnx: node 'first' (Conv): its weights hold NaN"});
    for (float& weight : weights) weight = 3e38F;
    expect_error(quantize(save("large.onnx", weights)), {"large.onnx: node 'first' (Conv): ", "NaN or infinite"});
    expect_error(quantize(save("root.onnx", good_, "Sqrt")), {"root.onnx: node 'act' (Sqrt): ", "NaN or infinite"});
}

// A network with nothing in it is quantized and runs: a channel of zeros, all zeros.
TEST_F(Quantize, ZeroesAreNumbers) {
    std::vector<float> weights = good_;
    std::fill_n(weights.begin() + 3, 3, 0.0F);
    for (const std::string& model : {save("channel.onnx", weights), save("zero.onnx", std::vector<float>(12))}) {
        for (const char* recipe : {"best", "reference"}) {
            const auto result = quantize(model, std::string("--recipe ") + recipe);
            EXPECT_EQ(result.exit_code, 0) << model << " " << recipe << "\n" << result.err;
            const auto run = run_program_text("octet-run " + (out_ / "int8.onnx"));
            EXPECT_EQ(run.exit_code, 0) << run.err;
            EXPECT_THAT(run.out, Not(HasSubstr("nan")));
        }
    }
}

TEST_F(Quantize, UnreadableImagesAreSkippedCountedAndNamed) {
    const std::string model = save("good.onnx", good_);
    ASSERT_TRUE(write_file(images_ + "/text.jpg", std::string_view("no picture")));
    ASSERT_TRUE(write_file(images_ + "/empty.png", std::string_view()));
    const auto result = quantize(model);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("skipped " + images_ + "/empty.png: the file is empty\n"));
    EXPECT_THAT(result.err, HasSubstr("skipped " + images_ + "/text.jpg: not a JPEG, PNG or BMP image\n"));
    EXPECT_THAT(result.err, HasSubstr("2 of 3 images were unreadable and skipped"));

    std::filesystem::remove(out_ / "int8.onnx");
    std::filesystem::remove(images_ + "/a.png");
    expect_error(quantize(model), {images_ + ": none of its 2 images can be read", "empty.png"});
    std::filesystem::remove_all(images_);
    expect_error(quantize(model), {images_ + ": cannot be read"});
    std::filesystem::create_directory(images_);
    expect_error(quantize(model), {images_ + ": no JPEG, PNG or BMP file in this folder"});
}

TEST_F(Quantize, PicturesOfOtherFormatsAreNamed) {
    const std::string model = save("good.onnx", good_);
    for (const std::string name : {"d.webp", "b.TIF", "c.tif", "e.webp", "notes.txt"})
        ASSERT_TRUE(write_file(images_ + "/" + name, std::string_view("RIFF....WEBPVP8 ")));
    const auto result = quantize(model);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "octet-quantize: " + images_ +
                              ": 4 pictures that are not JPEG, PNG or BMP are passed over (2 .tif, 2 .webp): b.TIF, "
                              "c.tif, d.webp, …\n");
    std::filesystem::remove(out_ / "int8.onnx");
    std::filesystem::remove(images_ + "/a.png");
    expect_error(quantize(model), {"4 pictures that are not JPEG, PNG or BMP are passed over", "no other is there"});
    expect_error(run_program_text("octet-quantize " + model + " " + images_ + "/d.webp -o " + (out_ / "int8.onnx")),
                 {images_ + "/d.webp: a WebP picture; JPEG, PNG and BMP are read"});
}

TEST_F(Quantize, ForeignCachesAreRefused) {
    const std::string model = save("good.onnx", good_);
    const std::string cache = folder_ / "cache.json";
    ASSERT_EQ(quantize(model, "--cache " + cache).exit_code, 0);
    const auto again = quantize(model, "--cache " + cache);
    EXPECT_THAT(again.out, HasSubstr("statistics from the cache"));
    std::filesystem::remove(out_ / "int8.onnx");

    std::vector<float> weights = good_;
    weights[0] = 7;
    expect_error(quantize(save("other.onnx", weights), "--cache " + cache), {cache, "belongs to another model"});
    expect_error(quantize(model, "--recipe reference --cache " + cache), {cache, "was made with other options"});
    ASSERT_TRUE(vision::save_png(red_image(8, 8), images_ + "/b.png"));
    expect_error(quantize(model, "--cache " + cache), {cache, "was made from other images"});
    ASSERT_TRUE(write_file(cache, std::string_view("{")));
    expect_error(quantize(model, "--cache " + cache), {cache, "is damaged"});
}

}  // namespace
}  // namespace octet::apps
