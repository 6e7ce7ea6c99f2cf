#pragma once

// Recognizes in a graph with QuantizeLinear and DequantizeLinear what can run on integers alone.
//
// A *quantized tensor* is the output of a QuantizeLinear with one scale and zero point: uint8, int8, or int16 whose
// scale is a power of two and whose zero point is 0; rank 4, batch 1. match() looks backwards from such a
// QuantizeLinear:
//
//     conv       Q ← [Add ← DQ(shortcut)] ← [activation] ← Conv ← DQ(x), DQ(weights), [DQ(bias)]       x or Q int16 too
//     batchnorm  Q ← [activation] ← BatchNormalization ← DQ(x), constants
//     add        Q ← [Relu | LeakyRelu] ← Add ← DQ(a), DQ(b)
//     concat     Q ← Concat(axis 1) ← DQ(x)…                                   int16: all on the same grid
//     maxpool    Q ← MaxPool ← DQ(x)                    same grid on both sides
//     resize     Q ← Resize(nearest) ← DQ(x)            same grid on both sides, int16 too
//     lut        Q ← unary elementwise operators, or none ← DQ(x)
//     pixels     Q(scale 1, zero point 0) ← [Add ← [Mul ←]] graph input: undoes the normalization of 8-bit pixels
//     quantize   Q ← anything else, computed in float

#include <optional>
#include <vector>

#include "graph/ir/graph.h"
#include "kernels/requantize.h"

namespace octet::engine {

// real = (q - zero_point) * scale
struct QuantGrid {
    DType dtype = DType::uint8;
    double scale = 1;
    int zero_point = 0;
    std::vector<int> channel_zero_points;  // not empty only behind the DequantizeLinear of pixels

    friend bool operator==(const QuantGrid&, const QuantGrid&) = default;
};

// A tensor as the consumer of a DequantizeLinear sees it.
struct QuantSource {
    ValueId value = no_value;  // the quantized tensor
    QuantGrid grid;
};

struct ActivationSpec {
    kernels::Activation kind = kernels::Activation::none;
    double alpha = 0;
    std::vector<double> channel_alpha;
    double clip_lo = 0, clip_hi = 0;
};

enum class PatternKind { conv, batchnorm, add, concat, maxpool, resize, lut, pixels, quantize };

struct Pattern {
    PatternKind kind = PatternKind::quantize;
    NodeId quantize = no_node;         // the QuantizeLinear that ends it
    NodeId node = no_node;             // Conv, Add, MaxPool …
    QuantGrid grid;                    // of the result
    std::vector<QuantSource> sources;  // quantized inputs, the shortcut excluded
    std::optional<QuantSource> residual;
    ActivationSpec activation;
    std::vector<NodeId> chain;  // lut: operators in the order of evaluation; pixels: Mul and Add
    ValueId input = no_value;   // pixels: the graph input; quantize: the float tensor
};

// Int8 weights with one scale for each output channel (or one for all), zero point 0.
struct QuantWeights {
    const Tensor* values = nullptr;
    std::vector<double> scales;  // one an output channel
};

class PatternMatcher {
  public:
    explicit PatternMatcher(const Graph& graph) : graph_(graph) {}

    // nullopt when the node is no QuantizeLinear or its output is no quantized tensor in the sense above.
    std::optional<Pattern> match(NodeId quantize) const;

    // The pattern `quantize` of a node that match() takes, whatever stands before it.
    Pattern in_float(NodeId quantize) const;

    // The quantized tensor behind `value` when that is the output of a DequantizeLinear of one.
    std::optional<QuantSource> source(ValueId value) const;

    // The grid of a value that a QuantizeLinear makes.
    std::optional<QuantGrid> grid_of(ValueId quantized) const;

    // `value`: a DequantizeLinear of an int8 constant along `axis`.
    std::optional<QuantWeights> weights(ValueId value, std::int64_t axis, std::int64_t channels) const;
    // A float constant, or a DequantizeLinear of a constant.
    std::optional<std::vector<double>> constant_values(ValueId value) const;

  private:
    bool match_conv(NodeId node, Pattern& pattern) const;
    bool match_batchnorm(NodeId node, Pattern& pattern) const;
    bool match_add(ValueId value, Pattern& pattern) const;
    bool match_lut(ValueId value, Pattern& pattern) const;
    bool match_pixels(ValueId value, Pattern& pattern) const;
    // When `value` is made by an activation that fixed16 has: its parameters and the value before it.
    std::optional<ActivationSpec> activation(ValueId value, ValueId& before) const;
    const Node* producer(ValueId value) const;

    const Graph& graph_;
};

}  // namespace octet::engine
