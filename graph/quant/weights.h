#pragma once

// Weights of convolutions and of per-tensor BatchNormalizations: int8, symmetric, in [−127, 127].
//
//   w[c][k] ≈ scale[c] · q[c][k]        per channel: one scale for each output channel c (axis 0)
//   w ≈ scale · q                        per tensor
//
// Biases are int32 on the grid of the accumulator: scale = input scale · weight scale.

#include <cstdint>
#include <vector>

#include "graph/ir/tensor.h"

namespace octet::quant {

inline constexpr float weight_limit = 127;

struct QuantizedWeights {
    Tensor integers;            // int8, the shape of the weights
    std::vector<float> scales;  // one a channel of axis 0, or a single one
};

enum class WeightScale {
    max,  // the largest magnitude becomes 127
    mse,  // the scale with the least Σ (w − scale·q)² among 100 between 0.5 and 1 of that
};

// A channel (or tensor) that is 0 everywhere gets the scale of its neighbours' smallest, or 1: it must stay a normal
// number, since accumulators are multiplied by it.
QuantizedWeights quantize_weights(const Tensor& weights, bool per_channel, WeightScale rule);

// scale · q, as float32.
Tensor dequantize_weights(const QuantizedWeights& weights);

// round(bias / (input_scale · weight scale)), saturated to int32; `scales` as in QuantizedWeights.
Tensor quantize_bias(const Tensor& bias, float input_scale, const std::vector<float>& scales);

}  // namespace octet::quant
