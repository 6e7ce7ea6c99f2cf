#include "apps/common/yolop_results.h"

#include <fmt/format.h>

#include <utility>

namespace octet::apps {

StageTimes& StageTimes::operator+=(const StageTimes& other) {
    load_ms += other.load_ms;
    network.preprocess_ms += other.network.preprocess_ms;
    network.inference_ms += other.network.inference_ms;
    network.postprocess_ms += other.network.postprocess_ms;
    draw_ms += other.draw_ms;
    write_ms += other.write_ms;
    return *this;
}

YolopFinding finding_of(const yolop::Analysis& analysis) {
    YolopFinding finding{.vehicles = analysis.result.vehicles,
                         .drivable_pct = analysis.drivable_pct,
                         .lane_pct = analysis.lane_pct,
                         .width = analysis.result.transform.frame_width,
                         .height = analysis.result.transform.frame_height};
    finding.times.network = analysis.result.times;
    return finding;
}

std::string line_of(const std::string& name, const YolopFinding& finding) {
    const auto& [preprocess, inference, postprocess] = finding.times.network;
    const std::size_t vehicles = finding.vehicles.size();
    return fmt::format(
        "{}: {} vehicle{}, drivable {:.1f} %, lanes {:.1f} %; load {:.1f} ms, preprocess {:.1f} ms, network {:.1f} ms, "
        "postprocess {:.1f} ms, draw {:.1f} ms, write {:.1f} ms",
        name, vehicles, vehicles == 1 ? "" : "s", finding.drivable_pct, finding.lane_pct, finding.times.load_ms,
        preprocess, inference, postprocess, finding.times.draw_ms, finding.times.write_ms);
}

nlohmann::json json_of(const YolopFinding& finding) {
    nlohmann::json vehicles = nlohmann::json::array();
    for (const yolop::Detection& one : finding.vehicles)
        vehicles.push_back({{"x1_px", one.box.x1},
                            {"y1_px", one.box.y1},
                            {"x2_px", one.box.x2},
                            {"y2_px", one.box.y2},
                            {"score", one.score},
                            {"class", one.label}});
    const auto& [preprocess, inference, postprocess] = finding.times.network;
    return {{"width_px", finding.width},       {"height_px", finding.height},
            {"vehicles", std::move(vehicles)}, {"drivable_pct", finding.drivable_pct},
            {"lane_pct", finding.lane_pct},    {"load_ms", finding.times.load_ms},
            {"preprocess_ms", preprocess},     {"inference_ms", inference},
            {"postprocess_ms", postprocess}};
}

double shortest(float value) {
    return std::stod(fmt::format("{}", value));
}

std::string summary_of(const std::string& what, std::int64_t count, std::int64_t failed, double seconds,
                       const StageTimes& times) {
    std::string text = fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    if (failed > 0) text += fmt::format(", {} of them failed,", failed);
    text += fmt::format(" in {:.2f} s, {:.1f} a second", seconds, static_cast<double>(count) / seconds);
    const auto& [preprocess, inference, postprocess] = times.network;
    const std::pair<const char*, double> stages[] = {{"load", times.load_ms}, {"preprocess", preprocess},
                                                     {"network", inference},  {"postprocess", postprocess},
                                                     {"draw", times.draw_ms}, {"write", times.write_ms}};
    double all = 0;
    for (const auto& [name, time] : stages) all += time;
    if (all <= 0) return text;
    text += "; of the work";
    const char* separator = "";
    for (const auto& [name, time] : stages) {
        text += fmt::format("{} {} {:.0f} %", separator, name, 100 * time / all);
        separator = ",";
    }
    return text;
}

}  // namespace octet::apps
