#include "graph/quant/quant_model.h"

#include <algorithm>
#include <cmath>

namespace octet::quant {
namespace {

FloatLayer float_batchnorm(const Graph& graph, const Node& node) {
    const auto parameter = [&](std::size_t i) { return graph.constant(node.inputs[i])->data<float>(); };
    const auto gamma = parameter(1);
    const auto beta = parameter(2);
    const auto mean = parameter(3);
    const auto variance = parameter(4);
    const float epsilon = node.attributes.real("epsilon", 1e-5F);
    const Shape shape{static_cast<std::int64_t>(gamma.size())};
    FloatLayer layer{Tensor(DType::float32, shape), Tensor(DType::float32, shape)};
    auto weights = layer.weights.mutable_data<float>();
    auto bias = layer.bias.mutable_data<float>();
    for (std::size_t c = 0; c < gamma.size(); ++c) {
        weights[c] = gamma[c] / std::sqrt(variance[c] + epsilon);
        bias[c] = beta[c] - mean[c] * weights[c];
    }
    return layer;
}

}  // namespace

const Grid* QuantModel::input_grid(const Node& node) const {
    const ValueId input = node.inputs[0];
    return grid(pixel && input == pixel->centred ? pixel->pixels : input);
}

FloatLayer float_layer(const Graph& graph, const Node& node) {
    if (node.op == "BatchNormalization") return float_batchnorm(graph, node);
    const Tensor& weights = *graph.constant(node.inputs[1]);
    const Tensor* bias = node.inputs.size() > 2 ? graph.constant(node.inputs[2]) : nullptr;
    return {weights, bias ? *bias : Tensor(DType::float32, {weights.shape()[0]})};
}

void make_layers(QuantModel& model, const LayerOptions& options) {
    for (const NodeId id : model.graph.topological_order()) {
        const Node& node = model.graph.node(id);
        const bool is_batchnorm = node.op == "BatchNormalization";
        if (!model.plan.integer[static_cast<std::size_t>(id)] || (node.op != "Conv" && !is_batchnorm)) continue;
        const FloatLayer layer = float_layer(model.graph, node);
        model.layers[id] =
            quantize_layer(layer, *model.input_grid(node), options.per_channel && !is_batchnorm, options.weight_scale);
    }
}

}  // namespace octet::quant
