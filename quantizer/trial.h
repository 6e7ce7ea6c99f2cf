#pragma once

// A network as options would make it, for comparisons: weights by their largest, no bias corrected.

#include <memory>

#include "engine/backend.h"
#include "graph/quant/quantize_graph.h"

namespace octet::quantizer {

// `model` planned anew, with options.keep_int16, and its grids chosen by options.range.
Result<std::shared_ptr<const engine::Executable>> compile_trial(quant::QuantModel model,
                                                                const quant::Calibration& calibration,
                                                                const quant::QuantizeOptions& options);

}  // namespace octet::quantizer
