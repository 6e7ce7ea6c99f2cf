#include "graph/quant/range.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace octet::quant {
namespace {

std::vector<float> gaussian(std::size_t count, float sigma, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, sigma);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
}

struct Sample {
    explicit Sample(std::span<const float> values) {
        extent.add(values);
        histogram = Histogram(extent.limit());
        histogram.add(values);
    }
    Member member() const { return {&histogram, extent}; }
    Extent extent;
    Histogram histogram;
};

Range range_of(const Sample& sample, Method method, bool symmetric = false) {
    const Member member = sample.member();
    return choose_range({&member, 1}, {.method = method, .symmetric = symmetric});
}

TEST(Histogram, CountsMagnitudesOfBothSigns) {
    Histogram histogram(2048.0F);
    histogram.add(std::vector<float>{0.0F, 0.5F, 1.0F, -0.5F, -1.5F, 2048.0F, -2048.0F, 5000.0F});
    EXPECT_EQ(histogram.positive()[0], 2U);
    EXPECT_EQ(histogram.positive()[1], 1U);
    EXPECT_EQ(histogram.positive()[2047], 2U);
    EXPECT_EQ(histogram.negative()[0], 1U);
    EXPECT_EQ(histogram.negative()[1], 1U);
    EXPECT_EQ(histogram.negative()[2047], 1U);
    EXPECT_EQ(histogram.zeros(), 1U);
    EXPECT_EQ(histogram.total(), 8U);
    EXPECT_EQ(histogram.magnitudes()[0], 3U);
}

TEST(Histogram, MergingIsIndependentOfTheOrder) {
    const auto values = gaussian(3000, 1, 1);
    Histogram whole(4), first(4), second(4);
    whole.add(values);
    first.add(std::span(values).first(1000));
    second.add(std::span(values).subspan(1000));
    second.merge(first);
    EXPECT_EQ(second.positive(), whole.positive());
    EXPECT_EQ(second.negative(), whole.negative());
}

TEST(Extent, IgnoresButCountsWhatIsNotFinite) {
    Extent extent;
    extent.add(std::vector<float>{std::nanf(""), std::numeric_limits<float>::infinity()});
    EXPECT_EQ(extent.not_finite, 2U);
    extent.add(std::vector<float>{3.0F, 2.0F, -std::numeric_limits<float>::infinity()});
    EXPECT_EQ(extent.lo, 2.0F);
    EXPECT_EQ(extent.hi, 3.0F);
    EXPECT_EQ(extent.count, 5U);
    EXPECT_EQ(extent.not_finite, 3U);
    Extent more;
    more.add(std::vector<float>{-7.0F});
    extent.merge(more);
    EXPECT_EQ(extent.lo, -7.0F);
    EXPECT_EQ(extent.limit(), 7.0F);
}

TEST(Range, MinmaxTakesEverything) {
    const Sample sample(std::vector<float>{-0.25F, 0.0F, 7.0F});
    EXPECT_EQ(range_of(sample, Method::minmax), (Range{-0.25F, 7.0F}));
}

TEST(Range, PercentileDropsTheTails) {
    std::vector<float> values = gaussian(100000, 1, 2);
    values[17] = 500;
    const Sample sample(values);
    const Member member = sample.member();
    const Range range = choose_range({&member, 1}, {.method = Method::percentile, .percentile = 99});
    EXPECT_NEAR(range.hi, 2.576, 0.26) << "the 99.5 % quantile, within a bin of 500/2048";
    EXPECT_NEAR(range.lo, -2.576, 0.26);
}

TEST(Range, EntropyClipsALonelyOutlier) {
    std::vector<float> values = gaussian(200000, 1, 3);
    values[17] = 40;
    const float threshold = entropy_threshold(Sample(values).histogram).threshold;
    EXPECT_GT(threshold, 2.5F);
    EXPECT_LT(threshold, 10.0F);
}

TEST(Range, EntropyKeepsAUniformTensorWhole) {
    std::vector<float> values(204800);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 204800.0F;
    const EntropyResult result = entropy_threshold(Sample(values).histogram);
    EXPECT_GT(result.threshold, 0.95F);
    EXPECT_EQ(result.divergence.size(), 2048U - 128U);
}

TEST(Range, EntropyThresholdIsTheArgminPlusHalfABin) {
    const Sample sample(gaussian(50000, 1, 4));
    const EntropyResult result = entropy_threshold(sample.histogram);
    const auto least = std::min_element(result.divergence.begin(), result.divergence.end()) - result.divergence.begin();
    EXPECT_EQ(result.chosen, 128 + least);
    EXPECT_FLOAT_EQ(result.threshold,
                    static_cast<float>((128.5 + static_cast<double>(least)) * sample.histogram.width()));
}

// A head that is silent on all but 0.05 % of the pixels: D is least where those are cut.
TEST(Range, EntropyCutsAtMostOneValueInTenThousand) {
    std::vector<float> values = gaussian(200000, 0.2F, 9);
    for (std::size_t i = 0; i < 100; ++i) values[i * 2000] = 5 + 0.35F * static_cast<float>(i);
    const Sample sample(values);
    const EntropyResult result = entropy_threshold(sample.histogram);
    const auto least = std::min_element(result.divergence.begin(), result.divergence.end()) - result.divergence.begin();
    std::sort(values.begin(), values.end());
    const float last_kept = values[values.size() - 1 - 20];
    EXPECT_LT((128.5 + static_cast<double>(least)) * sample.histogram.width(), last_kept);
    EXPECT_GE(result.threshold, last_kept);
}

// As many levels as the grid has on the longer side.
TEST(Range, EntropyCountsTheLevelsOfTheGrid) {
    EXPECT_EQ(entropy_levels({-4, 4}, false), 128);
    EXPECT_EQ(entropy_levels({-0.4F, 60}, true), 128);
    EXPECT_EQ(entropy_levels({0, 60}, false), 256);
    EXPECT_EQ(entropy_levels({-1, 3}, false), 192);
    EXPECT_EQ(entropy_levels({0, 0}, false), 128);
    const Sample sample(gaussian(50000, 1, 4));
    const EntropyResult finer = entropy_threshold(sample.histogram, 256);
    EXPECT_EQ(finer.divergence.size(), 2048U - 256U);
    EXPECT_GE(finer.threshold, entropy_threshold(sample.histogram).threshold) << "finer steps leave room for outliers";
}

TEST(Range, EntropyOfAZeroTensorIsZero) {
    const Sample sample(std::vector<float>(100, 0.0F));
    EXPECT_EQ(entropy_threshold(sample.histogram).threshold, 0.0F);
    for (const Method method : {Method::minmax, Method::percentile, Method::entropy, Method::mse}) {
        EXPECT_EQ(range_of(sample, method), (Range{0, 0})) << method_name(method);
    }
}

TEST(Range, ConstantTensorIsRepresentedByEveryMethod) {
    const Sample sample(std::vector<float>(100, 3.0F));
    for (const Method method : {Method::minmax, Method::percentile, Method::entropy, Method::mse}) {
        const Grid grid = asymmetric_grid(range_of(sample, method), DType::uint8);
        EXPECT_NEAR(dequantize(quantize(3.0F, grid), grid), 3.0F, 0.02F) << method_name(method);
    }
}

double brute_force_error(std::span<const float> values, const Grid& grid) {
    double sum = 0;
    for (const float value : values) {
        const double off = value - dequantize(quantize(value, grid), grid);
        sum += off * off;
    }
    return sum;
}

TEST(Range, SquaredErrorMatchesTheValues) {
    const auto values = gaussian(100000, 1, 5);
    const Sample sample(values);
    for (const Range range : {Range{-5, 5}, Range{-2, 2}, Range{-0.5F, 0.5F}, Range{-0.375F, 3}}) {
        const Grid grid = asymmetric_grid(range, DType::uint8);
        const double expected = brute_force_error(values, grid);
        EXPECT_NEAR(squared_error(sample.histogram, grid), expected, 0.05 * expected) << range.lo << " … " << range.hi;
    }
}

TEST(Range, MseIsNearTheBestOfAFineSearch) {
    std::vector<float> values = gaussian(100000, 1, 6);
    for (float& value : values) value = value * std::clamp(value + 3, 0.0F, 6.0F) / 6;  // HardSwish
    values[3] = 30;
    const Sample sample(values);
    const Range found = range_of(sample, Method::mse);
    double best = std::numeric_limits<double>::infinity();
    for (float hi = 0.5F; hi <= 30; hi += 0.25F) {
        best = std::min(best, brute_force_error(values, asymmetric_grid({-0.375F, hi}, DType::uint8)));
    }
    EXPECT_LE(brute_force_error(values, asymmetric_grid(found, DType::uint8)), 1.1 * best);
    EXPECT_GE(found.lo, -0.3751F);
}

TEST(Range, SharedGridServesTheLouderMember) {
    const Sample quiet(gaussian(10000, 0.1F, 7));
    const Sample loud(gaussian(10000, 5, 8));
    const std::vector<Member> members{quiet.member(), loud.member()};
    for (const Method method : {Method::minmax, Method::entropy, Method::mse}) {
        EXPECT_GT(choose_range(members, {.method = method}).hi, 8.0F) << method_name(method);
    }
}

TEST(Method, NamesRoundTrip) {
    for (const Method method : {Method::minmax, Method::percentile, Method::entropy, Method::mse}) {
        EXPECT_EQ(method_from_name(method_name(method)), method);
    }
    EXPECT_FALSE(method_from_name("median").has_value());
}

}  // namespace
}  // namespace octet::quant
