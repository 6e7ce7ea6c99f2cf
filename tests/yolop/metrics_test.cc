#include "yolop/metrics.h"

#include <gtest/gtest.h>

namespace octet::yolop {
namespace {

vision::Image mask(std::vector<std::uint8_t> pixels) {
    vision::Image image(static_cast<int>(pixels.size()), 1, 1);
    image.pixels = std::move(pixels);
    return image;
}

TEST(CompareMasks, CountsTheFourCases) {
    const Confusion counts = compare_masks(mask({1, 1, 1, 0, 0, 0, 0}), mask({1, 1, 0, 1, 0, 0, 0}));
    EXPECT_EQ(counts.true_positive, 2);
    EXPECT_EQ(counts.false_positive, 1);
    EXPECT_EQ(counts.false_negative, 1);
    EXPECT_EQ(counts.true_negative, 3);
    EXPECT_DOUBLE_EQ(counts.foreground_iou(), 2.0 / 4);
    EXPECT_DOUBLE_EQ(counts.background_iou(), 3.0 / 5);
    EXPECT_DOUBLE_EQ(counts.recall(), 2.0 / 3);
}

TEST(CompareMasks, NothingThereIsZeroNotNan) {
    const Confusion counts = compare_masks(mask({0, 0}), mask({0, 0}));
    EXPECT_EQ(counts.foreground_iou(), 0);
    EXPECT_EQ(counts.recall(), 0);
}

TEST(Match, ABoxIsFoundOnce) {
    const std::vector<Box> truth{{0, 0, 10, 10}, {100, 0, 110, 10}};
    const std::vector<Detection> detections{{{0, 0, 10, 10}, 0.9F, 0},      // exact
                                            {{1, 0, 11, 10}, 0.8F, 0},      // the same box again
                                            {{105, 0, 115, 10}, 0.7F, 0},   // IoU 1/3
                                            {{103, 0, 113, 10}, 0.6F, 0}};  // IoU 7/13
    EXPECT_EQ(match(detections, truth), (std::vector<bool>{true, false, false, true}));
}

TEST(Match, TheBestBoxCountsEvenWhenItIsTaken) {
    // The second detection overlaps the taken box more than the free one, so it is wrong.
    const std::vector<Box> truth{{0, 0, 10, 10}, {3, 0, 13, 10}};
    const std::vector<Detection> detections{{{0, 0, 10, 10}, 0.9F, 0}, {{1, 0, 11, 10}, 0.8F, 0}};
    EXPECT_EQ(match(detections, truth), (std::vector<bool>{true, false}));
}

TEST(Match, ExactlyHalfIsNotEnough) {
    const std::vector<Box> truth{{0, 0, 10, 10}};
    const std::vector<Detection> detections{{{0, 0, 5, 10}, 0.9F, 0}};
    EXPECT_EQ(match(detections, truth), (std::vector<bool>{false}));
    EXPECT_EQ(match(detections, {}), (std::vector<bool>{false}));
}

TEST(AveragePrecision, AllRight) {
    const std::vector<ScoredMatch> matches{{0.9F, true}, {0.8F, true}};
    EXPECT_NEAR(average_precision(matches, 2), 1.0, 1e-12);
}

TEST(AveragePrecision, HalfOfTheBoxesFound) {
    // Precision 1 up to recall 0.5, 0 from 0.51 on: area 0.5 and the triangle of one step.
    const std::vector<ScoredMatch> matches{{0.9F, true}};
    EXPECT_NEAR(average_precision(matches, 2), 0.5 + 0.01 / 2, 1e-12);
}

TEST(AveragePrecision, EnvelopeFromTheRight) {
    // Points (recall, precision): (0, 0), (0.5, 1/2), (1, 2/3); with the envelope 2/3 everywhere but at recall 0, where
    // the point (0, 1) stands before them: the last of the points at a recall counts, so it is 2/3 there too.
    const std::vector<ScoredMatch> matches{{0.9F, false}, {0.8F, true}, {0.7F, true}};
    EXPECT_NEAR(average_precision(matches, 2), 2.0 / 3, 1e-12);
}

TEST(AveragePrecision, NothingToFindOrFound) {
    EXPECT_EQ(average_precision({}, 5), 0);
    const std::vector<ScoredMatch> matches{{0.9F, false}};
    EXPECT_EQ(average_precision(matches, 0), 0);
    EXPECT_EQ(average_precision(matches, 3), 0);
}

ImageRecord record(std::int64_t index, std::vector<ScoredMatch> matches, std::int64_t boxes) {
    ImageRecord result;
    result.index = index;
    result.matches = std::move(matches);
    result.truth_boxes = boxes;
    result.drivable = {10, 2, 3, 85};
    result.lane = {4, 1, 3, 92};
    return result;
}

TEST(Summarize, PoolsTheImages) {
    const Metrics metrics = summarize({record(0, {{0.9F, true}, {0.2F, false}}, 1), record(1, {{0.8F, true}}, 3)});
    EXPECT_EQ(metrics.images, 2);
    EXPECT_DOUBLE_EQ(metrics.recall_pct, 100.0 * 2 / 4);
    EXPECT_DOUBLE_EQ(metrics.drivable_miou_pct, 50 * (20.0 / 30 + 170.0 / 180));
    EXPECT_DOUBLE_EQ(metrics.lane_iou_pct, 100.0 * 8 / 16);
    EXPECT_DOUBLE_EQ(metrics.lane_accuracy_pct, 100.0 * 8 / 14);
}

TEST(Summarize, DoesNotDependOnTheOrderOfTheRecords) {
    // Equal scores, one right and one wrong: their order decides the precision.
    const ImageRecord a = record(0, {{0.5F, true}}, 2), b = record(1, {{0.5F, false}, {0.4F, true}}, 2);
    EXPECT_EQ(summarize({a, b}).map50_pct, summarize({b, a}).map50_pct);
}

}  // namespace
}  // namespace octet::yolop
