#pragma once

// What octet can compute on quantized tensors, operator by operator. The quantizer puts grids where an operator has an
// integer form; the engine recognizes the same forms in a quantized file, and a backend says which of them it takes.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace octet::quant {

enum class FormKind {
    none,           // float only
    convolution,    // weights; inputs and output have grids of their own
    normalization,  // a gain and an offset for each channel
    sum,
    product,  // of two tensors
    mean,     // over windows of an image
    copy,     // output values are input values: one grid for all of them
    unary,    // one input, elementwise: a table of 256 entries between two 8-bit grids
};

struct IntegerForm {
    FormKind kind = FormKind::none;
    bool fuses = false;   // unary: a convolution computes it before it rounds
    bool curved = false;  // unary: as straight segments, which nothing but integers are worth
    bool wide = false;    // takes and gives 16 bits too
};

IntegerForm integer_form(std::string_view op);

// Nothing, or what about the node (attributes, constants, shapes) leaves its operator's integer form. Parameters may be
// constants or dequantized constants. Shapes must be inferred.
std::optional<std::string> form_obstacle(const Graph& graph, const Node& node);

// Add, Sub, Mul, Div or Pow of a tensor and one number that the file has: a table, as unary operators are.
bool has_constant_operand(const Graph& graph, const Node& node);

// Mul of a Swish by a positive number for each channel of an image, the file's: what a convolution computes behind its
// Swish.
struct ChannelGain {
    ValueId swish = no_value;
    std::vector<double> gains;
};
std::optional<ChannelGain> channel_gain(const Graph& graph, const Node& node);

// The inputs that carry activations; the others are parameters, shapes and sizes.
std::vector<ValueId> activation_inputs(const Graph& graph, const Node& node);

// A float constant, or a DequantizeLinear of a constant with one grid or, for vectors, one an element.
std::optional<std::vector<double>> constant_values(const Graph& graph, ValueId value);

}  // namespace octet::quant
