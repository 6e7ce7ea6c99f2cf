#include "engine/npu_emu/profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace octet::engine::npu_emu {
namespace {

std::string error_of(const std::string& json) {
    const auto profile = parse_profile(json, "chip.json");
    return profile ? "" : profile.error().message;
}

TEST(Profiles, that_octet_comes_with_are_read) {
    std::set<std::string> names;
    for (std::string_view name : profile_names()) {
        const auto profile = load_profile(std::string(name));
        ASSERT_TRUE(profile) << profile.error().message;
        EXPECT_EQ(profile->name, name);
        EXPECT_FALSE(profile->description.empty());
        names.insert(profile->name);
    }
    for (const char* name : {"tflite-double", "tflite-single", "ruy-x86", "ruy-arm", "litert-xnnpack", "tosa",
                             "onnxruntime-x86-fused", "onnxruntime-unfused", "onnxruntime-arm", "onnx-ref", "ethos-u",
                             "ethos-u55", "ethos-u85", "int16x8", "m16", "octet-fixed16"}) {
        EXPECT_TRUE(names.contains(name)) << name;
    }
    EXPECT_EQ(load_profile("ruy-arm")->rule("conv"), "single");
    EXPECT_EQ(load_profile("ruy-arm")->rule("requantize"), "double-up");
    EXPECT_EQ(load_profile("ruy-arm")->rule("hardswish"), "tfl-hs");  // of what it extends
    EXPECT_EQ(load_profile("ruy-arm")->rule("depthwise_conv"), "single");
    EXPECT_FALSE(load_profile("int16x8")->rule("conv"));
}

TEST(Profiles, one_line_changes_one_thing) {
    const auto profile =
        parse_profile(R"({"name": "mine", "extends": "tflite-double", "accumulator": {"bits": 24}})", "x");
    ASSERT_TRUE(profile) << profile.error().message;
    EXPECT_EQ(profile->accumulator.bits, 24);
    EXPECT_EQ(profile->accumulator.max(), 8'388'607);
    EXPECT_EQ(profile->rule("conv"), "double");
    const auto constants = parse_profile(
        R"({"name": "c", "extends": "replaced-constants", "constants": {"leaky_alpha": 0.25}, "rules": {"mul": null}})",
        "x");
    ASSERT_TRUE(constants) << constants.error().message;
    EXPECT_EQ(constants->leaky_alpha, 0.25);
    EXPECT_EQ(constants->hardswish_sixth, 2731.0 / 16384);
    EXPECT_FALSE(constants->rule("mul"));
}

TEST(Profiles, that_differ_in_their_limits_have_one_arithmetic) {
    const Profile ethos = load_profile("ethos-u").value(), u55 = load_profile("ethos-u55").value();
    EXPECT_TRUE(u55.same_arithmetic(ethos));
    EXPECT_FALSE(u55 == ethos);
    EXPECT_FALSE(u55.same_arithmetic(load_profile("ethos-truncate").value()));
    const auto names = arithmetic_names();
    const std::set<std::string_view> arithmetics(names.begin(), names.end());
    EXPECT_TRUE(arithmetics.contains("ethos-u"));
    EXPECT_FALSE(arithmetics.contains("ethos-u55"));
    for (std::string_view name : profile_names()) {
        const Profile profile = load_profile(std::string(name)).value();
        EXPECT_EQ(std::count_if(names.begin(), names.end(),
                                [&](std::string_view other) {
                                    return load_profile(std::string(other))->same_arithmetic(profile);
                                }),
                  1)
            << name;
    }
}

TEST(Profiles, errors_name_the_key) {
    const std::pair<const char*, const char*> wrong[] = {
        {R"([])", "an object"},
        {R"({"name": "a", "colour": 1})", "key \"colour\": there is no such key"},
        {R"({})", "key \"name\": it is missing"},
        {R"({"name": 7})", "key \"name\""},
        {R"({"name": "a", "name": "b"})", "key \"name\": it is given twice"},
        {R"({"name": "a", "extends": "nobody"})", "key \"extends\""},
        {R"({"name": "a", "accumulator": {"bits": 31}})", "key \"accumulator.bits\""},
        {R"({"name": "a", "accumulator": {"bits": 32.5}})", "key \"accumulator.bits\""},
        {R"({"name": "a", "accumulator": {"overflow": "trap"}})", "key \"accumulator.overflow\""},
        {R"({"name": "a", "accumulator": {"width": 32}})", "key \"accumulator.width\": there is no such key"},
        {R"({"name": "a", "accumulator": 32})", "key \"accumulator\": an object"},
        {R"({"name": "a", "multiplier": {"bits": 64}})", "key \"multiplier.bits\""},
        {R"({"name": "a", "multiplier": {"bits": 7}})", "key \"multiplier.bits\""},
        {R"({"name": "a", "padding": {"value": 200}})", "key \"padding.value\""},
        {R"({"name": "a", "rules": {"conv": "triple"}})", "key \"rules.conv\": \"triple\" is no rule"},
        {R"({"name": "a", "rules": {"convolution": "double"}})", "key \"rules.convolution\""},
        {R"({"name": "a", "constants": {"leaky_alpha": "26"}})", "key \"constants.leaky_alpha\""},
        {R"({"name": "a", "constants": {"leaky_alpha": "26/0"}})", "key \"constants.leaky_alpha\""},
        {R"({"name": "a", "constants": {"leaky_alpha": 3}})", "key \"constants.leaky_alpha\""},
        {R"({"name": "a", "extends": "tflite-double", "constants": {"hardswish_sixth": 0.17}})", "hardswish_sixth"},
        {R"({"name": "a", "limits": {"conv": {"max_kernel": 0}}})", "key \"limits.conv.max_kernel\""},
        {R"({"name": "a", "limits": {"resize": {"factors": [2, "4"]}}})", "key \"limits.resize.factors\""},
        {R"({"name": "a", "limits": {"resize": {"along_one_line": 1}}})", "key \"limits.resize.along_one_line\""},
        {R"({"name": "a", "limits": {"resize": {"from_one_pixel": "yes"}}})", "key \"limits.resize.from_one_pixel\""},
        {R"({"name": "a", "limits": {"resize": {"max_factor": 2}}})", "key \"limits.resize.max_factor\": there is no"},
        {R"({"name": "a", "limits": {"upsample": {}}})", "key \"limits.upsample\": there is no such key"},
        {R"({"name": "a", "demands": {"equal_scales": ["conv"]}})", "key \"demands.equal_scales\""},
        {R"({"name": "a")", "not JSON"},
    };
    for (const auto& [json, expected] : wrong) {
        const std::string error = error_of(json);
        EXPECT_NE(error.find(expected), std::string::npos) << json << "\n" << error;
        EXPECT_NE(error.find("chip.json"), std::string::npos) << error;
    }
    const auto nobody = load_profile("no-such-profile");
    ASSERT_FALSE(nobody);
    EXPECT_NE(nobody.error().message.find("tflite-double"), std::string::npos) << nobody.error().message;
}

}  // namespace
}  // namespace octet::engine::npu_emu
