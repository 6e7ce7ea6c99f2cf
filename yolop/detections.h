#pragma once

// From the network's det_out to boxes in the frame.

#include <span>
#include <vector>

#include "graph/ir/tensor.h"
#include "vision/letterbox.h"

namespace octet::yolop {

// Corners, x1 ≤ x2 and y1 ≤ y2; the unit is a pixel.
struct Box {
    float x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

// Intersection over union; 0 when both are empty.
float iou(const Box& a, const Box& b);

struct Detection {
    Box box;
    float score = 0;
    int label = 0;  // index of the class
};

struct DetectionOptions {
    float confidence = 0.25F;  // objectness and objectness · class score must both exceed it
    float iou = 0.45F;         // a box overlapping a better one of its class by more than this is suppressed
    int max_candidates = 30000;
    int max_detections = 300;
};

// `det_out` is [1,N,5+classes] float32: cx, cy, w, h, objectness, class scores; coordinates times `box_scale` are
// canvas pixels. The candidates above the threshold, each with its best class, in falling order of score (equal scores
// in the order of the network), at most max_candidates. Boxes with coordinates that are no numbers are left out.
std::vector<Detection> decode_detections(const Tensor& det_out, float box_scale, const DetectionOptions& options);

// Greedy non-maximum suppression of detections in falling order of score, a class at a time.
std::vector<Detection> suppress(std::span<const Detection> candidates, const DetectionOptions& options);

// From canvas to frame coordinates, clipped to the frame.
void to_frame(std::span<Detection> detections, const vision::LetterboxTransform& transform);

}  // namespace octet::yolop
