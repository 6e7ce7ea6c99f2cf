#include "apps/common/statistics.h"

#include <gtest/gtest.h>

namespace octet::apps {
namespace {

TEST(Statistics, QuantilesInterpolateBetweenSortedNeighbours) {
    const std::vector<double> values{40, 10, 30, 20};
    EXPECT_DOUBLE_EQ(quantile(values, 0), 10);
    EXPECT_DOUBLE_EQ(quantile(values, 1), 40);
    EXPECT_DOUBLE_EQ(median(values), 25);
    EXPECT_DOUBLE_EQ(quantile(values, 0.9), 37);  // position 2.7
    EXPECT_DOUBLE_EQ(median(std::vector<double>{3, 1, 2}), 2);
}

TEST(Statistics, OneValueIsEveryQuantileAndNoneIsZero) {
    EXPECT_DOUBLE_EQ(quantile(std::vector<double>{7}, 0.99), 7);
    EXPECT_DOUBLE_EQ(median({}), 0);
}

TEST(Statistics, LatencySummary) {
    std::vector<double> latencies;
    for (int i = 100; i >= 0; --i) latencies.push_back(100 + i);  // 100 … 200
    const LatencySummary summary = summarize_latencies(latencies);
    EXPECT_DOUBLE_EQ(summary.min_ms, 100);
    EXPECT_DOUBLE_EQ(summary.median_ms, 150);
    EXPECT_DOUBLE_EQ(summary.p90_ms, 190);
    EXPECT_DOUBLE_EQ(summary.p99_ms, 199);
    EXPECT_DOUBLE_EQ(summary.variation(), 40.0 / 150);
}

TEST(Statistics, NoisyBeyondATenthAboveTheMedian) {
    EXPECT_FALSE((LatencySummary{.min_ms = 90, .median_ms = 100, .p90_ms = 109, .p99_ms = 500}).noisy());
    EXPECT_TRUE((LatencySummary{.min_ms = 90, .median_ms = 100, .p90_ms = 111, .p99_ms = 111}).noisy());
    EXPECT_FALSE(LatencySummary{}.noisy());
}

TEST(Statistics, ColumnMedians) {
    const std::vector<std::vector<double>> rows{{1, 20}, {3, 10}, {2, 90}};
    EXPECT_EQ(column_medians(rows), (std::vector<double>{2, 20}));
    EXPECT_TRUE(column_medians({}).empty());
}

}  // namespace
}  // namespace octet::apps
