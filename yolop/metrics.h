#pragma once

// Accuracy as the reference of YOLOP computes it. Everything is pooled over the images: counts are added up first,
// ratios taken last, so results of parts of a set can be merged without loss. A ratio 0/0 is 0.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vision/image.h"
#include "yolop/detections.h"

namespace octet::yolop {

// Pixels of a two-class mask.
struct Confusion {
    std::int64_t true_positive = 0, false_positive = 0, false_negative = 0, true_negative = 0;

    Confusion& operator+=(const Confusion& other);
    double foreground_iou() const;  // TP / (TP + FP + FN)
    double background_iou() const;  // TN / (TN + FP + FN)
    double recall() const;          // TP / (TP + FN)
};

// Two one-channel images of the same size; not 0 is foreground.
Confusion compare_masks(const vision::Image& predicted, const vision::Image& truth);

// For each detection, in the order of the suppression (best score first): true when the ground-truth box that it
// overlaps most does so by an IoU of more than `threshold` and was not taken by a detection before it.
std::vector<bool> match(std::span<const Detection> detections, std::span<const Box> truth, float threshold = 0.5F);

struct ScoredMatch {
    float score = 0;
    bool correct = false;
};

// What one image contributes.
struct ImageRecord {
    std::int64_t index = 0;  // in the set
    std::string name;
    std::int64_t truth_boxes = 0;
    std::vector<ScoredMatch> matches;
    Confusion drivable, lane;
};

struct Metrics {
    std::int64_t images = 0;
    double recall_pct = 0;         // true positives at the lowest score / ground-truth boxes
    double map50_pct = 0;          // average precision at IoU 0.5
    double drivable_miou_pct = 0;  // mean of background and foreground IoU
    double lane_iou_pct = 0;       // foreground
    double lane_accuracy_pct = 0;  // recall of lane pixels
};

// Matches in falling order of score against `truth_boxes` boxes. Over the points (recall, precision) after each match,
// with (0, 1) before and (last recall + 0.01, 0) behind them, precision is made monotone from the right, interpolated
// at the recalls 0, 0.01 … 1 (0 beyond the last point), and integrated by trapezoids. In [0, 1].
double average_precision(std::span<const ScoredMatch> matches, std::int64_t truth_boxes);

// The records may come in any order; equal scores count in the order of ImageRecord::index.
Metrics summarize(std::vector<ImageRecord> records);

}  // namespace octet::yolop
