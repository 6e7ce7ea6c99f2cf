#pragma once

// Parameters of layers, i.e. of convolutions and of per-tensor BatchNormalizations. Weights are int8, symmetric, in
// [−127, 127].
//
//   w[c][k] ≈ scale[c] · q[c][k]        per channel: one scale for each output channel c (axis 0)
//   w ≈ scale · q                        per tensor
//
// Biases are int32 on the grid of the accumulator: scale = input scale · weight scale.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/ir/tensor.h"
#include "graph/quant/grid.h"

namespace octet::quant {

inline constexpr float weight_limit = 127;

// y = weights · x + bias, float32. A bias for each channel of axis 0 of the weights.
struct FloatLayer {
    Tensor weights;
    Tensor bias;
};

struct QuantizedWeights {
    Tensor integers;            // int8, the shape of the weights
    std::vector<float> scales;  // one a channel of axis 0, or a single one
};

struct LayerWeights {
    QuantizedWeights weights;
    Tensor bias;  // int32 on the accumulator's grid
    float input_scale = 1;
    std::vector<std::int32_t> bias_limits;  // by channel: the largest |bias| that the accumulator's bound leaves

    // Of a channel's accumulator and bias.
    float bias_scale(std::size_t channel) const {
        return input_scale * weights.scales[weights.scales.size() == 1 ? 0 : channel];
    }
};

enum class WeightScale {
    max,  // the largest magnitude becomes 127
    mse,  // the scale with the least Σ (w − scale·q)² among 100 between 0.5 and 1 of that
};

// An accumulator stays within half of what an int32 holds:
//
//   |bias| + Σ|q| · (largest |x| + |zero point|)  <=  accumulator_limit        x: the input's integers
//
// 8-bit inputs count as unsigned ones, whatever their file says.
// The other half is for what an engine adds to round it, half a step of the output at most.
inline constexpr std::int64_t accumulator_limit = (std::int64_t{1} << 30) - 1;

// The weight scale that the rule gives, or the larger one that the accumulator asks for: where the weights of a channel
// are tiny beside its bias, it keeps the bias to 30 bits, and its weights get fewer steps.
// A channel (or tensor) that is 0 everywhere gets the scale of its neighbours' smallest, or 1. Weight and bias scales
// are normal numbers.
LayerWeights quantize_layer(const FloatLayer& layer, const Grid& input, bool per_channel, WeightScale rule);

// scale · q, as float32.
Tensor dequantize_weights(const QuantizedWeights& weights);

}  // namespace octet::quant
