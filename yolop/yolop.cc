#include "yolop/yolop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/parse_number.h"
#include "base/stopwatch.h"

namespace octet::yolop {
namespace {

using engine::Session;

// Set by the exporter of a model whose box coordinates are divided by a constant (8-bit
// Concats need that); what the boxes must be multiplied by to be canvas pixels again.
constexpr const char* box_scale_key = "octet.box_scale";

Result<float> box_scale_of(const Session& session) {
    const auto entry = session.metadata().find(box_scale_key);
    if (entry == session.metadata().end()) return 1.0F;
    const std::string& text = entry->second;
    const auto value = parse_number<float>(text);
    if (!value || !std::isfinite(*value) || *value <= 0)
        return fail(ErrorCode::invalid_model, "metadata '{}' is '{}', not a positive number", box_scale_key, text);
    return *value;
}

std::string describe(const std::vector<engine::Port>& ports) {
    std::string text;
    for (const auto& port : ports)
        text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", port.name, dtype_name(port.dtype),
                            to_string(port.shape));
    return text;
}

}  // namespace

Result<Yolop> Yolop::create(std::shared_ptr<const engine::Executable> executable, const std::string& name,
                            const engine::SessionOptions& options, const vision::Preprocessing& unstated) {
    auto session = Session::create(std::move(executable), options);
    if (!session) return at(name, std::move(session).error());
    Yolop yolop(std::move(*session));
    const auto stated = vision::stated_preprocessing(yolop.session_.metadata());
    if (!stated) return at(name, stated.error());
    yolop.preprocessing_ = stated->value_or(unstated);
    if (auto known = yolop.recognize(); !known) return at(name, std::move(known).error());
    return yolop;
}

Result<void> Yolop::recognize() {
    OCTET_TRY(recognize_input());
    OCTET_TRY(recognize_outputs());
    OCTET_ASSIGN(box_scale_, box_scale_of(session_));
    return {};
}

Result<void> Yolop::recognize_input() {
    const auto& inputs = session_.inputs();
    if (inputs.size() != 1 || inputs[0].dtype != DType::float32 || inputs[0].shape.size() != 4 ||
        inputs[0].shape[0] < 1 || inputs[0].shape[1] != 3)
        return fail(ErrorCode::unsupported, "not a YOLOP network: it takes {}, expected one float32 Nx3xHxW",
                    describe(inputs));
    height_ = static_cast<int>(inputs[0].shape[2]);
    width_ = static_cast<int>(inputs[0].shape[3]);
    return {};
}

// det_out is the only output of rank 3. The masks are told apart by "lane" or "ll" in their names; without such a name
// the first one is the drivable area, as in the reference export.
Result<void> Yolop::recognize_outputs() {
    const auto& outputs = session_.outputs();
    const Shape mask_shape{batch(), 2, height_, width_};
    std::vector<std::size_t> detections, masks;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const Shape& shape = outputs[i].shape;
        if (outputs[i].dtype != DType::float32) continue;
        if (shape.size() == 3 && shape[0] == batch() && shape[2] >= 6) detections.push_back(i);
        if (shape == mask_shape) masks.push_back(i);
    }
    if (detections.size() != 1 || masks.size() != 2)
        return fail(ErrorCode::unsupported, "not a YOLOP network: it gives {}, expected {}xNx6 and two {}",
                    describe(outputs), batch(), to_string(mask_shape));
    const auto is_lane = [&](std::size_t i) {
        return outputs[i].name.find("lane") != std::string::npos || outputs[i].name.find("ll") != std::string::npos;
    };
    if (is_lane(masks[0]) && !is_lane(masks[1])) std::swap(masks[0], masks[1]);
    det_ = detections[0];
    drivable_ = masks[0];
    lane_ = masks[1];
    return {};
}

Result<YolopResult> Yolop::run(const vision::Image& frame, const DetectionOptions& options) {
    OCTET_ASSIGN(auto results, run({&frame, 1}, options));
    return std::move(results.front());
}

Result<std::vector<YolopResult>> Yolop::run(std::span<const vision::Image> frames, const DetectionOptions& options) {
    const auto images = static_cast<std::size_t>(batch());
    if (frames.empty() || frames.size() > images)
        return fail(ErrorCode::invalid_argument, "{} frames for a batch of {}", frames.size(), images);
    std::vector<YolopResult> results(frames.size());
    Stopwatch watch;
    const bool takes_pixels = session_.inputs()[0].accepts_pixels;
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        const vision::Letterboxed boxed = vision::letterbox(frames[i], width_, height_, preprocessing_.letterbox);
        results[i].transform = boxed.transform;
        inputs.push_back(takes_pixels ? vision::pixel_input(boxed.canvas)
                                      : vision::normalized_input(boxed.canvas, preprocessing_.normalization));
    }
    Tensor input = inputs.front();
    if (images > 1) {
        Shape shape = input.shape();
        shape[0] = batch();
        input = Tensor(input.dtype(), shape);
        std::byte* to = input.mutable_raw();
        for (std::size_t i = 0; i < images; ++i) {
            const Tensor& one = inputs[std::min(i, inputs.size() - 1)];
            to = std::copy_n(one.raw(), one.bytes(), to);
        }
    }
    const auto share = static_cast<double>(frames.size());
    const double preprocess_ms = watch.lap() / share;

    OCTET_ASSIGN(std::vector<Tensor> outputs, session_.run({&input, 1}));
    const double inference_ms = watch.lap() / share;
    for (std::size_t i = 0; i < results.size(); ++i) {
        YolopResult& result = results[i];
        const auto image = static_cast<std::int64_t>(i);
        result.times.preprocess_ms = preprocess_ms;
        result.times.inference_ms = inference_ms;
        result.det_out = outputs[det_].image(image);
        result.drivable = outputs[drivable_].image(image);
        result.lane = outputs[lane_].image(image);
        result.vehicles = suppress(decode_detections(result.det_out, box_scale_, options), options);
        to_frame(result.vehicles, result.transform);
        result.times.postprocess_ms = watch.lap();
    }
    return results;
}

}  // namespace octet::yolop
