#include "vision/preprocessing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octet::vision {
namespace {

using testing::HasSubstr;
using Metadata = std::map<std::string, std::string>;

Metadata stated(const std::string& key = "", const std::string& value = "") {
    const auto entries = preprocessing_metadata({{{0.5F, 0.25F, 0}, {1, 2, 0.125F}}, 7});
    Metadata metadata(entries.begin(), entries.end());
    if (!key.empty()) metadata["octet.preprocess." + key] = value;
    return metadata;
}

TEST(Preprocessing, IsReadAsItIsWritten) {
    const auto read = stated_preprocessing(stated()).value();
    ASSERT_TRUE(read);
    EXPECT_EQ(read->normalization.mean, (std::array<float, 3>{0.5F, 0.25F, 0}));
    EXPECT_EQ(read->normalization.std, (std::array<float, 3>{1, 2, 0.125F}));
    EXPECT_EQ(read->letterbox, 7);
    // Every digit that tells two floats apart.
    const Preprocessing imagenet;
    const auto entries = preprocessing_metadata(imagenet);
    EXPECT_EQ(stated_preprocessing(Metadata(entries.begin(), entries.end())).value(), imagenet);
    EXPECT_EQ(stated_preprocessing({{"octet.recipe", "best"}}).value(), std::nullopt);
}

TEST(Preprocessing, WhatCannotBeIsNamed) {
    const std::pair<const char*, const char*> wrong[] = {
        {"mean", "1,2"},  {"mean", "1,2,3,4"}, {"mean", "1,,3"},      {"mean", "a,b,c"},      {"mean", "nan,0,0"},
        {"std", "1,0,1"}, {"std", "1,-2,1"},   {"std", "1,1,inf"},    {"letterbox", "256"},   {"letterbox", "-1"},
        {"std", ""},      {"mean", "1, 2, 3"}, {"letterbox", "grey"}, {"layout", "NHWC RGB"}, {"layout", "NCHW BGR"}};
    for (const auto& [key, value] : wrong) {
        const auto read = stated_preprocessing(stated(key, value));
        ASSERT_FALSE(read) << key << " " << value;
        EXPECT_THAT(read.error().message, HasSubstr(fmt::format("'octet.preprocess.{}' is '{}'", key, value)));
    }
    Metadata half = stated();
    half.erase("octet.preprocess.std");
    EXPECT_THAT(stated_preprocessing(half).error().message, HasSubstr("without 'octet.preprocess.std'"));
}

}  // namespace
}  // namespace octet::vision
