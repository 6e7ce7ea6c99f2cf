// The naming grammar of CONTRIBUTING.md: kernels, files and tests.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "kernels/add.h"
#include "kernels/avgpool.h"
#include "kernels/batchnorm.h"
#include "kernels/concat.h"
#include "kernels/conv.h"
#include "kernels/dequantize.h"
#include "kernels/detect_decode.h"
#include "kernels/gemm_f32.h"
#include "kernels/lut.h"
#include "kernels/masks.h"
#include "kernels/maxpool.h"
#include "kernels/move.h"
#include "kernels/mul.h"
#include "kernels/normalize.h"
#include "kernels/quantize.h"
#include "kernels/resize_linear.h"
#include "kernels/resize_nearest.h"
#include "kernels/sigmoid.h"

namespace octet::kernels {
namespace {

namespace fs = std::filesystem;

const fs::path root = fs::path(OCTET_SOURCE_DIR) / "kernels";

struct Named {
    std::string name;
    CpuFeatures needs;
};

std::vector<Named> all_kernels() {
    std::vector<Named> all;
    const auto add = [&](auto list) {
        for (const auto& entry : list) all.push_back({entry.name, entry.needs});
    };
    add(add_kernels());
    add(argmax_kernels());
    add(avgpool_kernels());
    add(batchnorm_kernels());
    add(blend_margin_kernels());
    add(concat_kernels());
    add(dequantize_kernels());
    add(detect_decode_kernels());
    add(gemm_f32_kernels());
    add(lut_kernels());
    add(maxpool_kernels());
    add(move_kernels());
    add(mul_kernels());
    add(normalize_kernels());
    add(pixels_kernels());
    add(quantize_kernels());
    add(resize_linear_kernels());
    add(resize_nearest_kernels());
    add(sigmoid_kernels());
    for (const ConvKernel* kernel : conv_kernels()) all.push_back({kernel->name, kernel->needs});
    return all;
}

// Of the level folders: x86_avx2, arm_neon …
std::vector<fs::path> level_folders() {
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(root)) {
        if (entry.is_directory()) folders.push_back(entry.path());
    }
    return folders;
}

// What a folder's files are kernels of: x86_avx2 -> avx2.
std::string level_of(const fs::path& folder) {
    return std::regex_replace(folder.filename().string(), std::regex("^(x86|arm)_"), "");
}

TEST(KernelNames, are_op_types_tile_level) {
    std::string levels_pattern;
    for (const Level& level : levels()) {
        if (!levels_pattern.empty()) levels_pattern += '|';
        levels_pattern += level.name;
    }
    const std::regex grammar("[a-z]+(_[a-z]+)*((_[usf](8|16|32))+|_([us](8|16|32)){2})(_[0-9]+x[0-9]+)?_(" +
                             levels_pattern + ")");
    std::set<std::string> seen;
    for (const Named& kernel : all_kernels()) {
        EXPECT_TRUE(std::regex_match(kernel.name, grammar)) << kernel.name;
        EXPECT_TRUE(seen.insert(kernel.name).second) << kernel.name << " twice";
        for (const Level& level : levels()) {
            if (kernel.name.ends_with(std::string("_") + level.name)) EXPECT_EQ(kernel.needs, level.features);
        }
    }
    EXPECT_GT(seen.size(), 15U);
}

// Every operator's name begins with the name of the header that states its formula, or its header states several.
TEST(KernelNames, files_are_named_as_their_family) {
    std::set<std::string> families;
    for (const auto& entry : fs::directory_iterator(root)) {
        if (entry.path().extension() == ".h") families.insert(entry.path().stem().string());
    }
    int files = 0;
    for (const fs::path& folder : level_folders()) {
        EXPECT_NE(find_level(level_of(folder)), nullptr) << folder;
        for (const auto& entry : fs::directory_iterator(folder)) {
            if (entry.path().extension() != ".cc") continue;
            ++files;
            const std::string stem = entry.path().stem().string();
            EXPECT_TRUE(std::ranges::any_of(
                families, [&](const std::string& family) { return stem == family || stem.starts_with(family + "_"); }))
                << entry.path() << ": no header of kernels/ has the name that it begins with";
        }
    }
    EXPECT_GT(files, 30);
}

// Each kernel is an instance of its family's tests, and the test's name ends with the kernel's.
TEST(KernelNames, every_kernel_has_tests_of_its_name) {
    std::set<std::string> tested;
    const auto& tests = *testing::UnitTest::GetInstance();
    for (int s = 0; s < tests.total_test_suite_count(); ++s) {
        const auto& suite = *tests.GetTestSuite(s);
        for (int t = 0; t < suite.total_test_count(); ++t) {
            const std::string name = suite.GetTestInfo(t)->name();
            if (const auto slash = name.rfind('/'); slash != std::string::npos) tested.insert(name.substr(slash + 1));
        }
    }
    for (const Named& kernel : all_kernels()) EXPECT_TRUE(tested.contains(kernel.name)) << kernel.name;
}

}  // namespace
}  // namespace octet::kernels
