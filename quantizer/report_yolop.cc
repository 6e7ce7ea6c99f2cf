#include "quantizer/report_yolop.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "frontends/load.h"
#include "vision/jpeg.h"
#include "vision/resize.h"
#include "yolop/evaluate.h"
#include "yolop/overlay.h"
#include "yolop/yolop.h"

namespace octet::quantizer {
namespace {

constexpr std::int64_t concat_images = 4;
constexpr std::int64_t overlay_images = 3;
constexpr int overlay_width = 1280;
constexpr int jpeg_quality = 82;
constexpr float box_divisor = 640;
constexpr yolop::DetectionOptions display_options;

// The tensor as 8 bits keep it, coordinates divided by `divisor` and multiplied by it again.
ReportConcatForm describe_form(const std::vector<Tensor>& det_outs, float divisor) {
    constexpr std::int64_t coordinates = 4;
    quant::Extent extent;
    const auto scaled = [&](const Tensor& det_out) {
        Tensor tensor = det_out;
        const std::int64_t columns = tensor.shape()[2];
        auto values = tensor.mutable_data<float>();
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (static_cast<std::int64_t>(i) % columns < coordinates) values[i] /= divisor;
        }
        return tensor;
    };
    for (const Tensor& det_out : det_outs) extent.add(scaled(det_out).data<float>());
    ReportConcatForm form;
    form.grid = quant::asymmetric_grid({extent.lo, extent.hi}, DType::uint8);
    form.pixels_per_step = static_cast<double>(form.grid.scale) * divisor;
    for (const Tensor& det_out : det_outs) {
        const std::int64_t columns = det_out.shape()[2];
        Tensor kept = scaled(det_out);
        auto values = kept.mutable_data<float>();
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!std::isfinite(values[i])) continue;
            const std::int32_t level = quant::quantize(values[i], form.grid);
            const bool coordinate = static_cast<std::int64_t>(i) % columns < coordinates;
            (coordinate ? form.coordinates : form.scores)[static_cast<std::size_t>(level)] += 1;
            values[i] = quant::dequantize(level, form.grid);
        }
        form.shown += yolop::decode_detections(kept, divisor, display_options).size();
        form.ranked += yolop::decode_detections(kept, divisor, yolop::evaluation_options).size();
    }
    for (std::size_t level = 0; level < form.scores.size(); ++level) {
        if (form.scores[level] == 0) continue;
        ++form.score_levels;
        const double score = quant::dequantize(static_cast<std::int32_t>(level), form.grid);
        if (score > 0 && form.least_score == 0) form.least_score = score;
    }
    return form;
}

std::string caption_of(const yolop::YolopResult& result, const vision::Image& drivable, const vision::Image& lane) {
    return fmt::format("{} vehicle{}, drivable area {:.1f} %, lane lines {:.1f} % of the picture",
                       result.vehicles.size(), result.vehicles.size() == 1 ? "" : "s", yolop::covered_pct(drivable),
                       yolop::covered_pct(lane));
}

// Intersection over union in per cent; 100 where both are empty.
double overlap_pct(const vision::Image& a, const vision::Image& b) {
    std::uint64_t both = 0, either = 0;
    for (std::size_t i = 0; i < a.pixels.size(); ++i) {
        both += a.pixels[i] != 0 && b.pixels[i] != 0;
        either += a.pixels[i] != 0 || b.pixels[i] != 0;
    }
    return either == 0 ? 100 : 100.0 * static_cast<double>(both) / static_cast<double>(either);
}

vision::Image shrunk(vision::Image image) {
    if (image.width <= overlay_width) return image;
    const auto rows = static_cast<std::int64_t>(image.height) * overlay_width / image.width;
    vision::Image small(overlay_width, std::max(1, static_cast<int>(rows)), image.channels);
    const auto stride = [](const vision::Image& one) { return static_cast<std::size_t>(one.width) * one.channels; };
    vision::resize({image.pixels.data(), image.width, image.height, image.channels, stride(image)},
                   {small.pixels.data(), small.width, small.height, small.channels, stride(small)});
    return small;
}

Result<ReportOverlay> draw_pair(const std::string& path, const vision::Image& frame, const yolop::YolopResult& from,
                                const yolop::YolopResult& to) {
    ReportOverlay overlay;
    overlay.name = std::filesystem::path(path).filename().string();
    const vision::Image from_drivable = vision::frame_mask(from.drivable, from.transform),
                        from_lane = vision::frame_mask(from.lane, from.transform);
    const vision::Image to_drivable = vision::frame_mask(to.drivable, to.transform),
                        to_lane = vision::frame_mask(to.lane, to.transform);
    overlay.float_caption = caption_of(from, from_drivable, from_lane);
    overlay.integer_caption = caption_of(to, to_drivable, to_lane);
    overlay.drivable_agreement_pct = overlap_pct(from_drivable, to_drivable);
    overlay.lane_agreement_pct = overlap_pct(from_lane, to_lane);
    OCTET_ASSIGN(
        overlay.float_jpeg,
        vision::encode_jpeg(shrunk(yolop::draw_overlay(frame, from.vehicles, from_drivable, from_lane)), jpeg_quality));
    OCTET_ASSIGN(
        overlay.integer_jpeg,
        vision::encode_jpeg(shrunk(yolop::draw_overlay(frame, to.vehicles, to_drivable, to_lane)), jpeg_quality));
    return overlay;
}

// Fails where the networks are no YOLOP.
Result<void> run_networks(Report& report, const QuantizeJob& job, const CalibrationImages& images,
                          const std::shared_ptr<const engine::Executable>& integers) {
    const engine::SessionOptions session{.threads = job.threads};
    OCTET_ASSIGN(const auto floats, load_executable(job.model, job.sizes));
    OCTET_ASSIGN(yolop::Yolop from,
                 yolop::Yolop::create(floats, job.model, session, job.preprocessing.value_or(vision::Preprocessing())));
    OCTET_ASSIGN(yolop::Yolop to, yolop::Yolop::create(integers, job.output, session));
    const auto available = static_cast<std::int64_t>(images.paths.size());
    const std::int64_t count = std::min(concat_images, available);
    std::vector<Tensor> det_outs;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::string& path = images.paths[static_cast<std::size_t>(i * available / count)];
        OCTET_ASSIGN(const vision::Image frame, vision::load_image(path));
        OCTET_ASSIGN(const yolop::YolopResult float_result, from.run(frame, display_options));
        det_outs.push_back(float_result.det_out);
        if (i < overlay_images) {
            OCTET_ASSIGN(const yolop::YolopResult integer_result, to.run(frame, display_options));
            OCTET_ASSIGN(ReportOverlay overlay, draw_pair(path, frame, float_result, integer_result));
            report.overlays.push_back(std::move(overlay));
        }
        if (job.options.progress) job.options.progress("report", i + 1, count);
    }
    report.concat = describe_concat(det_outs);
    return {};
}

// Pictures that accumulators are watched on: their ranges hardly grow with more.
constexpr std::int64_t accumulator_images = 8;

void add_accumulators(Report& report, const QuantizeJob& job, const CalibrationImages& images) {
    auto executable = load_executable(job.output, job.sizes, {.backend = "npu-emu", .profile = accumulator_profile});
    if (!executable) {
        report.no_accumulators = "Left out: " + executable.error().message;
        return;
    }
    report.accumulators = accumulator_use((*executable)->program());
    auto seen = accumulator_use(*executable, images, accumulator_images, job.threads);
    if (seen) {
        report.accumulators = std::move(*seen);
    } else {
        report.no_accumulators = "No pictures were run: " + seen.error().message;
    }
}

}  // namespace

ReportConcat describe_concat(const std::vector<Tensor>& det_outs) {
    ReportConcat concat;
    concat.images = static_cast<int>(det_outs.size());
    concat.display_threshold = display_options.confidence;
    concat.evaluation_threshold = yolop::evaluation_options.confidence;
    for (const Tensor& det_out : det_outs) {
        concat.boxes += det_out.shape()[1];
        const std::int64_t columns = det_out.shape()[2];
        const auto values = det_out.data<float>();
        for (std::size_t i = 0; i < values.size(); ++i) {
            double& largest =
                static_cast<std::int64_t>(i) % columns < 4 ? concat.largest_coordinate : concat.largest_score;
            largest = std::max(largest, static_cast<double>(values[i]));
        }
        concat.shown += yolop::decode_detections(det_out, 1, display_options).size();
        concat.ranked += yolop::decode_detections(det_out, 1, yolop::evaluation_options).size();
    }
    concat.together = describe_form(det_outs, 1);
    concat.divided = describe_form(det_outs, box_divisor);
    return concat;
}

void add_execution(Report& report, const QuantizeJob& job, const QuantizeOutcome& outcome) {
    const engine::Program& program = outcome.executable->program();
    report.execution.operators = static_cast<int>(program.ops.size());
    report.execution.float_seams = program.float_seams();
    report.execution.float_layers = program.float_layers();
    add_accumulators(report, job, outcome.images);
    if (auto ran = run_networks(report, job, outcome.images, outcome.executable); !ran) {
        report.overlays.clear();
        report.not_yolop = "Left out, since it needs a YOLOP network: " + ran.error().message;
    }
}

}  // namespace octet::quantizer
