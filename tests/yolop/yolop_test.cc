#include "yolop/yolop.h"

#include <gtest/gtest.h>

#include <cmath>

#include "frontends/load.h"
#include "frontends/npy.h"
#include "graph/ops/infer.h"
#include "tests/test_files.h"
#include "tests/tiny_network.h"
#include "vision/image.h"
#include "yolop/overlay.h"

namespace octet::yolop {
namespace {

// Every fourth pixel in both directions of [1,2,H,W].
Tensor every_fourth(const Tensor& mask) {
    const std::int64_t height = mask.shape()[2], width = mask.shape()[3];
    Tensor small(DType::float32, {1, 2, height / 4, width / 4});
    auto out = small.mutable_data<float>().begin();
    for (std::int64_t c = 0; c < 2; ++c)
        for (std::int64_t y = 0; y < height; y += 4)
            for (std::int64_t x = 0; x < width; x += 4)
                *out++ = mask.data<float>()[static_cast<std::size_t>((c * height + y) * width + x)];
    return small;
}

// Relative to the value, or to the smallest value that matters where that is larger.
void expect_close(const Tensor& actual, const std::string& golden_name, float floor) {
    const auto golden = load_npy(shared_folder + "/golden/" + golden_name);
    ASSERT_TRUE(golden) << golden.error().message;
    ASSERT_EQ(actual.shape(), golden->shape());
    double worst = 0;
    for (std::size_t i = 0; i < golden->data<float>().size(); ++i) {
        const float expected = golden->data<float>()[i];
        const double error = std::abs(actual.data<float>()[i] - expected) / std::max(std::abs(expected), floor);
        worst = std::max(worst, error);
    }
    EXPECT_LE(worst, 1e-3) << golden_name;
}

TEST(Yolop, AgreesWithTheGoldenOutputs) {
    OCTET_NEEDS_SHARED("models/yolop-640.onnx");
    const std::string model = shared_folder + "/models/yolop-640.onnx";
    const auto executable = load_executable(model);
    ASSERT_TRUE(executable) << executable.error().message;
    auto yolop = Yolop::create(*executable, model, {});
    ASSERT_TRUE(yolop) << yolop.error().message;
    for (const std::string name : {"scene-000001", "scene-000002", "scene-000003"}) {
        const auto frame = vision::load_image(scenes_folder + "/images/" + name + ".jpg");
        ASSERT_TRUE(frame);
        const auto result = yolop->run(*frame, {});
        ASSERT_TRUE(result) << result.error().message;
        expect_close(result->det_out, name + ".det_out.npy", 1e-3F);
        expect_close(every_fourth(result->drivable), name + ".drive_area_seg.npy", 1e-3F);
        expect_close(every_fourth(result->lane), name + ".lane_line_seg.npy", 1e-3F);
    }
}

// The drivable mask is where red lies above its mean, the lane mask where blue does; red_image() has 255, 0, 0.
TEST(Yolop, PreprocessesAsTheModelStates) {
    const TemporaryFolder folder;
    const std::string model = folder / "tiny.onnx";
    const auto covered = [&](const char* mean, const vision::Preprocessing& unstated) {
        std::map<std::string, std::string> metadata;
        if (mean) metadata = {{"octet.preprocess.mean", mean}, {"octet.preprocess.std", "1,1,1"}};
        save_tiny_network(model, metadata);
        auto yolop = Yolop::create(load_executable(model).value(), model, {.threads = 1}, unstated).value();
        const YolopResult result = yolop.run(red_image(32, 32), {}).value();
        return std::pair(covered_pct(vision::content_mask(result.drivable, result.transform)),
                         covered_pct(vision::content_mask(result.lane, result.transform)));
    };
    const vision::Preprocessing negative{{{2, 2, -1}, {1, 1, 1}}};
    EXPECT_EQ(covered(nullptr, {}), std::pair(100.0, 0.0));
    EXPECT_EQ(covered(nullptr, negative), std::pair(0.0, 100.0));
    EXPECT_EQ(covered("2,2,-1", {}), std::pair(0.0, 100.0));
    EXPECT_EQ(covered("0.5,0.5,0.5", negative), std::pair(100.0, 0.0));

    save_tiny_network(model, {{"octet.preprocess.mean", "1,2"}, {"octet.preprocess.std", "1,1,1"}});
    const auto refused = Yolop::create(load_executable(model).value(), model, {.threads = 1});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, model + ": metadata 'octet.preprocess.mean' is '1,2', not three numbers");
}

TEST(Yolop, OtherNetworksAreRefused) {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {1, 4});
    graph.outputs = {graph.node(graph.add_node("Relu", "relu", {x}, {"y"})).outputs[0]};
    ASSERT_TRUE(infer_shapes(graph));
    const auto executable = engine::compile(graph);
    ASSERT_TRUE(executable) << executable.error().message;
    const auto yolop = Yolop::create(*executable, "other.onnx", {.threads = 1});
    ASSERT_FALSE(yolop);
    EXPECT_EQ(yolop.error().message,
              "other.onnx: not a YOLOP network: it takes x float32 1x4, expected one float32 Nx3xHxW");
}

// A 4 x 2 canvas whose upper row is padding; the frame has twice the content's width.
TEST(Masks, ContentAndFrame) {
    const vision::LetterboxTransform transform = vision::letterbox_transform(8, 2, 4, 2);
    ASSERT_EQ(transform.content_height, 1);
    Tensor segmentation(DType::float32, {1, 2, 2, 4});
    auto values = segmentation.mutable_data<float>();
    const int row = transform.pad_top * 4;
    values[8 + row + 2] = 1;  // foreground where x is 2 or 3
    values[8 + row + 3] = 1;
    values[row + 0] = 1;  // background for sure where x is 0 or 1
    values[row + 1] = 1;
    EXPECT_EQ(vision::content_mask(segmentation, transform).pixels, (std::vector<std::uint8_t>{0, 0, 1, 1}));
    EXPECT_EQ(vision::frame_mask(segmentation, transform).pixels,
              (std::vector<std::uint8_t>{0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace octet::yolop
