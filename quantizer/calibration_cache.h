#pragma once

// The statistics of a calibration as a JSON file, so that a model can be quantized again with another method without
// running the images. It is bound to the model, the way it was prepared, and the images.

#include <string>

#include "graph/ir/graph.h"
#include "graph/quant/calibration.h"

namespace octet::quantizer {

struct CalibrationKey {
    std::string model_digest;  // of the file's bytes
    std::string form;          // recipe and preprocessing, as text
    std::string images_digest;
};

// {"format": "octet-calibration", "version": 1, "model_digest", "form", "images_digest", "images",
//  "values": {NAME: {"lo", "hi", "count", "limit", "zeros", "positive": […], "negative": […],
//                    "channels": [[lo, hi], …]}}}; trailing zero bins are left
//  out. In a NAME "%" and every byte that is not ASCII is written %XX.
std::string calibration_to_json(const Graph& graph, const quant::Calibration& calibration, const CalibrationKey& key);

// Refuses a file that belongs to another model, form or set of images, and one that lacks a value of `wanted`. `name`
// stands in errors.
Result<quant::Calibration> calibration_from_json(const std::string& text, const std::string& name, const Graph& graph,
                                                 const std::vector<ValueId>& wanted, const CalibrationKey& key);

}  // namespace octet::quantizer
