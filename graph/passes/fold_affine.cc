#include <algorithm>

#include "graph/passes/channel_affine.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

using passes::ChannelAffine;

// The constant's value for each of `channels`, when it is a scalar or varies along axis 1 of a tensor of rank `rank`
// only.
std::vector<double> by_channel(const Tensor& tensor, std::size_t rank, std::size_t channels) {
    if (tensor.dtype() != DType::float32) return {};
    const auto values = tensor.to_float();
    if (values.size() == 1) return std::vector<double>(channels, values[0]);
    const Shape& shape = tensor.shape();
    if (shape.size() > rank || shape.size() + 1 < rank || values.size() != channels) return {};
    // Broadcasting aligns at the last dimension.
    if (shape[1 - (rank - shape.size())] != static_cast<std::int64_t>(channels)) return {};
    return {values.begin(), values.end()};
}

// The operation as scale · x + shift; empty when it is none.
ChannelAffine affine_of(const std::string& op, bool constant_first, std::vector<double> constant) {
    const std::vector<double> zeros(constant.size(), 0.0);
    const std::vector<double> ones(constant.size(), 1.0);
    if (op == "Add") return {ones, constant};
    if (op == "Mul") return {constant, zeros};
    if (op == "Sub" && constant_first) return {std::vector<double>(constant.size(), -1.0), constant};
    if (op == "Sub") {
        for (double& c : constant) c = -c;
        return {ones, constant};
    }
    if (op == "Div" && !constant_first && std::find(constant.begin(), constant.end(), 0.0) == constant.end()) {
        for (double& c : constant) c = 1 / c;
        return {constant, zeros};
    }
    return {};
}

bool fold(Graph& graph, NodeId id, const passes::Uses& uses) {
    const Node& node = graph.node(id);
    if (node.inputs.size() != 2 || node.outputs.size() != 1) return false;
    const bool constant_first = graph.constant(node.inputs[0]) != nullptr;
    const ValueId input = node.inputs[constant_first ? 1 : 0];
    const Tensor* constant = graph.constant(node.inputs[constant_first ? 0 : 1]);
    if (!constant || !passes::same_shape(graph, input, node.outputs[0])) return false;
    const NodeId conv = passes::foldable_conv_before(graph, uses, input);
    if (conv == no_node) return false;
    const auto values = by_channel(*constant, graph.value(input).shape->size(), passes::foldable_channels(graph, conv));
    const ChannelAffine affine = affine_of(node.op, constant_first, values);
    if (affine.channels() == 0) return false;
    passes::fold_into_conv(graph, conv, affine);
    graph.replace_uses(graph.node(id).outputs[0], input);
    return true;
}

}  // namespace

int fold_affine(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const passes::Uses& uses) { return fold(graph, id, uses); });
}

}  // namespace octet
