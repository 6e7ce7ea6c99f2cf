#pragma once

// What octet-quantize does, from files to files.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/backend.h"
#include "frontends/onnx/importer.h"
#include "graph/quant/quantize_graph.h"
#include "quantizer/calibration_images.h"
#include "quantizer/decision_rate.h"
#include "quantizer/measured_fidelity.h"
#include "quantizer/parameter_bytes.h"
#include "quantizer/width_search.h"

namespace octet::quantizer {

struct QuantizeJob {
    std::string model;
    onnx::ImportOptions sizes;
    std::string images;
    std::string output;
    std::string report;  // empty: none
    std::string cache;   // empty: none
    int threads = 0;
    std::int64_t limit = 0;
    WidthGoal widths;
    std::string profile = "tflite-double";  // of recipe npu: a name or a file (engine/npu_emu/profile.h)
    // None: what the model states, or YOLOP's where it states nothing. What contradicts the model is a conflict.
    std::optional<vision::Preprocessing> preprocessing;
    quant::QuantizeOptions options;  // normalization, parallel_for and progress are set by run_quantize_job
};

struct QuantizeOutcome {
    quant::QuantModel model;
    quant::Calibration calibration;
    quant::Equalization equalization;
    std::optional<WidthSearch> widths;
    // Of the written file, and of all in 8 bits by min-max ranges, no bias corrected.
    std::vector<OutputFidelity> outputs, plain_outputs;
    std::vector<DecisionRate> decision_rates;
    std::int64_t output_images = 0;    // on which they were measured: those held out, or some of the calibrated ones
    std::vector<LayerError> layers;    // of the written file
    std::int64_t measured_images = 0;  // calibrated ones, on which they were measured
    std::shared_ptr<const engine::Executable> executable;  // of the written file, observable
    CalibrationImages images;
    vision::Preprocessing preprocessing;
    bool cache_was_used = false;
    std::vector<engine::FloatLayer> refused;  // by recipe npu's profile: they stay in float
    std::vector<std::string> int16_layers;    // asked for, or found too sensitive for 8 bits
    std::string float_digest;                 // of the float model's file
    std::uint64_t float_bytes = 0;
    std::uint64_t integer_bytes = 0;
    ParameterBytes float_parts, integer_parts;
};

// "25 images that were not calibrated on": what outputs were measured on.
std::string outputs_measured_on(const QuantizeOutcome& outcome);

// Where the job stands: "images", "calibration", "refinement", "outputs" …; from one thread at a time.
using JobProgress = std::function<void(std::string_view stage, std::int64_t done, std::int64_t total)>;

// Every file appears only when it is complete. The report comes last: when it fails, the model is there.
Result<QuantizeOutcome> run_quantize_job(QuantizeJob job, const JobProgress& progress);

// Metadata of the quantized model, all keys beginning with "octet.":
//   recipe, profile (of npu), calibration.method, calibration.images, calibration.digest,
//   preprocess.size "640x640", and what vision/preprocessing.h reads,
//   detect.strides, detect.anchors (pixels, w,h pairs, smallest stride first), detect.confidence, detect.iou,
//   box_scale: boxes times this are pixels
std::vector<std::pair<std::string, std::string>> describe_model(const quant::QuantModel& model,
                                                                const quant::QuantizeOptions& options,
                                                                const CalibrationImages& images,
                                                                const vision::Preprocessing& preprocessing,
                                                                const std::string& profile);

}  // namespace octet::quantizer
