#include "yolop/pipeline.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "frontends/load.h"
#include "tests/test_files.h"
#include "vision/png.h"
#include "yolop/analysis.h"
#include "yolop/overlay.h"

namespace octet::yolop {
namespace {

// All that comes of a picture: its error, or boxes and bytes.
struct Outcome {
    std::string error{};
    std::vector<Detection> vehicles{};
    std::vector<std::uint8_t> overlay{}, drivable{}, lane{}, det_out{};
};

Outcome outcome_of(Yolop& network, const std::string& path) {
    auto frame = vision::load_image(path);
    if (!frame) return {.error = frame.error().message};
    const Analysis analysis = analyse(network, *frame, {}).value();
    const auto& vehicles = analysis.result.vehicles;
    const vision::Image picture = draw_overlay(std::move(*frame), vehicles, analysis.drivable, analysis.lane);
    const auto floats = std::as_bytes(analysis.result.det_out.data<float>());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(floats.data());
    return {.vehicles = vehicles,
            .overlay = vision::encode_png(picture).value(),
            .drivable = analysis.drivable.pixels,
            .lane = analysis.lane.pixels,
            .det_out = {bytes, bytes + floats.size()}};
}

void expect_equal(const Outcome& actual, const Outcome& expected) {
    EXPECT_EQ(actual.error, expected.error);
    ASSERT_EQ(actual.vehicles.size(), expected.vehicles.size());
    for (std::size_t i = 0; i < expected.vehicles.size(); ++i) {
        const Detection &one = actual.vehicles[i], &other = expected.vehicles[i];
        EXPECT_EQ(one.box.x1, other.box.x1);
        EXPECT_EQ(one.box.y1, other.box.y1);
        EXPECT_EQ(one.box.x2, other.box.x2);
        EXPECT_EQ(one.box.y2, other.box.y2);
        EXPECT_EQ(one.score, other.score);
    }
    EXPECT_TRUE(actual.overlay == expected.overlay);
    EXPECT_TRUE(actual.drivable == expected.drivable);
    EXPECT_TRUE(actual.lane == expected.lane);
    EXPECT_TRUE(actual.det_out == expected.det_out);
}

TEST(Pipeline, GivesWhatOnePictureAfterTheOtherGivesOnAnyNumberOfThreads) {
    const TemporaryFolder folder;
    const std::string broken = folder / "broken.jpg", missing = folder / "missing.png";
    ASSERT_TRUE(write_file(broken, std::string_view("\xff\xd8 no picture")));
    std::vector<std::string> paths{broken};
    for (const std::string name : {"scene-000001", "scene-000002", "scene-000006"}) {
        paths.push_back(scenes_folder + "/images/" + name + ".jpg");
        paths.push_back(missing);
    }
    const std::string model = source_folder + "/models/yolop-640-int8.onnx";
    const auto executable = load_executable(model).value();

    std::vector<Outcome> expected;
    Yolop network = Yolop::create(executable, model, {.threads = 1}).value();
    for (const std::string& path : paths) expected.push_back(outcome_of(network, path));
    EXPECT_NE(expected.front().error, "");
    EXPECT_FALSE(expected[1].vehicles.empty());

    for (const int threads : {1, 2, 3, 5}) {
        auto pipeline = Pipeline::create(executable, model, threads, std::nullopt).value();
        std::size_t next = 0, given = 0;
        pipeline.run<std::string, Outcome>(
            [&]() -> std::optional<std::string> {
                if (next == paths.size()) return std::nullopt;
                return paths[next++];
            },
            [](Yolop& one, const std::string& path) { return outcome_of(one, path); },
            [&](const Outcome& outcome) {
                SCOPED_TRACE(fmt::format("{} threads, {}", threads, paths[given]));
                expect_equal(outcome, expected[given++]);
                return true;
            });
        EXPECT_EQ(given, paths.size());
    }
}

TEST(Pipeline, FewPicturesGetSeveralThreadsEach) {
    const std::string model = source_folder + "/models/yolop-640-int8.onnx";
    const auto executable = load_executable(model).value();
    auto pipeline = Pipeline::create(executable, model, 4, 1).value();
    EXPECT_EQ(pipeline.networks(), 1);
    EXPECT_EQ(pipeline.threads_of_each(), 4);
}

}  // namespace
}  // namespace octet::yolop
