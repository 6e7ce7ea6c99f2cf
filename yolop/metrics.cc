#include "yolop/metrics.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace octet::yolop {
namespace {

double ratio(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

struct Point {
    double recall, precision;
};

// The points' polygon at `recall`; where several points share a recall, the last of them counts, and beyond the last
// point its precision goes on.
double interpolate(std::span<const Point> points, double recall) {
    const auto right = std::upper_bound(points.begin(), points.end(), recall,
                                        [](double value, const Point& point) { return value < point.recall; });
    if (right == points.end()) return points.back().precision;
    const Point& high = *right;
    const Point& low = *(right - 1);
    return low.precision + (high.precision - low.precision) * (recall - low.recall) / (high.recall - low.recall);
}

}  // namespace

Confusion& Confusion::operator+=(const Confusion& other) {
    true_positive += other.true_positive;
    false_positive += other.false_positive;
    false_negative += other.false_negative;
    true_negative += other.true_negative;
    return *this;
}

double Confusion::foreground_iou() const {
    return ratio(true_positive, true_positive + false_positive + false_negative);
}
double Confusion::background_iou() const {
    return ratio(true_negative, true_negative + false_positive + false_negative);
}
double Confusion::recall() const {
    return ratio(true_positive, true_positive + false_negative);
}

Confusion compare_masks(const vision::Image& predicted, const vision::Image& truth) {
    assert(predicted.pixels.size() == truth.pixels.size());
    std::int64_t counts[2][2] = {};
    for (std::size_t i = 0; i < truth.pixels.size(); ++i) ++counts[truth.pixels[i] != 0][predicted.pixels[i] != 0];
    return {.true_positive = counts[1][1],
            .false_positive = counts[0][1],
            .false_negative = counts[1][0],
            .true_negative = counts[0][0]};
}

std::vector<bool> match(std::span<const Detection> detections, std::span<const Box> truth, float threshold) {
    std::vector<bool> correct(detections.size());
    std::vector<bool> taken(truth.size());
    for (std::size_t i = 0; i < detections.size(); ++i) {
        float best = threshold;
        std::size_t best_box = truth.size();
        for (std::size_t j = 0; j < truth.size(); ++j) {
            const float overlap = iou(detections[i].box, truth[j]);
            if (overlap > best) {
                best = overlap;
                best_box = j;
            }
        }
        if (best_box == truth.size() || taken[best_box]) continue;
        taken[best_box] = true;
        correct[i] = true;
    }
    return correct;
}

double average_precision(std::span<const ScoredMatch> matches, std::int64_t truth_boxes) {
    if (matches.empty() || truth_boxes == 0) return 0;
    std::vector<Point> points{{0, 1}};
    std::int64_t correct = 0, seen = 0;
    for (const ScoredMatch& one : matches) {
        correct += one.correct;
        ++seen;
        points.push_back({ratio(correct, truth_boxes), ratio(correct, seen)});
    }
    points.push_back({points.back().recall + 0.01, 0});
    for (std::size_t i = points.size() - 1; i-- > 0;)
        points[i].precision = std::max(points[i].precision, points[i + 1].precision);

    constexpr int steps = 100;
    double area = 0, previous = interpolate(points, 0);
    for (int i = 1; i <= steps; ++i) {
        const double next = interpolate(points, static_cast<double>(i) / steps);
        area += (previous + next) / 2 / steps;
        previous = next;
    }
    return area;
}

Metrics summarize(std::vector<ImageRecord> records) {
    std::sort(records.begin(), records.end(),
              [](const ImageRecord& a, const ImageRecord& b) { return a.index < b.index; });
    Confusion drivable, lane;
    std::int64_t truth_boxes = 0, correct = 0;
    std::vector<ScoredMatch> matches;
    for (const ImageRecord& record : records) {
        drivable += record.drivable;
        lane += record.lane;
        truth_boxes += record.truth_boxes;
        matches.insert(matches.end(), record.matches.begin(), record.matches.end());
    }
    std::stable_sort(matches.begin(), matches.end(),
                     [](const ScoredMatch& a, const ScoredMatch& b) { return a.score > b.score; });
    for (const ScoredMatch& one : matches) correct += one.correct;
    return {.images = static_cast<std::int64_t>(records.size()),
            .recall_pct = 100 * ratio(correct, truth_boxes),
            .map50_pct = 100 * average_precision(matches, truth_boxes),
            .drivable_miou_pct = 50 * (drivable.background_iou() + drivable.foreground_iou()),
            .lane_iou_pct = 100 * lane.foreground_iou(),
            .lane_accuracy_pct = 100 * lane.recall()};
}

}  // namespace octet::yolop
