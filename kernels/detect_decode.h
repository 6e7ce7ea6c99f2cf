#pragma once

// YOLO head of one level, integers only. logits[y][x][a * (5 + classes) + k] on the grid 2^-f (k: x, y, w, h,
// objectness, classes…), s = sigmoid_q16 of them:
//
//     cx = ((2 * s_x - 2^15 + (x << 16)) * stride + 2^5) >> 6          (2*sigma - 0.5 + x) * stride, in 1/1024 pixel
//     cy likewise with y
//     w  = (4 * s_w^2 * anchor_w + 2^31) >> 32                          (2*sigma)^2 * anchor, anchor in 1/1024 pixel
//     h  likewise
//     scores: s, Q16
//
// Row (a * h + y) * w + x of the output: [cx, cy, w, h, objectness, classes…], as the network's det_out is ordered.

#include "kernels/dispatch.h"
#include "kernels/sigmoid.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

inline constexpr int max_detect_anchors = 16;

struct DetectDecodeCall {
    ConstS16View logits{};  // c = anchors * (5 + classes)
    int f = 0;
    int stride = 8;
    int anchors = 3;
    int classes = 1;
    std::int32_t anchor_w[max_detect_anchors] = {}, anchor_h[max_detect_anchors] = {};  // 1/1024 pixel, below 2^20
    std::int32_t* out = nullptr;  // [anchors * h * w][5 + classes], this level's first row
};

using DetectDecodeFunction = void(const DetectDecodeCall& call, int row_begin, int row_end) noexcept;

KernelList<DetectDecodeFunction> detect_decode_kernels();

// The border to float: pixels and probabilities, rows x (5 + classes).
void detections_to_float(const std::int32_t* rows, std::int64_t count, int classes, float* out);

}  // namespace octet::kernels
