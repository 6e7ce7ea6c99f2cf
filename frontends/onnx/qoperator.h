#pragma once

#include <string_view>

#include "frontends/onnx/graph_builder.h"

namespace octet::onnx {

// Operators on quantized tensors (of the default domain and of ONNX Runtime's, com.microsoft) that the importer writes
// as DequantizeLinear -> operator on float -> QuantizeLinear.
bool is_qoperator(std::string_view domain, std::string_view op);

// Adds the expansion to the graph; its last node carries the name and writes the outputs of `node`. Scales of weights
// that have a bias must be constant, because the bias has the scale x_scale * w_scale.
Result<void> expand_qoperator(const Node& node, std::string_view domain, GraphBuilder& builder);

}  // namespace octet::onnx
