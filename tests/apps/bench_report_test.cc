#include "apps/common/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace octet::apps {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

BenchReport sample() {
    return {.model = "net.onnx",
            .cpu = "some CPU, 2 cores",
            .isa = "avx2",
            .input = "float",
            .threads = 2,
            .warmup_runs = 3,
            .load_ms = 120,
            .first_run_ms = 30,
            .latencies_ms = {10, 12, 11},
            .peak_memory_mb = 80,
            .layers = {{"stem", "conv_a", 2, 4'000'000}, {"act", "lut", 1, 0}, {"head", "conv_a", 2, 8'000'000}}};
}

TEST(BenchReport, GmacPerSecond) {
    EXPECT_DOUBLE_EQ(gmac_per_s(5'000'000, 2), 2.5);
    EXPECT_DOUBLE_EQ(gmac_per_s(5'000'000, 0), 0);
}

TEST(BenchReport, SumsByKernelSlowestFirst) {
    const auto sums = sum_by_kernel(sample().layers);
    ASSERT_EQ(sums.size(), 2U);
    EXPECT_EQ(sums[0].kernel, "conv_a");
    EXPECT_EQ(sums[0].steps, 2);
    EXPECT_DOUBLE_EQ(sums[0].ms, 4);
    EXPECT_EQ(sums[0].macs, 12'000'000);
    EXPECT_EQ(sums[1].kernel, "lut");
}

TEST(BenchReport, LayerTableHasSharesAndRates) {
    const Table table = layer_table(sample().layers);
    ASSERT_EQ(table.rows.size(), 4U);
    EXPECT_THAT(table.rows[0], ElementsAre("stem", "conv_a", "2.000", "40.0 %", "0.0040", "2.0"));
    EXPECT_THAT(table.rows[1], ElementsAre("act", "lut", "1.000", "20.0 %", "", ""));
    EXPECT_THAT(table.rows[3], ElementsAre("all", "", "5.000", "100.0 %", "0.0120", "2.4"));
}

TEST(BenchReport, JsonKeysCarryUnits) {
    const auto json = nlohmann::json::parse(to_json(sample()));
    EXPECT_EQ(json["latencies_ms"].size(), 3U);
    EXPECT_DOUBLE_EQ(json["latency_median_ms"], 11);
    EXPECT_DOUBLE_EQ(json["latency_min_ms"], 10);
    EXPECT_DOUBLE_EQ(json["first_run_ms"], 30);
    EXPECT_DOUBLE_EQ(json["load_ms"], 120);
    EXPECT_DOUBLE_EQ(json["peak_memory_mb"], 80);
    EXPECT_EQ(json["isa"], "avx2");
    EXPECT_EQ(json["threads"], 2);
    EXPECT_EQ(json["layers"][2]["macs"], 8'000'000);
    EXPECT_DOUBLE_EQ(json["layers"][2]["gmac_per_s"], 4);
    EXPECT_FALSE(json.contains("comparison"));
}

TEST(BenchReport, JsonComesBack) {
    const auto report = parse_bench_report(to_json(sample()), "old.json");
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->model, "net.onnx");
    EXPECT_EQ(report->cpu, "some CPU, 2 cores");
    EXPECT_EQ(report->threads, 2);
    EXPECT_EQ(report->latencies_ms, sample().latencies_ms);
    ASSERT_EQ(report->layers.size(), 3U);
    EXPECT_EQ(report->layers[2].name, "head");
    EXPECT_EQ(report->layers[2].macs, 8'000'000);
}

TEST(BenchReport, NamesThatAreNotUtf8StillGiveJson) {
    BenchReport report = sample();
    report.layers[0].name = "\xff\"\n";
    EXPECT_TRUE(parse_bench_report(to_json(report), "old.json"));
}

TEST(BenchReport, ComparesLayersByNameAndOccurrence) {
    const std::vector<LayerTime> old{{"a", "k1", 1, 0}, {"a", "k1", 2, 0}, {"gone", "k2", 3, 0}};
    const std::vector<LayerTime> now{{"a", "k1", 0.5, 0}, {"new", "k3", 9, 0}, {"a", "k4", 4, 0}};
    const auto changes = compare_layers(old, now);
    ASSERT_EQ(changes.size(), 4U);
    EXPECT_EQ(changes[0].old_ms, 1);
    EXPECT_EQ(changes[1].old_ms, std::nullopt);
    EXPECT_EQ(changes[2].old_ms, 2);
    EXPECT_EQ(changes[3].name, "gone");
    EXPECT_EQ(changes[3].new_ms, std::nullopt);

    const Table table = layer_comparison_table(changes);
    EXPECT_THAT(table.rows[0], ElementsAre("a", "k1", "1.000", "0.500", "0.500"));
    EXPECT_THAT(table.rows[1], ElementsAre("new", "k3", "-", "9.000", "-"));
    EXPECT_THAT(table.rows[2], ElementsAre("a", "k1 -> k4", "2.000", "4.000", "2.000"));
    EXPECT_THAT(table.rows[3], ElementsAre("gone", "k2", "3.000", "-", "-"));
}

TEST(BenchReport, ComparisonIsNewOverOld) {
    BenchReport faster = sample();
    faster.latencies_ms = {5.5};
    const BenchReport old = sample();
    EXPECT_THAT(comparison_table(old, faster).rows[0], ElementsAre("median ms", "11.000", "5.500", "0.500"));
    const auto json = nlohmann::json::parse(to_json(faster, &old));
    EXPECT_DOUBLE_EQ(json["comparison"]["latency_median_ratio"], 0.5);
    EXPECT_DOUBLE_EQ(json["comparison"]["layers"][0]["ratio"], 1);
}

struct BadReport {
    const char* text;
    const char* complaint;
};

class BenchReportErrors : public testing::TestWithParam<BadReport> {};

TEST_P(BenchReportErrors, NameTheFileAndTheMember) {
    const auto report = parse_bench_report(GetParam().text, "old.json");
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().message, HasSubstr("old.json"));
    EXPECT_THAT(report.error().message, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BenchReportErrors,
    testing::Values(BadReport{"", "not JSON"}, BadReport{"{", "not JSON"}, BadReport{"[1]", "latencies_ms"},
                    BadReport{"{}", "latencies_ms"}, BadReport{R"({"latencies_ms": []})", "latencies_ms"},
                    BadReport{R"({"latencies_ms": ["1"]})", "latencies_ms"},
                    BadReport{R"({"latencies_ms": [-1]})", "latencies_ms"},
                    BadReport{R"({"latencies_ms": [1], "load_ms": "x"})", "load_ms"},
                    BadReport{R"({"latencies_ms": [1], "layers": [3]})", "layers[0]"},
                    BadReport{R"({"latencies_ms": [1], "layers": [{"ms": 1}, {"ms": null}]})", "layers[1].ms"},
                    BadReport{R"({"latencies_ms": [1], "layers": [{"macs": 1e30}]})", "layers[0].macs"}));

}  // namespace
}  // namespace octet::apps
