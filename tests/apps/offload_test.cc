// octet-inspect --offload as a user calls it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "tests/program.h"

namespace octet::apps {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::string network = source_folder + "/data/truth/a_tflite/small_qdq_s8.onnx";

// A chip that has no Tanh, MaxPool nor Resize.
std::string lesser_chip(const TemporaryFolder& folder) {
    std::string path = folder / "chip.json";
    EXPECT_TRUE(write_file(path, std::string_view(R"({"name": "chip", "extends": "ethos-u55",
        "rules": {"tanh": null, "max_pool": null}, "limits": {"resize": {"factors": [4]}}})")));
    return path;
}

TEST(OctetInspectOffload, JsonAddsUp) {
    const TemporaryFolder folder;
    for (const std::string& profile : {std::string("ethos-u55"), std::string("ethos-u85"), lesser_chip(folder)}) {
        SCOPED_TRACE(profile);
        const auto result = run_program_text("octet-inspect --offload " + profile + " --json " + network);
        ASSERT_EQ(result.exit_code, 0) << result.err;
        const json report = json::parse(result.out);
        std::map<std::string, std::size_t> places;
        for (const json& node : report["nodes"]) {
            ++places[node["runs_on"]];
            EXPECT_EQ(node.contains("reason"), node["runs_on"] == "cpu");
            EXPECT_EQ(node.contains("partition"), node["runs_on"] == "npu");
        }
        EXPECT_EQ(report["taken"], places["npu"]);
        EXPECT_EQ(report["refused"], places["cpu"]);
        EXPECT_EQ(report["conversions"], places["conversion"]);
        std::size_t nodes = 0;
        std::int64_t macs = 0, weights = 0;
        for (const json& partition : report["partitions"]) {
            nodes += partition["nodes"].size();
            macs += partition["macs"].get<std::int64_t>();
            weights += partition["weight_bytes"].get<std::int64_t>();
            for (const auto& [tensors, sum] :
                 {std::pair("inputs", "input_bytes"), std::pair("outputs", "output_bytes")}) {
                std::int64_t bytes = 0;
                for (const json& tensor : partition[tensors]) bytes += tensor["bytes"].get<std::int64_t>();
                EXPECT_EQ(partition[sum], bytes);
                EXPECT_GT(bytes, 0);
            }
        }
        EXPECT_EQ(report["taken"], nodes);
        EXPECT_EQ(report["taken_macs"], macs);
        EXPECT_EQ(report["weight_bytes"], weights);
        EXPECT_GE(report["arena_bytes"], report["peak_bytes"]);
        EXPECT_GE(report["peak_bytes"], report["largest_tensor"]["bytes"]);
        const bool whole = profile.find('/') == std::string::npos;
        EXPECT_EQ(report["refused"] == 0, whole);
        EXPECT_EQ(report["partitions"].size() == 1, whole);
    }
}

TEST(OctetInspectOffload, TextNamesRefusalsAndEndsWithTheTotals) {
    const TemporaryFolder folder;
    const std::string command = "octet-inspect " + network + " --offload " + lesser_chip(folder);
    const auto result = run_program_text(command), summary = run_program_text(command + " --summary");
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("refused: 'chip' has no rule for \"max_pool\""));
    EXPECT_THAT(result.out, HasSubstr("refused: it resizes "));
    EXPECT_THAT(result.out, HasSubstr("by 2; 4 is taken\n"));
    EXPECT_THAT(result.out, HasSubstr("\nnpu 2 "));
    EXPECT_THAT(result.out, testing::ContainsRegex("chip takes [0-9]+ of [0-9]+ nodes with [0-9.]+ % of .* in [0-9]+ "
                                                   "partitions: .* go in and .* out; weights .*, arena .*\\.\n$"));
    EXPECT_THAT(result.out, HasSubstr(summary.out));
    EXPECT_THAT(summary.out, Not(HasSubstr("runs on")));
}

TEST(OctetInspectOffload, WrongCommandLines) {
    EXPECT_EQ(run_program_text("octet-inspect --offload ethos-u55").exit_code, 2);
    EXPECT_EQ(run_program_text("octet-inspect --plan --offload ethos-u55 " + network).exit_code, 2);
    EXPECT_EQ(run_program_text("octet-inspect --offload").exit_code, 2);
    const auto unknown = run_program_text("octet-inspect --offload ethos-u56 " + network);
    EXPECT_EQ(unknown.exit_code, 3);
    EXPECT_THAT(unknown.err, HasSubstr("ethos-u55, ethos-u85"));
}

}  // namespace
}  // namespace octet::apps
