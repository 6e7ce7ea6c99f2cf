#include "graph/quant/prepare.h"

#include <algorithm>
#include <cmath>

#include "graph/passes/match.h"

namespace octet::quant {
namespace {

// The activation that alone reads this Concat of convolutions that nothing else reads, or no_node.
NodeId activation_behind(const Graph& graph, const std::vector<std::vector<NodeId>>& consumers, NodeId concat) {
    const Node& node = graph.node(concat);
    const auto& readers = consumers[static_cast<std::size_t>(node.outputs[0])];
    if (readers.size() != 1 || graph.is_output(node.outputs[0])) return no_node;
    const NodeId activation = readers[0];
    if (!passes::is_plain_activation(graph.node(activation).op)) return no_node;
    const bool all_convolutions = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
        const NodeId producer = graph.producer(input);
        return producer != no_node && graph.node(producer).op == "Conv" &&
               consumers[static_cast<std::size_t>(input)].size() == 1 && !graph.is_output(input);
    });
    return all_convolutions ? activation : no_node;
}

}  // namespace

int hoist_activations(Graph& graph) {
    int changed = 0;
    const auto consumers = graph.consumers();
    for (const NodeId concat : graph.topological_order()) {
        if (graph.node(concat).op != "Concat") continue;
        const NodeId activation = activation_behind(graph, consumers, concat);
        if (activation == no_node) continue;
        const Node act = graph.node(activation);
        const std::size_t first = graph.node_count();
        for (std::size_t i = 0; i < graph.node(concat).inputs.size(); ++i) {
            const ValueId input = graph.node(concat).inputs[i];
            const std::string name = graph.unique_name(act.name + "_" + std::to_string(i));
            const NodeId copy = graph.add_node(act.op, name, {input}, {name + "_out"}, act.attributes);
            const ValueId output = graph.node(copy).outputs[0];
            graph.value(output).dtype = graph.value(input).dtype;
            graph.value(output).shape = graph.value(input).shape;
            graph.node(concat).inputs[i] = output;
        }
        graph.stand_for(first, describe(act));
        graph.replace_uses(act.outputs[0], graph.node(concat).outputs[0]);
        graph.remove_node(activation);
        ++changed;
    }
    return changed;
}

std::optional<PixelInput> fold_normalization(Graph& graph, const Normalization& normalization, ZeroPoints zero_points) {
    if (graph.inputs.size() != 1) return std::nullopt;
    const ValueId input = graph.inputs[0];
    const auto& shape = graph.value(input).shape;
    if (!shape || shape->size() != 4 || (*shape)[1] != 3 || graph.value(input).dtype != DType::float32)
        return std::nullopt;
    const auto readers = graph.consumers()[static_cast<std::size_t>(input)];
    if (readers.size() != 1 || graph.is_output(input)) return std::nullopt;
    const NodeId conv = readers[0];
    if (graph.node(conv).op != "Conv" || graph.node(conv).attributes.integer("group", 1) != 1) return std::nullopt;
    const Tensor* weights = graph.constant(graph.node(conv).inputs[1]);
    if (!weights || weights->dtype() != DType::float32) return std::nullopt;
    const bool has_bias = graph.node(conv).inputs.size() > 2 && graph.node(conv).inputs[2] != no_value;
    const Tensor* bias = has_bias ? graph.constant(graph.node(conv).inputs[2]) : nullptr;
    if (has_bias && !bias) return std::nullopt;

    PixelInput pixel;
    Tensor scale(DType::float32, {1, 3, 1, 1});
    Tensor offset(DType::float32, {1, 3, 1, 1});
    Tensor centre(DType::float32, {1, 3, 1, 1});
    for (std::size_t c = 0; c < 3; ++c) {
        pixel.zero_points[c] = std::clamp(static_cast<int>(std::lround(255.0F * normalization.mean[c])), 0, 255);
        scale.mutable_data<float>()[c] = 255.0F * normalization.std[c];
        offset.mutable_data<float>()[c] = 255.0F * normalization.mean[c];
    }
    if (zero_points == ZeroPoints::one) {
        const auto [a, b, c] = pixel.zero_points;
        pixel.zero_points.fill((a + b + c + 1) / 3);
    }
    for (std::size_t c = 0; c < 3; ++c) centre.mutable_data<float>()[c] = static_cast<float>(pixel.zero_points[c]);

    const auto channels = static_cast<std::size_t>(weights->shape()[0]);
    const std::size_t taps = static_cast<std::size_t>(weights->size()) / (channels * 3);
    Tensor new_weights = *weights;
    Tensor new_bias = bias ? *bias : Tensor(DType::float32, {weights->shape()[0]});
    auto w = new_weights.mutable_data<float>();
    auto b = new_bias.mutable_data<float>();
    for (std::size_t o = 0; o < channels; ++o) {
        double shift = 0;
        for (std::size_t c = 0; c < 3; ++c) {
            for (std::size_t t = 0; t < taps; ++t) {
                float& value = w[(o * 3 + c) * taps + t];
                value /= scale.data<float>()[c];
                shift += static_cast<double>(value) * (centre.data<float>()[c] - offset.data<float>()[c]);
            }
        }
        b[o] += static_cast<float>(shift);
    }

    const auto step = [&](const char* op, const char* suffix, ValueId from, Tensor constant) {
        const std::string name = graph.unique_name(graph.value(input).name + suffix);
        const ValueId operand = graph.add_constant(graph.unique_name(name + "_constant"), std::move(constant));
        const NodeId node = graph.add_node(op, name, {from, operand}, {graph.unique_name(name + "_out")});
        const ValueId output = graph.node(node).outputs[0];
        graph.value(output).dtype = DType::float32;
        graph.value(output).shape = graph.value(input).shape;
        return output;
    };
    const ValueId scaled = step("Mul", "_denormalize", input, std::move(scale));
    if (zero_points == ZeroPoints::one) {
        for (std::size_t c = 0; c < 3; ++c) offset.mutable_data<float>()[c] -= centre.data<float>()[c];
        pixel.pixels = pixel.centred = step("Add", "_pixels", scaled, std::move(offset));
    } else {
        pixel.pixels = step("Add", "_pixels", scaled, std::move(offset));
        pixel.centred = step("Sub", "_centre", pixel.pixels, std::move(centre));
        pixel.centre = graph.producer(pixel.centred);
    }
    const ValueId weight_value =
        graph.add_constant(graph.unique_name(graph.node(conv).name + "_pixel_weights"), std::move(new_weights));
    const ValueId bias_value =
        graph.add_constant(graph.unique_name(graph.node(conv).name + "_pixel_bias"), std::move(new_bias));
    graph.node(conv).inputs = {pixel.centred, weight_value, bias_value};
    return pixel;
}

}  // namespace octet::quant
