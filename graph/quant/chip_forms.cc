#include "graph/quant/chip_forms.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "graph/ops/same_padding.h"
#include "graph/ops/window.h"
#include "graph/passes/match.h"
#include "graph/quant/forms.h"

namespace octet::quant {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float flat_sigmoid = 8, flat_hardswish = -3;
constexpr float narrowest = 1e-4F;  // channel of a head, beside the widest

std::size_t index(std::int32_t id) {
    return static_cast<std::size_t>(id);
}

// A node whose output has the shape of a value.
ValueId add_like(Graph& graph, const char* op, const std::string& name, std::vector<ValueId> inputs, ValueId like,
                 Attributes attributes = {}) {
    const std::string unique = graph.unique_name(name);
    const NodeId node =
        graph.add_node(op, unique, std::move(inputs), {graph.unique_name(unique + "_out")}, std::move(attributes));
    const ValueId output = graph.node(node).outputs[0];
    graph.value(output).dtype = DType::float32;
    graph.value(output).shape = graph.value(like).shape;
    return output;
}

Tensor filled(const Shape& shape, float value) {
    Tensor tensor(DType::float32, shape);
    for (float& element : tensor.mutable_data<float>()) element = value;
    return tensor;
}

Range relevant_to(const Graph& graph, const Node& reader) {
    if (reader.op == "Sigmoid" || reader.op == "Detect") return {-flat_sigmoid, flat_sigmoid};
    if (reader.op == "HardSwish") return {flat_hardswish, infinity};
    if (reader.op == "Relu") return {0, infinity};
    if (reader.op != "Clip") return {-infinity, infinity};
    Range range{-infinity, infinity};
    const auto bound = [&](std::size_t i) {
        return i < reader.inputs.size() ? constant_values(graph, reader.inputs[i]) : std::nullopt;
    };
    if (const auto lo = bound(1)) range.lo = static_cast<float>(lo->front());
    if (const auto hi = bound(2)) range.hi = static_cast<float>(hi->front());
    return range;
}

// Whether an integer operator depends on the node, by node.
std::vector<bool> nodes_before_integers(const QuantModel& model) {
    const Graph& graph = model.graph;
    const auto consumers = graph.consumers();
    std::vector<bool> before(graph.node_count(), false);
    const auto order = graph.topological_order();
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
        for (const ValueId output : graph.node(*it).outputs) {
            if (output == no_value) continue;
            for (const NodeId reader : consumers[index(output)]) {
                if (model.plan.integer[index(reader)] || before[index(reader)]) before[index(*it)] = true;
            }
        }
    }
    return before;
}

}  // namespace

int split_swish(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first, [&](NodeId id, const passes::Uses&) {
        const Node node = graph.node(id);
        if (node.op != "Swish") return false;
        const ValueId x = node.inputs[0];
        const ValueId gate = add_like(graph, "Sigmoid", node.name + "_sigmoid", {x}, x);
        passes::produce_instead(graph, node.outputs[0], "Mul", node.name + "_mul", {x, gate});
        return true;
    });
}

int batchnorm_to_conv(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first, [&](NodeId id, const passes::Uses&) {
        const Node node = graph.node(id);
        const auto& shape = graph.value(node.inputs.empty() ? node.outputs[0] : node.inputs[0]).shape;
        if (node.op != "BatchNormalization" || !shape || shape->size() != 4) return false;
        for (std::size_t i = 1; i < 5; ++i) {
            if (!graph.constant(node.inputs[i])) return false;
        }
        FloatLayer layer = float_layer(graph, node);
        const std::int64_t channels = layer.weights.size();
        Tensor weights(DType::float32, {channels, 1, 1, 1});
        std::copy_n(layer.weights.data<float>().data(), channels, weights.mutable_data<float>().data());
        const ValueId w = graph.add_constant(graph.unique_name(node.name + "_weights"), std::move(weights));
        const ValueId b = graph.add_constant(graph.unique_name(node.name + "_bias"), std::move(layer.bias));
        Attributes attributes;
        attributes.set("group", channels);
        passes::produce_instead(graph, node.outputs[0], "Conv", node.name + "_conv", {node.inputs[0], w, b},
                                std::move(attributes));
        return true;
    });
}

int pad_in_front(Graph& graph) {
    int changed = 0;
    for (const NodeId id : graph.topological_order()) {
        const Node node = graph.node(id);
        const Tensor* weights = node.op == "Conv" ? graph.constant(node.inputs[1]) : nullptr;
        const auto shape = graph.value(node.inputs.empty() ? node.outputs[0] : node.inputs[0]).shape;
        if (!weights || weights->rank() != 4 || !shape) continue;
        const auto window = ops::make_window(node, *shape, {weights->shape()[2], weights->shape()[3]});
        if (!window) continue;
        const auto same = [&](std::size_t axis) {
            return ops::is_same_padding(window->in[axis], window->kernel[axis], window->stride[axis],
                                        window->dilation[axis], window->pad_begin[axis], window->pad_end[axis]);
        };
        const auto [top, left] = std::pair(window->pad_begin[1], window->pad_begin[2]);
        const auto [bottom, right] = std::pair(window->pad_end[1], window->pad_end[2]);
        const bool none = top == 0 && left == 0 && bottom == 0 && right == 0;
        if (none || (same(1) && same(2))) continue;
        const ValueId pads =
            graph.add_constant(graph.unique_name(node.name + "_pads"),
                               Tensor::from<std::int64_t>({8}, {0, 0, top, left, 0, 0, bottom, right}));
        const ValueId padded = add_like(graph, "Pad", node.name + "_pad", {node.inputs[0], pads}, node.inputs[0]);
        graph.value(padded).shape =
            Shape{(*shape)[0], (*shape)[1], (*shape)[2] + top + bottom, (*shape)[3] + left + right};
        Node& conv = graph.node(id);
        conv.inputs[0] = padded;
        conv.attributes.set("pads", std::vector<std::int64_t>{0, 0, 0, 0});
        conv.attributes.set("auto_pad", std::string("NOTSET"));
        ++changed;
    }
    return changed;
}

void requantize_inputs(Graph& graph) {
    for (const NodeId id : graph.topological_order()) {
        if (graph.node(id).op != "Conv") continue;
        const ValueId input = graph.node(id).inputs[0];
        graph.node(id).inputs[0] = add_like(graph, "Identity", graph.node(id).name + "_input16", {input}, input);
    }
}

void add_head_scales(QuantModel& model) {
    Graph& graph = model.graph;
    const std::vector<bool> before = nodes_before_integers(model);
    for (const NodeId id : graph.topological_order()) {
        if (graph.node(id).op != "Conv" || !model.plan.integer[index(id)] || before[index(id)]) continue;
        const ValueId head = graph.node(id).outputs[0];
        const Shape channels{1, (*graph.value(head).shape)[1], 1, 1};
        const std::string name = graph.node(id).name;
        const ValueId gain = graph.add_constant(graph.unique_name(name + "_head_gain"), filled(channels, 1));
        const ValueId offset = graph.add_constant(graph.unique_name(name + "_head_offset"), filled(channels, 0));
        const ValueId scaled = add_like(graph, "Mul", name + "_head_scale", {head, gain}, head);
        const ValueId moved = add_like(graph, "Add", name + "_head_shift", {scaled, offset}, head);
        graph.replace_uses(head, moved);
        graph.node(graph.producer(scaled)).inputs[0] = head;
        model.heads.push_back({id, head, moved, gain, offset});
    }
}

Range relevant_range(const Graph& graph, const std::vector<std::vector<NodeId>>& consumers,
                     std::span<const ValueId> values) {
    constexpr Range everything{-infinity, infinity};
    const auto is_one = [&](ValueId id) { return std::find(values.begin(), values.end(), id) != values.end(); };
    Range range{infinity, -infinity};
    for (const ValueId value : values) {
        if (graph.is_output(value)) return everything;
        for (const NodeId reader : consumers[index(value)]) {
            const Node& node = graph.node(reader);
            if (std::any_of(node.outputs.begin(), node.outputs.end(), is_one)) continue;
            const Range one = relevant_to(graph, node);
            range = {std::min(range.lo, one.lo), std::max(range.hi, one.hi)};
        }
    }
    return range.lo <= range.hi ? range : everything;
}

void scale_heads(QuantModel& model, Calibration& calibration) {
    Graph& graph = model.graph;
    const auto consumers = graph.consumers();
    for (const HeadScale& head : model.heads) {
        ValueStatistics& statistics = calibration.values[index(head.value)];
        if (statistics.channels.empty()) continue;
        const Range relevant = relevant_range(graph, consumers, {&head.scaled, 1});
        FloatLayer layer = float_layer(graph, graph.node(head.conv));
        auto weights = layer.weights.mutable_data<float>();
        auto bias = layer.bias.mutable_data<float>();
        Tensor gain = *graph.constant(head.gain), offset = *graph.constant(head.offset);
        const std::size_t taps = weights.size() / bias.size();
        float largest = 0;
        for (const Extent& channel : statistics.channels) largest = std::max(largest, channel.limit());
        for (std::size_t c = 0; c < bias.size(); ++c) {
            const Extent& seen = statistics.channels[c];
            const float lo = std::clamp(seen.lo, relevant.lo, relevant.hi);
            const float hi = std::clamp(seen.hi, relevant.lo, relevant.hi);
            const float centre = lo + (hi - lo) / 2, half = (hi - lo) / 2;
            // A channel that is constant, or nearly so, is its offset.
            const float reach = std::max(half, largest > 0 ? largest * narrowest : 1.0F);
            gain.mutable_data<float>()[c] = reach;
            offset.mutable_data<float>()[c] = centre;
            for (std::size_t k = c * taps; k < (c + 1) * taps; ++k) weights[k] /= reach;
            bias[c] = (bias[c] - centre) / reach;
        }
        statistics.extent.lo = -1;
        statistics.extent.hi = 1;
        const auto replace = [&](ValueId& value, const char* suffix, Tensor tensor) {
            value = graph.add_constant(graph.unique_name(graph.node(head.conv).name + suffix), std::move(tensor));
        };
        graph.value(head.gain).constant = std::move(gain);
        graph.value(head.offset).constant = std::move(offset);
        std::vector<ValueId> inputs{graph.node(head.conv).inputs[0], no_value, no_value};
        replace(inputs[1], "_scaled_weights", std::move(layer.weights));
        replace(inputs[2], "_scaled_bias", std::move(layer.bias));
        graph.node(head.conv).inputs = std::move(inputs);
    }
    graph.remove_dead();
    calibration.values.resize(graph.value_count());
}

}  // namespace octet::quant
