#pragma once

// Maps of two classes, [N,2,H,W]: their biases moved until as many pixels are of the second class as in the float
// network, where that class is rare. A bias that is right on the mean over all pixels, mostly background, may be wrong
// where classes are decided.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/session.h"
#include "graph/quant/calibration.h"
#include "graph/quant/quant_model.h"

namespace octet::quantizer {

// Of one output.
struct DecisionRate {
    std::string output;
    std::int64_t pixels = 0, in_float = 0, before = 0, after = 0;  // pixels, and those of the second class
};

// Moves biases of model.layers, those of the second class up by half of what those of the first go down. Measured over
// `count` images, evenly spread over the dataset, by the engine; `floats` has the same outputs. Only a layer whose
// channels lead to the classes through operators of single channels or DepthToSpace is moved, and never behind its
// bias_limits.
Result<std::vector<DecisionRate>> match_decision_rates(
    quant::QuantModel& model, engine::Session& floats, const quant::Dataset& dataset, std::int64_t count, int threads,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);

}  // namespace octet::quantizer
