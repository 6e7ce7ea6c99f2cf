#include "graph/passes/channel_affine.h"

#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace octet::passes {
namespace {

const Tensor* float_constant(const Graph& graph, ValueId id) {
    const Tensor* tensor = graph.constant(id);
    return tensor && tensor->dtype() == DType::float32 ? tensor : nullptr;
}

bool has_input(const Node& node, std::size_t i) {
    return node.inputs.size() > i && node.inputs[i] != no_value;
}

// Weights of Conv are [Cout, Cin/g, k…], those of ConvTranspose [Cin, Cout/g, k…] with the group in the first
// dimension.
Tensor scaled_weights(const Tensor& weights, const Node& node, std::span<const double> scale) {
    Tensor result = weights;
    const auto values = result.mutable_data<float>();
    const std::int64_t rows = weights.shape()[0];
    const std::int64_t columns = weights.shape()[1];
    const std::int64_t taps = rows * columns == 0 ? 0 : weights.size() / (rows * columns);
    const std::int64_t rows_of_group = rows / node.attributes.integer("group", 1);
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) {
            const std::int64_t channel = node.op == "Conv" ? r : r / rows_of_group * columns + c;
            for (std::int64_t t = 0; t < taps; ++t) {
                float& w = values[static_cast<std::size_t>((r * columns + c) * taps + t)];
                w = static_cast<float>(w * scale[static_cast<std::size_t>(channel)]);
            }
        }
    }
    return result;
}

// x_folded, x_folded_1 … for x and for those themselves: the names of a long chain of folds stay short.
std::string folded_name(Graph& graph, std::string name) {
    constexpr std::string_view suffix = "_folded";
    const std::size_t at = name.rfind(suffix);
    if (at != std::string::npos && name.find_first_not_of("_0123456789", at + suffix.size()) == std::string::npos)
        name.resize(at);
    return graph.unique_name(name.append(suffix));
}

}  // namespace

ChannelAffine ChannelAffine::slice(std::size_t begin, std::size_t count) const {
    const auto first = static_cast<std::ptrdiff_t>(begin);
    const auto last = static_cast<std::ptrdiff_t>(begin + count);
    return {{scale.begin() + first, scale.begin() + last}, {shift.begin() + first, shift.begin() + last}};
}

std::optional<ChannelAffine> affine_of_batchnorm(const Graph& graph, const Node& node) {
    if (node.op != "BatchNormalization" || node.inputs.size() != 5 || node.outputs.size() != 1) return std::nullopt;
    if (node.attributes.integer("training_mode", 0) != 0) return std::nullopt;
    std::vector<std::vector<float>> parameters;
    for (std::size_t k = 1; k < 5; ++k) {
        const Tensor* tensor = float_constant(graph, node.inputs[k]);
        if (!tensor) return std::nullopt;
        parameters.push_back(tensor->to_float());
        if (parameters.back().size() != parameters.front().size()) return std::nullopt;
    }
    const auto& [gamma, beta, mean, variance] = std::tie(parameters[0], parameters[1], parameters[2], parameters[3]);
    const double epsilon = node.attributes.real("epsilon", 1e-5F);
    ChannelAffine affine;
    for (std::size_t c = 0; c < gamma.size(); ++c) {
        const double scale = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + epsilon);
        affine.scale.push_back(scale);
        affine.shift.push_back(beta[c] - mean[c] * scale);
    }
    return affine;
}

std::size_t foldable_channels(const Graph& graph, NodeId conv) {
    if (conv == no_node) return 0;
    const Node& node = graph.node(conv);
    if ((node.op != "Conv" && node.op != "ConvTranspose") || node.inputs.size() < 2) return 0;
    const Tensor* weights = float_constant(graph, node.inputs[1]);
    if (!weights || weights->rank() < 3) return 0;
    if (has_input(node, 2) && !float_constant(graph, node.inputs[2])) return 0;
    const std::int64_t group = node.attributes.integer("group", 1);
    if (group < 1 || weights->shape()[0] % group != 0) return 0;
    return static_cast<std::size_t>(node.op == "Conv" ? weights->shape()[0] : weights->shape()[1] * group);
}

NodeId foldable_conv_before(const Graph& graph, const Uses& uses, ValueId id) {
    const NodeId conv = graph.producer(id);
    return conv != no_node && uses.count(id) == 1 && foldable_channels(graph, conv) > 0 ? conv : no_node;
}

void fold_into_conv(Graph& graph, NodeId conv, const ChannelAffine& affine) {
    const Node& node = graph.node(conv);
    const Value& weights = graph.value(node.inputs[1]);
    std::vector<float> bias(affine.channels(), 0.0F);
    std::string bias_name = node.name + "_bias";
    if (has_input(node, 2)) {
        bias = graph.constant(node.inputs[2])->to_float();
        bias_name = graph.value(node.inputs[2]).name;
    }
    for (std::size_t c = 0; c < bias.size(); ++c) {
        bias[c] = static_cast<float>(bias[c] * affine.scale[c] + affine.shift[c]);
    }
    Tensor folded = scaled_weights(*weights.constant, node, affine.scale);
    const ValueId new_weights = graph.add_constant(folded_name(graph, weights.name), std::move(folded));
    const ValueId new_bias =
        graph.add_constant(folded_name(graph, bias_name),
                           Tensor::from<float>({static_cast<std::int64_t>(bias.size())}, std::span<const float>(bias)));
    // References into the graph are void after add_constant().
    graph.node(conv).inputs.resize(3);
    graph.node(conv).inputs[1] = new_weights;
    graph.node(conv).inputs[2] = new_bias;
}

}  // namespace octet::passes
