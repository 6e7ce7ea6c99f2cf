#include "yolop/detections.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace octet::yolop {

float iou(const Box& a, const Box& b) {
    const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
    const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
    if (!(width > 0) || !(height > 0)) return 0;
    const float common = width * height;
    return common / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - common);
}

std::vector<Detection> decode_detections(const Tensor& det_out, float box_scale, const DetectionOptions& options) {
    assert(det_out.rank() == 3 && det_out.shape()[2] >= 6);
    const auto fields = static_cast<std::size_t>(det_out.shape()[2]);
    const auto values = det_out.data<float>();
    std::vector<Detection> candidates;
    for (std::size_t at = 0; at + fields <= values.size(); at += fields) {
        const float* row = values.data() + at;
        const float objectness = row[4];
        if (!(objectness > options.confidence)) continue;
        const float* best = std::max_element(row + 5, row + fields);
        const float score = objectness * *best;
        if (!(score > options.confidence)) continue;
        const float cx = row[0] * box_scale, cy = row[1] * box_scale;
        const float half_width = row[2] * box_scale / 2, half_height = row[3] * box_scale / 2;
        if (!std::isfinite(cx + cy + half_width + half_height)) continue;
        candidates.push_back({{cx - half_width, cy - half_height, cx + half_width, cy + half_height},
                              score,
                              static_cast<int>(best - (row + 5))});
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Detection& a, const Detection& b) { return a.score > b.score; });
    if (candidates.size() > static_cast<std::size_t>(options.max_candidates))
        candidates.resize(static_cast<std::size_t>(options.max_candidates));
    return candidates;
}

std::vector<Detection> suppress(std::span<const Detection> candidates, const DetectionOptions& options) {
    std::vector<Detection> kept;
    for (const Detection& candidate : candidates) {
        if (kept.size() >= static_cast<std::size_t>(options.max_detections)) break;
        const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Detection& better) {
            return better.label == candidate.label && iou(better.box, candidate.box) > options.iou;
        });
        if (!covered) kept.push_back(candidate);
    }
    return kept;
}

void to_frame(std::span<Detection> detections, const vision::LetterboxTransform& transform) {
    const auto width = static_cast<float>(transform.frame_width), height = static_cast<float>(transform.frame_height);
    const auto left = static_cast<float>(transform.pad_left), top = static_cast<float>(transform.pad_top);
    for (Detection& detection : detections) {
        Box& box = detection.box;
        box.x1 = std::clamp((box.x1 - left) / transform.scale_x(), 0.0F, width);
        box.x2 = std::clamp((box.x2 - left) / transform.scale_x(), 0.0F, width);
        box.y1 = std::clamp((box.y1 - top) / transform.scale_y(), 0.0F, height);
        box.y2 = std::clamp((box.y2 - top) / transform.scale_y(), 0.0F, height);
    }
}

}  // namespace octet::yolop
