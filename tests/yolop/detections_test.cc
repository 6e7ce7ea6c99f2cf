#include "yolop/detections.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace octet::yolop {
namespace {

Detection at(float x, float score, int label = 0) {
    return {{x, 0, x + 10, 10}, score, label};
}

TEST(Iou, ByHand) {
    EXPECT_FLOAT_EQ(iou({0, 0, 10, 10}, {5, 0, 15, 10}), 50.0F / 150.0F);
    EXPECT_FLOAT_EQ(iou({0, 0, 10, 10}, {0, 0, 10, 10}), 1);
    EXPECT_EQ(iou({0, 0, 10, 10}, {10, 0, 20, 10}), 0);  // they only touch
    EXPECT_EQ(iou({3, 3, 3, 3}, {3, 3, 3, 3}), 0);
}

TEST(DecodeDetections, ThresholdsAndOrder) {
    const Tensor det_out = Tensor::from<float>({1, 4, 6}, {
                                                              10, 20, 4,  6,  0.5F,  0.5F,  // score 0.25: not above
                                                              10, 20, 4,  6,  0.25F, 1.0F,  // objectness not above
                                                              10, 20, 4,  6,  0.8F,  0.5F,  //
                                                              50, 60, 20, 10, 0.9F,  1.0F,
                                                          });
    const auto found = decode_detections(det_out, 1, {.confidence = 0.25F});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_FLOAT_EQ(found[0].score, 0.9F);
    EXPECT_FLOAT_EQ(found[0].box.x1, 40);
    EXPECT_FLOAT_EQ(found[0].box.y1, 55);
    EXPECT_FLOAT_EQ(found[0].box.x2, 60);
    EXPECT_FLOAT_EQ(found[0].box.y2, 65);
    EXPECT_FLOAT_EQ(found[1].score, 0.4F);
}

TEST(DecodeDetections, TakesTheBestOfSeveralClasses) {
    const Tensor det_out = Tensor::from<float>({1, 1, 8}, {1, 1, 2, 2, 1, 0.3F, 0.7F, 0.5F});
    const auto found = decode_detections(det_out, 1, {});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].label, 1);
    EXPECT_FLOAT_EQ(found[0].score, 0.7F);
}

TEST(DecodeDetections, ScalesNormalizedBoxes) {
    const Tensor det_out = Tensor::from<float>({1, 1, 6}, {0.5F, 0.25F, 0.1F, 0.2F, 1, 1});
    const Box box = decode_detections(det_out, 640, {}).at(0).box;
    EXPECT_FLOAT_EQ(box.x1, 288);
    EXPECT_FLOAT_EQ(box.y2, 224);
}

TEST(DecodeDetections, LeavesOutWhatIsNoNumber) {
    const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
    const Tensor det_out =
        Tensor::from<float>({1, 3, 6}, {1, 1, 2, 2, nan, 1, nan, 1, 2, 2, 1, 1, 1, 1, infinity, 2, 1, 1});
    EXPECT_TRUE(decode_detections(det_out, 1, {}).empty());
}

TEST(DecodeDetections, KeepsTheBestCandidates) {
    Tensor det_out(DType::float32, {1, 5, 6});
    for (std::size_t i = 0; i < 5; ++i) {
        det_out.mutable_data<float>()[6 * i + 4] = 1;
        det_out.mutable_data<float>()[6 * i + 5] = 0.5F + 0.1F * static_cast<float>(i);
    }
    const auto found = decode_detections(det_out, 1, {.max_candidates = 2});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_FLOAT_EQ(found[1].score, 0.8F);
}

TEST(Suppress, OverlapAboveTheThresholdGoes) {
    // Overlap of [0,10] and [5,15] is 1/3, of [0,10] and [2,12] is 2/3.
    const std::vector<Detection> candidates{at(0, 0.9F), at(2, 0.8F), at(5, 0.7F), at(0, 0.6F, 1)};
    const auto kept = suppress(candidates, {.iou = 0.45F});
    ASSERT_EQ(kept.size(), 3U);
    EXPECT_FLOAT_EQ(kept[1].score, 0.7F);
    EXPECT_EQ(kept[2].label, 1) << "another class is not suppressed";
    EXPECT_EQ(suppress(candidates, {.iou = 0.3F}).size(), 2U);
    EXPECT_EQ(suppress(candidates, {.iou = 0.7F}).size(), 4U);
}

TEST(Suppress, WhatIsSuppressedSuppressesNothing) {
    // The second goes because of the first; the third overlaps only the second.
    const std::vector<Detection> candidates{at(0, 0.9F), at(4, 0.8F), at(8, 0.7F)};
    EXPECT_EQ(suppress(candidates, {.iou = 0.4F}).size(), 2U);
}

TEST(Suppress, KeepsAtMostSoMany) {
    std::vector<Detection> candidates;
    for (int i = 0; i < 10; ++i) candidates.push_back(at(20.0F * static_cast<float>(i), 0.9F));
    EXPECT_EQ(suppress(candidates, {.max_detections = 3}).size(), 3U);
}

TEST(ToFrame, UndoesTheLetterboxAndClips) {
    std::vector<Detection> detections{{{100, 150, 200, 250}, 1, 0}, {{-20, 0, 700, 640}, 1, 0}};
    to_frame(detections, vision::letterbox_transform(1280, 720, 640, 640));
    EXPECT_FLOAT_EQ(detections[0].box.x1, 200);
    EXPECT_FLOAT_EQ(detections[0].box.y1, 20);
    EXPECT_FLOAT_EQ(detections[0].box.x2, 400);
    EXPECT_FLOAT_EQ(detections[0].box.y2, 220);
    EXPECT_FLOAT_EQ(detections[1].box.x1, 0);
    EXPECT_FLOAT_EQ(detections[1].box.y1, 0);
    EXPECT_FLOAT_EQ(detections[1].box.x2, 1280);
    EXPECT_FLOAT_EQ(detections[1].box.y2, 720);
}

}  // namespace
}  // namespace octet::yolop
