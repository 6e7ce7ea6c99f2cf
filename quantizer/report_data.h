#pragma once

// What the report says, gathered from a finished quantization.

#include "quantizer/quantize_job.h"
#include "quantizer/report.h"

namespace octet::quantizer {

// The model at job.output must be there. A YOLOP is run on a few calibration images in both forms.
Result<Report> collect_report(const QuantizeJob& job, const QuantizeOutcome& outcome);

// The grids of a model with their histograms, the least faithful first.
std::vector<ReportActivation> describe_activations(const quant::QuantModel& model,
                                                   const quant::Calibration& calibration,
                                                   const quant::QuantizeOptions& options);

}  // namespace octet::quantizer
