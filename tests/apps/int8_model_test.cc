// The INT8 network of the repository: integers only, and the same bytes on every level and number of threads.

#include <gtest/gtest.h>

#include <cstdio>

#include "frontends/load.h"
#include "kernels/cpu.h"
#include "tests/test_files.h"
#include "vision/image.h"
#include "yolop/dataset.h"
#include "yolop/yolop.h"

namespace octet::apps {
namespace {

const std::string int8_model = source_folder + "/models/yolop-640-int8.onnx";

// The scalar reference takes seconds a picture, and a minute under a sanitizer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t pictures = 1;
#else
constexpr std::size_t pictures = 10;
#endif

yolop::Yolop make_yolop(kernels::CpuFeatures features, int threads) {
    const auto executable = load_executable(int8_model, {}, {.features = features}).value();
    EXPECT_EQ(executable->level(), kernels::level_name(features));
    return yolop::Yolop::create(executable, int8_model, {.threads = threads}).value();
}

TEST(Int8Model, ComputesInIntegersBetweenItsBorders) {
    const auto executable = load_executable(int8_model);
    ASSERT_TRUE(executable) << executable.error().message;
    EXPECT_EQ((*executable)->program().float_seams(), std::vector<std::string>{});
    EXPECT_EQ((*executable)->program().metadata.at("octet.recipe"), "best");
}

void expect_identical(const yolop::YolopResult& actual, const yolop::YolopResult& expected, const std::string& what) {
    EXPECT_TRUE(identical(actual.det_out, expected.det_out)) << what;
    EXPECT_TRUE(identical(actual.drivable, expected.drivable)) << what;
    EXPECT_TRUE(identical(actual.lane, expected.lane)) << what;
}

// One test for all levels, so that the reference, which takes as long as all the others, runs on the first picture alone.
TEST(Int8Model, EveryLevelAndThreadCountGivesTheSameBytes) {
    const yolop::Dataset scenes = yolop::load_dataset(scenes_folder).value();
    yolop::Yolop reference = make_yolop(kernels::needs::reference, 2);
    std::vector<std::pair<std::string, yolop::Yolop>> others;
    for (const kernels::Level& level : kernels::levels()) {
        if (level.features == kernels::needs::reference) continue;
        if (!kernels::available(level)) {
            // Not in gtest's words of a skipped test, from which ctest would take the whole one for skipped.
            std::printf("without level %s, which this CPU or build lacks\n", level.name);
            continue;
        }
        for (const int threads : {1, 2, 3}) {
            others.emplace_back(std::string(level.name) + " with " + std::to_string(threads) + " threads",
                                make_yolop(level.features, threads));
        }
    }
    for (std::size_t i = 0; i < pictures; ++i) {
        const vision::Image frame = vision::load_image(scenes_folder + "/images/" + scenes.names[i] + ".jpg").value();
        yolop::Yolop& standard = i == 0 || others.empty() ? reference : others.front().second;
        const yolop::YolopResult expected = standard.run(frame, {}).value();
        if (i == 0) {
            yolop::Yolop other = make_yolop(kernels::needs::reference, 3);
            expect_identical(other.run(frame, {}).value(), expected, "reference with 3 threads");
        }
        for (auto& [name, yolop] : others) {
            expect_identical(yolop.run(frame, {}).value(), expected, name + ", " + scenes.names[i]);
        }
    }
}

}  // namespace
}  // namespace octet::apps
