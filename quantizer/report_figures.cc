#include "quantizer/report_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "quantizer/svg_chart.h"

namespace octet::quantizer {
namespace {

constexpr double no_noise_db = 99;
// Counts start below 1, so that a single value is seen.
constexpr double least_count = 0.5;

Axis count_axis(std::span<const double> a, std::span<const double> b, const std::string& label) {
    double most = 1;
    for (const auto& counts : {a, b}) {
        for (const double count : counts) most = std::max(most, count);
    }
    return {label, least_count, most * 2, true};
}

// Whole tens around the values; exact layers and hopeless ones are drawn at the ends.
Axis decibel_axis(const std::vector<ReportLayer>& layers) {
    double lo = no_noise_db, hi = -no_noise_db;
    for (const ReportLayer& layer : layers) {
        for (const double value : {layer.alone.sqnr_db(), (layer.accumulated.value_or(layer.alone)).sqnr_db()}) {
            if (std::abs(value) >= no_noise_db) continue;
            lo = std::min(lo, value);
            hi = std::max(hi, value);
        }
    }
    if (lo > hi) lo = hi = 0;
    lo = std::floor(lo / 10) * 10;
    hi = std::max(std::ceil(hi / 10) * 10, lo + 10);
    return {"SQNR [dB]", std::min(lo, 0.0), hi, false};
}

}  // namespace

bool has_chosen_range(const ReportActivation& activation) {
    return activation.kind == quant::GridKind::activation;
}

std::vector<bool> smallest_ones(const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    std::vector<bool> among(values.size());
    for (std::size_t i = 0; i < std::min(order.size(), report_worst_count); ++i) among[order[i]] = true;
    return among;
}

std::string sqnr_chart(const std::vector<ReportLayer>& layers) {
    const auto count = static_cast<double>(layers.size());
    SvgChart chart(1100, 300, {"layer, in the order of execution", 0.5, std::max(count, 1.0) + 0.5, false},
                   decibel_axis(layers), "SQNR of every layer over the network");
    std::vector<ChartPoint> accumulated;
    std::vector<std::size_t> layer_of;  // each point
    std::vector<double> values;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (!layers[i].accumulated) continue;
        layer_of.push_back(i);
        values.push_back(layers[i].accumulated->sqnr_db());
        accumulated.push_back({static_cast<double>(i + 1), values.back()});
    }
    const std::vector<bool> worst = smallest_ones(values);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const ReportLayer& layer = layers[i];
        const double alone = layer.alone.sqnr_db();
        chart.dot({static_cast<double>(i + 1), alone}, "dot-alone",
                  fmt::format("{} {} ({}): {:.1f} dB alone", i + 1, layer.node, layer.op, alone), 2.4);
    }
    chart.line(accumulated, "accumulated");
    for (std::size_t i = 0; i < accumulated.size(); ++i) {
        const ReportLayer& layer = layers[layer_of[i]];
        const std::string tooltip = fmt::format("{} {} ({}): {:.1f} dB accumulated, {:.1f} dB alone", layer_of[i] + 1,
                                                layer.node, layer.op, values[i], layer.alone.sqnr_db());
        chart.dot(accumulated[i], worst[i] ? "dot-bad" : "dot-accumulated", tooltip, worst[i] ? 4.5 : 2.4);
    }
    return chart.svg();
}

std::string histogram_chart(const ReportActivation& activation) {
    const bool drawable = activation.edges.size() == activation.counts.size() + 1 && !activation.counts.empty();
    const double left = drawable ? activation.edges.front() : activation.extent.lo;
    const double right = drawable ? activation.edges.back() : activation.extent.hi;
    const double room = (right - left) * 0.02;
    SvgChart chart(620, 230, {"value of the activation", left - room, right + room, false},
                   count_axis(activation.counts, {}, "values in the bin"), "Histogram of an activation");
    const quant::Range reached = quant::reach(activation.grid);
    if (reached.lo > left) chart.band(left, reached.lo, "outside");
    if (reached.hi < right) chart.band(reached.hi, right, "outside");
    if (drawable) chart.columns(activation.edges, activation.counts, "counts");
    const bool has_chosen = has_chosen_range(activation);
    // The chosen one last, on top.
    for (const bool pass_of_chosen : {false, true}) {
        for (const ReportCandidate& candidate : activation.candidates) {
            const bool is_chosen = has_chosen && candidate.method == activation.method;
            if (is_chosen != pass_of_chosen) continue;
            const std::string name(quant::method_name(candidate.method));
            const quant::Range range = quant::reach(candidate.grid);
            const std::string css = fmt::format("end-of-range {}{}", name, is_chosen ? " chosen" : "");
            // An end at 0 is no threshold.
            for (const float end : {range.lo, range.hi}) {
                if (end == 0 || end < left - room || end > right + room) continue;
                chart.vertical(end, css, fmt::format("{}: {:.4g}{}", name, end, is_chosen ? ", chosen" : ""));
            }
        }
    }
    return chart.svg();
}

// D of the chosen i; NaN for a tensor that is 0 everywhere.
float chosen_divergence(const quant::EntropyResult& result) {
    const auto at = static_cast<std::size_t>(result.chosen - result.levels);
    return at < result.divergence.size() ? result.divergence[at] : std::numeric_limits<float>::quiet_NaN();
}

std::string chosen_text(const quant::EntropyResult& result) {
    const float d = chosen_divergence(result);
    if (!std::isfinite(d)) {
        return fmt::format("no finite D: every value lies in the last bins; threshold {:.4g}", result.threshold);
    }
    return fmt::format("i = {}, threshold {:.4g}, D = {:.3g}", result.chosen, result.threshold, d);
}

std::string divergence_chart(const ReportActivation& activation) {
    double most = 0, least = 1e300, right = 0;
    for (const ReportDivergence& one : activation.divergence) {
        right = std::max(right, one.bin_width * quant::histogram_bins);
        for (const float d : one.result.divergence) {
            if (!std::isfinite(d) || d <= 0) continue;
            most = std::max(most, static_cast<double>(d));
            least = std::min(least, static_cast<double>(d));
        }
    }
    if (most == 0) most = least = 1;
    least = std::max(least, most * 1e-6);
    SvgChart chart(430, 220, {"threshold on |x|", 0, right, false}, {"D(i) [nat]", least / 1.5, most * 1.5, true},
                   "KL divergence over the threshold");
    constexpr std::size_t stride = 4;
    for (const ReportDivergence& one : activation.divergence) {
        const auto& curve = one.result.divergence;
        std::vector<ChartPoint> points;
        for (std::size_t begin = 0; begin < curve.size(); begin += stride) {
            const std::size_t end = std::min(begin + stride, curve.size());
            const auto least_at = std::min_element(curve.begin() + static_cast<std::ptrdiff_t>(begin),
                                                   curve.begin() + static_cast<std::ptrdiff_t>(end));
            const auto i = one.result.levels + (least_at - curve.begin());
            if (std::isfinite(*least_at)) points.push_back({(static_cast<double>(i) + 0.5) * one.bin_width, *least_at});
        }
        chart.line(points, "divergence");
        if (points.empty()) continue;
        const float d = chosen_divergence(one.result);
        if (!std::isfinite(d)) continue;
        const ChartPoint chosen{one.result.threshold, d};
        chart.stem(chosen, "end-of-range entropy");
        chart.dot(chosen, "dot-entropy", one.value + ": " + chosen_text(one.result), 4);
    }
    return chart.svg();
}

std::string level_chart(const ReportConcatForm& form, const std::string& title) {
    std::vector<double> edges(form.coordinates.size() + 1);
    for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = static_cast<double>(i) - 0.5;
    SvgChart chart(620, 260, {"8-bit level", -2.5, 257.5, false},
                   count_axis(form.coordinates, form.scores, "values on the level"), title);
    chart.columns(edges, form.coordinates, "coordinates");
    chart.columns(edges, form.scores, "scores");
    return chart.svg();
}

}  // namespace octet::quantizer
