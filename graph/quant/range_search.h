#pragma once

// Ranges by what comes of them. A method of range.h looks at a tensor's own error; where a layer multiplies small
// channels up, its result depends on how just these are rounded.

#include <functional>
#include <map>

#include "graph/quant/calibration.h"
#include "graph/quant/quant_model.h"

namespace octet::quant {

// For each 8-bit group that nothing but convolutions and copies read: among its grid and grids of 0.85 to 1 times the
// range that calibration saw, the one with the least error behind these convolutions, of float weights, on the dataset's
// images: the mean over their channels of the error's variance over the signal's, for a mean error is corrected by
// biases. By the group's first source. done() is called behind each image. Memory: the live tensors of a float run for
// each thread.
Result<std::map<ValueId, Grid>> search_ranges(const QuantModel& model, const Calibration& calibration,
                                              const Dataset& dataset, const ParallelFor& parallel_for,
                                              const std::function<void()>& done = {});

}  // namespace octet::quant
