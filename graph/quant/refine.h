#pragma once

// Runs the float graph and its quantized simulation side by side over a few images, node by node, each image at once in
// both. So a layer is corrected on what it will really be given: the output of the quantized layers before it.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graph/ops/op_def.h"
#include "graph/quant/fidelity.h"
#include "graph/quant/quant_model.h"

namespace octet::quant {

struct RefineOptions {
    // Subtracts from each layer's bias the mean error of the pre-activation, an output channel.
    bool correct_bias = true;
    ParallelFor parallel_for = serial_for;
    std::function<void(std::int64_t done, std::int64_t total)> progress = {};  // in nodes
};

// One gridded value: how far it is from float32. What the layers before it add is seen in the file alone.
struct LayerFidelity {
    ValueId value = no_value;
    std::string node;  // whose output this is, the last of a fused chain
    std::string op;    // "Conv+HardSwish+Add"
    Fidelity alone;    // simulated, with unquantized layers before it
};

struct Refinement {
    std::vector<LayerFidelity> layers;
};

// `images`: tensors for the graph's single input. Sums are merged in the order of the images, whatever parallel_for
// does. Memory: the live tensors of one float run and a quarter of them again, for each image.
Result<Refinement> refine(QuantModel& model, std::span<const Tensor> images, const RefineOptions& options);

}  // namespace octet::quant
