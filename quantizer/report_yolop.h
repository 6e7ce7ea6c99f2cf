#pragma once

// The part of the report that comes from running the networks.

#include "quantizer/quantize_job.h"
#include "quantizer/report.h"

namespace octet::quantizer {

// What det_outs of a float network ([1,N,5+classes], in pixels; at least one) become in 8 bits.
ReportConcat describe_concat(const std::vector<Tensor>& det_outs);

// How job.output is executed, and what both networks make of a few calibration images. Where they are no YOLOP, the
// report says so.
void add_execution(Report& report, const QuantizeJob& job, const QuantizeOutcome& outcome);

}  // namespace octet::quantizer
