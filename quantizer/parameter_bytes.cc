#include "quantizer/parameter_bytes.h"

#include <cstddef>
#include <vector>

namespace octet::quantizer {
namespace {

// Where the bytes of a node's input belong.
std::uint64_t& part_of(ParameterBytes& bytes, const Node& node, std::size_t input, DType dtype) {
    const bool quantizes = node.op == "QuantizeLinear" || node.op == "DequantizeLinear";
    if (quantizes && input > 0) return bytes.scales;
    if (quantizes) return dtype == DType::int32 ? bytes.biases : bytes.weights;
    if (input == 0) return bytes.other;
    if (node.op == "Conv") return input == 1 ? bytes.weights : bytes.biases;
    if (node.op == "BatchNormalization") return input == 1 || input == 4 ? bytes.weights : bytes.biases;
    return bytes.other;
}

}  // namespace

ParameterBytes count_parameters(const Graph& graph) {
    ParameterBytes bytes;
    std::vector<bool> counted(graph.value_count());
    for (const NodeId id : graph.topological_order()) {
        const Node& node = graph.node(id);
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const Tensor* constant = graph.constant(node.inputs[i]);
            if (!constant || counted[static_cast<std::size_t>(node.inputs[i])]) continue;
            counted[static_cast<std::size_t>(node.inputs[i])] = true;
            part_of(bytes, node, i, constant->dtype()) +=
                static_cast<std::uint64_t>(constant->size()) * dtype_size(constant->dtype());
        }
    }
    return bytes;
}

}  // namespace octet::quantizer
