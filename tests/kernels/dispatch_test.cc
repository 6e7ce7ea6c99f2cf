#include "kernels/dispatch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "kernels/add.h"
#include "kernels/conv.h"

namespace octet::kernels {
namespace {

TEST(CpuFeatures, are_a_set) {
    const CpuFeatures both = features::avx512vnni | features::avxvnni;
    EXPECT_TRUE(both.contains(features::avxvnni));
    EXPECT_TRUE(both.contains({}));
    EXPECT_FALSE(features::avx512vnni.contains(features::avxvnni));
    EXPECT_FALSE(CpuFeatures{}.contains(features::avx2));
}

TEST(Levels, are_names_for_different_sets) {
    EXPECT_STREQ(levels().front().name, "reference");
    EXPECT_EQ(levels().front().features, CpuFeatures{});
    EXPECT_TRUE(available(levels().front()));
    for (const Level& level : levels()) {
        EXPECT_EQ(find_level(level.name), &level);
        if (level.built) EXPECT_STREQ(level_name(level.features), level.name);
        for (const Level& other : levels()) EXPECT_EQ(level.features == other.features, &level == &other);
    }
    EXPECT_EQ(find_level("sse9"), nullptr);
}

TEST(Levels, a_forced_one_is_taken_or_refused) {
    EXPECT_EQ(choose_features("reference").value(), needs::reference);
    EXPECT_EQ(choose_features(nullptr).value(), detect());
    EXPECT_EQ(choose_features("").value(), detect());
    const auto unknown = choose_features("sse9");
    ASSERT_FALSE(unknown.has_value());
    EXPECT_NE(unknown.error().find("sse9"), std::string::npos);
    for (const Level& level : levels()) {
        EXPECT_NE(unknown.error().find(level.name), std::string::npos) << unknown.error();
        const auto forced = choose_features(level.name);
        EXPECT_EQ(forced.has_value(), available(level));
        if (forced) EXPECT_EQ(*forced, level.features);
        if (!forced) EXPECT_NE(forced.error().find(level.name), std::string::npos) << forced.error();
    }
}

// Stand-ins run where they are named, and nowhere else.
TEST(Levels, none_that_stands_in_is_chosen_by_itself) {
    EXPECT_FALSE(detect().contains(features::stand_in));
    const Level& evex = *find_level("avxvnni_evex");
    EXPECT_TRUE(evex.features.contains(features::stand_in));
    CpuFeatures all{};
    for (const Level& level : levels()) {
        if (!level.features.contains(features::stand_in)) all = all | level.features;
    }
    EXPECT_STRNE(level_name(all), evex.name);
    const std::vector<std::int8_t> weights(64 * 64, 1);
    EXPECT_FALSE(select_conv(all, {.cin = 64, .cout = 64}, weights.data()).needs.contains(features::stand_in));
}

TEST(Levels, are_all_in_the_readme) {
    std::ifstream file(OCTET_SOURCE_DIR "/README.md");
    const std::string readme((std::istreambuf_iterator<char>(file)), {});
    for (const Level& level : levels()) {
        EXPECT_NE(readme.find(level.name), std::string::npos) << level.name << " is not among README's levels";
    }
}

// What OCTET_ISA of this process says is what the programs take.
TEST(Levels, the_environment_names_the_default) {
    const auto chosen = choose_features(std::getenv("OCTET_ISA"));
    EXPECT_EQ(choose_features(), chosen);
    EXPECT_EQ(default_features(), chosen.value_or(detect()));
}

// The level that was asked for is the level that runs, wherever the family has one.
TEST(Dispatch, the_forced_kernel_is_the_one_selected) {
    const std::vector<std::int8_t> weights(64 * 64, 1);
    const ConvParams params{.cin = 64, .cout = 64};
    for (const Level& level : levels()) {
        if (!available(level)) continue;
        const auto kernels = conv_kernels();
        const bool has_conv = std::any_of(kernels.begin(), kernels.end(),
                                          [&](const ConvKernel* kernel) { return kernel->needs == level.features; });
        const ConvKernel& conv = select_conv(level.features, params, weights.data());
        EXPECT_TRUE(level.features.contains(conv.needs)) << conv.name;
        if (has_conv) EXPECT_TRUE(std::string(conv.name).ends_with(std::string("_") + level.name)) << conv.name;
        EXPECT_TRUE(level.features.contains(select(add_kernels(), level.features).needs)) << level.name;
    }
}

}  // namespace
}  // namespace octet::kernels
