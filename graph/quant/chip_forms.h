#pragma once

// Rewrites for what computes one operator after the other and stores 8 bits in between, before anything is quantized.
// Each keeps the float output; shapes must be inferred, and are of what is added.

#include <span>
#include <vector>

#include "graph/quant/calibration.h"
#include "graph/quant/quant_model.h"

namespace octet::quant {

// Swish(x) → x · Sigmoid(x). Returns how many.
int split_swish(Graph& graph);

// BatchNormalization of an image with constant parameters → a depthwise 1×1 Conv. Returns how many.
int batchnorm_to_conv(Graph& graph);

// The padding of convolutions that is not TensorFlow's SAME, such as 1 on every side of 3×3 with stride 2 → a Pad in front
// of them. Returns how many.
int pad_in_front(Graph& graph);

// x → Conv becomes x → Identity → Conv, where a plan may put 16 bits behind the Identity (GridStyle::stored).
void requantize_inputs(Graph& graph);

// A head is a convolution's result that no integer operator depends on. One scale for unlike channels, boxes and scores,
// loses most of them; so the convolution gives each of its channels the whole of the grid, and what reads it undoes that
// in float, on the CPU:
//
//   head → …     becomes     head → Mul(gain) → Add(offset) → …          gain, offset: [1, C, 1, 1], 1 and 0 for now
//
// The plan must be made again.
void add_head_scales(QuantModel& model);

// The part of the values' range that makes a difference to what reads them and writes none of them: ±8 in front of a
// Sigmoid or a Detect, whose scores are 3e-4 there; from −3 on in front of a HardSwish; all where a reader takes all.
Range relevant_range(const Graph& graph, const std::vector<std::vector<NodeId>>& consumers,
                     std::span<const ValueId> values);

// Gains and offsets, from the channels' extents, cut to what is relevant: each channel's range becomes [−1, 1], by
// weights and bias of its convolution. Calibration is then of the scaled heads.
void scale_heads(QuantModel& model, Calibration& calibration);

}  // namespace octet::quant
