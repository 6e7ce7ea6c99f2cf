// A 3×3 convolution behind a nearest ×2 upsampling sees each pixel several times. Output pixel (2y + i, 2x + j) depends
// on 2×2 source pixels, with weights that are sums of those that meet the same one (floor((i + ky) / 2), ky = −1, 0,
// 1):
//
//            source row  y−1       y         y+1
//   i = 0                w₋₁       w₀ + w₁    0
//   i = 1                0         w₋₁ + w₀   w₁            columns likewise
//
//   Conv(w)(Resize(x)) = DepthToSpace(Conv(w')(x)),   channel (o·2 + i)·2 + j of Conv(w') is phase (i, j) of channel o
//
// The products stay as many, but there is no large input to write and to read, and few output channels fill vectors
// four times better; so only those are rewritten. Activations behind it move in front of the DepthToSpace.

#include <array>

#include "graph/ops/resize_sources.h"
#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

// More channels fill the vectors by themselves, and 5 of 9 weights of a phase are 0.
constexpr std::int64_t most_channels = 4;

// Source row offset plus 1 that tap `k` (0, 1, 2) of phase i meets.
constexpr std::int64_t source_tap(std::int64_t i, std::int64_t k) {
    constexpr std::array<std::array<std::int64_t, 3>, 2> taps = {{{0, 1, 1}, {1, 1, 2}}};
    return taps[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)];
}

Tensor phase_weights(const Tensor& weights) {
    const Shape& s = weights.shape();
    Tensor result(DType::float32, {s[0] * 4, s[1], 3, 3});
    const auto from = weights.data<float>();
    const auto to = result.mutable_data<float>();
    for (std::int64_t o = 0; o < s[0]; ++o) {
        for (std::int64_t phase = 0; phase < 4; ++phase) {
            for (std::int64_t c = 0; c < s[1]; ++c) {
                for (std::int64_t tap = 0; tap < 9; ++tap) {
                    const std::int64_t at = source_tap(phase / 2, tap / 3) * 3 + source_tap(phase % 2, tap % 3);
                    to[static_cast<std::size_t>(((o * 4 + phase) * s[1] + c) * 9 + at)] +=
                        from[static_cast<std::size_t>((o * s[1] + c) * 9 + tap)];
                }
            }
        }
    }
    return result;
}

Tensor phase_bias(const Tensor& bias) {
    Tensor result(DType::float32, {bias.size() * 4});
    for (std::size_t i = 0; i < static_cast<std::size_t>(result.size()); ++i) {
        result.mutable_data<float>()[i] = bias.data<float>()[i / 4];
    }
    return result;
}

bool is_same_size_3x3(const Graph& graph, const Node& node) {
    if (node.op != "Conv" || node.attributes.integer("group", 1) != 1) return false;
    const Tensor* weights = graph.constant(node.inputs[1]);
    if (!weights || weights->dtype() != DType::float32 || weights->rank() != 4) return false;
    const Shape& s = weights->shape();
    const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != no_value;
    return s[0] <= most_channels && s[2] == 3 && s[3] == 3 && (!has_bias || graph.constant(node.inputs[2])) &&
           passes::all_equal(passes::integers_or(node, "strides", 2, 1), 1) &&
           passes::all_equal(passes::integers_or(node, "dilations", 2, 1), 1) &&
           passes::all_equal(passes::integers_or(node, "pads", 4, 0), 1);
}

bool rewrite(Graph& graph, NodeId id, const passes::Uses& uses) {
    if (!is_same_size_3x3(graph, graph.node(id))) return false;
    const ValueId large = graph.node(id).inputs[0];
    const Node* resize = passes::producer_of(graph, large, "Resize");
    if (!resize || uses.count(large) != 1 || !doubles_pixels(graph, *resize)) return false;
    const ValueId small = resize->inputs[0];

    // The last of the activations that follow, each the only reader of the one before.
    NodeId last = id;
    for (NodeId next = uses.sole_reader(graph.node(id).outputs[0]); next != no_node;
         next = uses.sole_reader(graph.node(next).outputs[0])) {
        if (!passes::is_plain_activation(graph.node(next).op)) break;
        last = next;
    }
    const auto add = [&](ValueId old, Tensor tensor) {
        return graph.add_constant(graph.unique_name(graph.value(old).name + "_phases"), std::move(tensor));
    };
    const std::vector<ValueId> old_inputs = graph.node(id).inputs;
    std::vector<ValueId> inputs = {small, add(old_inputs[1], phase_weights(*graph.constant(old_inputs[1])))};
    if (old_inputs.size() > 2 && old_inputs[2] != no_value) {
        inputs.push_back(add(old_inputs[2], phase_bias(*graph.constant(old_inputs[2]))));
    }
    graph.node(id).inputs = std::move(inputs);

    const Shape source = *graph.value(small).shape;
    const auto to_phases = [&](ValueId value) {
        const Shape& shape = *graph.value(value).shape;
        graph.value(value).shape = Shape{shape[0], shape[1] * 4, source[2], source[3]};
    };
    const ValueId output = graph.node(last).outputs[0];
    const Shape output_shape = *graph.value(output).shape;
    for (NodeId node = id; node != last;) {
        const ValueId value = graph.node(node).outputs[0];
        to_phases(value);
        node = uses.sole_reader(value);
    }
    const ValueId phases =
        graph.add_value(graph.unique_name(graph.value(output).name + "_phases"), graph.value(output).dtype,
                        Shape{output_shape[0], output_shape[1] * 4, source[2], source[3]});
    graph.node(last).outputs = {phases};
    graph.value(phases).producer = last;
    graph.value(output).producer = no_node;
    graph.add_node_onto("DepthToSpace", graph.unique_name(graph.node(id).name + "_depth_to_space"), {phases}, {output},
                        {{"blocksize", std::int64_t{2}}, {"mode", std::string("CRD")}});
    return true;
}

}  // namespace

int upsample_conv_to_phases(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const passes::Uses& uses) { return rewrite(graph, id, uses); });
}

}  // namespace octet
