#include "apps/common/text_output.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "tests/test_files.h"

namespace octet::apps {
namespace {

using nlohmann::json;

std::string text_of(const std::string& path) {
    const auto bytes = read_file(path, 1 << 20).value();
    return {bytes.begin(), bytes.end()};
}

TEST(JsonArrayOutput, IsTheTextOfTheWhole) {
    const TemporaryFolder folder;
    // Strings that look like the place of the array.
    const std::string trap = "\n \"items\": []";
    json whole = {{"a", trap}, {"items", json::array()}, {"z", {{"items", json::array({1, 2})}}}};
    const json elements[] = {{{"name", trap}, {"list", {1, 2}}}, json::array(), "text", {{"deep", {{"er", nullptr}}}}};
    for (std::size_t count = 0; count <= std::size(elements); ++count) {
        const std::string path = folder / "x.json";
        auto output = JsonArrayOutput::create(path, json_text(whole, 1), "items").value();
        json expected = whole;
        for (std::size_t i = 0; i < count; ++i) {
            ASSERT_TRUE(output.add(json_text(elements[i], 1)));
            expected["items"].push_back(elements[i]);
        }
        ASSERT_TRUE(output.finish());
        EXPECT_EQ(text_of(path), json_text(expected, 1) + "\n") << count;
    }
}

TEST(TextOutput, IsNotThereBeforeItIsFinished) {
    const TemporaryFolder folder;
    {
        auto output = TextOutput::create(folder / "x").value();
        ASSERT_TRUE(output.write("begun"));
    }
    EXPECT_EQ(folder.file_count(), 0U);
}

}  // namespace
}  // namespace octet::apps
