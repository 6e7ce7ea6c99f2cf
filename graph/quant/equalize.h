#pragma once

// Gains for channels of unequal range that share a scale: a channel that stays within a 50th of what the widest reaches
// has five steps of 255, and weights behind it that make up for its size make up for nothing. Exact in float:
//
//   Conv → y → Conv(w)                 becomes    Conv(g·w', g·b') → g·y → Conv(w / g)
//   Conv → Swish → y → Conv(w)                    Conv → Swish → Mul(g) → g·y → Conv(w / g)
//
// with g > 0 for each channel of y; Relu, LeakyRelu and PRelu may stand behind the first convolution, and MaxPool,
// Concat and Resize between y and its readers. As in Nagel et al., Data-Free Quantization Through Weight Equalization
// and Bias Correction, 2019, and Meller et al., Same, Same But Different, 2019; but by the ranges of activations alone,
// for weights have a scale for each channel.

#include <functional>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/quant/calibration.h"
#include "graph/quant/grid_plan.h"

namespace octet::quant {

struct Equalization {
    int groups = 0;                       // that were given gains
    std::vector<std::string> nodes = {};  // whose channels have them
};

// Where 8 bits leave the convolutions that read a group less than 35 dB, and gains give them 3 more. Ranges and signals
// are measured on the dataset's images; done() is called behind each of them. The plan is of `graph` and must be made
// again.
Result<Equalization> equalize_channels(Graph& graph, const GridPlan& plan, const Dataset& dataset,
                                       const ParallelFor& parallel_for, const std::function<void()>& done = {});

}  // namespace octet::quant
