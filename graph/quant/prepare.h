#pragma once

// Rewrites of the float graph that make it quantize well. They keep its float output.

#include <array>
#include <cstdint>
#include <optional>

#include "base/normalization.h"
#include "graph/ir/graph.h"

namespace octet::quant {

// act(Concat(conv…)) → Concat(act(conv)…), where nothing else reads the convolutions or the Concat: the activation then
// acts on wide accumulators instead of on 8 bits. Returns how many Concats it changed. Shapes must be inferred.
int hoist_activations(Graph& graph);

// The first convolution reads pixels:
//
//   images → Mul(255·std) → Add(255·mean) → pixels → Sub(z) → Conv(w / (255·std), b + Σ w·(z − 255·mean) / (255·std))
//
// with z = round(255·mean). Pixels are 8-bit integers, and z is the zero point under which they are quantized exactly;
// where the convolution pads with zeros, it now sees z, which stands for at most 0.5 / (255·std) instead of 0.
struct PixelInput {
    ValueId pixels = no_value;   // on the grid (scale 1, zero point 0)
    ValueId centred = no_value;  // pixels − z
    NodeId centre = no_node;     // the Sub
    std::array<std::int32_t, 3> zero_points{};
};
// With ZeroPoints::one, for what takes a scale and a zero point a tensor: z is the mean of the three, Add takes z off at
// once, and the value that the convolution reads is `pixels` and `centred`; `centre` is no_node.
enum class ZeroPoints { by_channel, one };
// Nothing where the graph does not have one input [N,3,H,W] that a single convolution with constant weights and groups
// = 1 reads; the graph is unchanged then.
std::optional<PixelInput> fold_normalization(Graph& graph, const Normalization& normalization,
                                             ZeroPoints zero_points = ZeroPoints::by_channel);

}  // namespace octet::quant
