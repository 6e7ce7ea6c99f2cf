// Nearest upsampling copies pixels; what works on each pixel alone may as well run before it, on a quarter of them:
//
//   P(Resize(x)) = Resize(P(x))                     P: 1×1 Conv, activation, arithmetic with a constant a channel
//   P(Resize(x), Resize(y)) = Resize(P(x, y))       P: Add, Mul …, Concat of the channels
//
// A convolution moves even when the Resize has other readers (it then exists twice, which costs less than the
// convolution saves); anything else only when the Resize disappears.

#include <algorithm>
#include <array>
#include <set>

#include "graph/ops/op_list.h"
#include "graph/ops/resize_sources.h"
#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

using passes::all_equal;
using passes::Uses;

constexpr std::array<std::string_view, 4> arithmetic = {"Add", "Div", "Mul", "Sub"};

template <std::size_t N>
bool one_of(const std::array<std::string_view, N>& list, std::string_view op) {
    return std::find(list.begin(), list.end(), op) != list.end();
}

// Nearest, [N,C,h,w] -> [N,C,H,W] with H >= h and W >= w, the factors given as scales or sizes that are constant.
bool is_upsampling(const Graph& graph, const Node& node) {
    if (node.op != "Resize" || !copies_values(node) || node.attributes.has("axes")) return false;
    const auto& from = graph.value(node.inputs[0]).shape;
    const auto& to = graph.value(node.outputs[0]).shape;
    if (!from || !to || from->size() != 4 || to->size() != 4) return false;
    if ((*from)[0] != (*to)[0] || (*from)[1] != (*to)[1]) return false;
    for (std::size_t k = 1; k < node.inputs.size(); ++k) {
        if (node.inputs[k] != no_value && !graph.constant(node.inputs[k])) return false;
    }
    if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
        const auto scales = graph.constant(node.inputs[2])->to_float();
        if (scales.size() == 4 && (scales[0] != 1 || scales[1] != 1)) return false;
    }
    return (*to)[2] >= (*from)[2] && (*to)[3] >= (*from)[3];
}

const Node* upsampling_before(const Graph& graph, ValueId id) {
    const Node* resize = passes::producer_of(graph, id, "Resize");
    return resize && is_upsampling(graph, *resize) ? resize : nullptr;
}

// A constant that is the same for every pixel.
bool is_constant_over_pixels(const Graph& graph, ValueId id) {
    const Tensor* tensor = graph.constant(id);
    if (!tensor) return false;
    const Shape& s = tensor->shape();
    if (s.size() > 4) return false;
    return tensor->size() == 1 || (s.size() >= 3 && s[s.size() - 1] == 1 && s[s.size() - 2] == 1);
}

bool is_pointwise_conv(const Graph& graph, const Node& node) {
    if (node.op != "Conv") return false;
    const auto& weights = graph.value(node.inputs[1]).shape;
    return weights && weights->size() == 4 && (*weights)[2] == 1 && (*weights)[3] == 1 &&
           all_equal(passes::integers_or(node, "strides", 2, 1), 1) &&
           all_equal(passes::integers_or(node, "pads", 4, 0), 0);
}

bool joins_channels(const Graph& graph, const Node& node) {
    if (node.op != "Concat") return false;
    const std::int64_t axis = node.attributes.integer("axis", 0);
    const auto& shape = graph.value(node.outputs[0]).shape;
    return shape && shape->size() == 4 && (axis == 1 || axis == -3);
}

// Which inputs of the node have to come out of a Resize so that the node can move; empty when it cannot.
std::vector<std::size_t> pixel_inputs(const Graph& graph, const Node& node) {
    if (node.outputs.size() != 1) return {};
    std::vector<std::size_t> pixels;
    const bool takes_all = one_of(arithmetic, node.op) || joins_channels(graph, node);
    if (takes_all) {
        for (std::size_t k = 0; k < node.inputs.size(); ++k) {
            if (node.op != "Concat" && is_constant_over_pixels(graph, node.inputs[k])) continue;
            pixels.push_back(k);
        }
        return pixels;
    }
    if (const OpDef* op = find_op(node.op); op && op->quant == QuantRule::unary) {
        for (std::size_t k = 1; k < node.inputs.size(); ++k) {
            if (node.inputs[k] != no_value && !is_constant_over_pixels(graph, node.inputs[k])) return {};
        }
        return {0};
    }
    if (node.op == "BatchNormalization" || is_pointwise_conv(graph, node)) return {0};
    return {};
}

bool same_constant(const Graph& graph, const Node& a, const Node& b, std::size_t input) {
    const Tensor* x = input < a.inputs.size() ? graph.constant(a.inputs[input]) : nullptr;
    const Tensor* y = input < b.inputs.size() ? graph.constant(b.inputs[input]) : nullptr;
    return x && y ? identical(*x, *y) : x == y;
}

// Whether both take a pixel of the result from the same place.
bool same_sampling(const Graph& graph, const Node& a, const Node& b) {
    const auto same_plane = [&](ValueId p, ValueId q) {
        const Shape& x = *graph.value(p).shape;
        const Shape& y = *graph.value(q).shape;
        return x[0] == y[0] && x[2] == y[2] && x[3] == y[3];
    };
    const auto same_text = [&](const std::string& name, const std::string& fallback) {
        return a.attributes.text(name, fallback) == b.attributes.text(name, fallback);
    };
    return same_plane(a.inputs[0], b.inputs[0]) && same_plane(a.outputs[0], b.outputs[0]) &&
           same_text("nearest_mode", "round_prefer_floor") &&
           same_text("coordinate_transformation_mode", "half_pixel") && same_constant(graph, a, b, 2);
}

// The inputs of the Resize that takes `from` to `to`; given sizes name the channels, too, which may have changed.
std::vector<ValueId> resize_inputs(Graph& graph, std::vector<ValueId> old, ValueId from, const Shape& to) {
    old[0] = from;
    if (old.size() > 3 && old[3] != no_value) {
        old[3] = graph.add_constant(graph.unique_name(graph.value(from).name + "_sizes"),
                                    Tensor::from<std::int64_t>({4}, std::span<const std::int64_t>(to)));
    }
    return old;
}

bool commute(Graph& graph, NodeId id, const Uses& uses) {
    const Node& node = graph.node(id);
    const auto pixels = pixel_inputs(graph, node);
    if (pixels.empty()) return false;
    const Node* resize = upsampling_before(graph, node.inputs[pixels[0]]);
    if (!resize) return false;
    std::vector<ValueId> inputs = node.inputs;
    std::set<ValueId> upsampled;
    for (std::size_t k : pixels) {
        const Node* other = upsampling_before(graph, node.inputs[k]);
        if (!other || !same_sampling(graph, *resize, *other)) return false;
        upsampled.insert(node.inputs[k]);
        inputs[k] = other->inputs[0];
    }
    for (ValueId value : upsampled) {
        const auto reads = std::count(node.inputs.begin(), node.inputs.end(), value);
        if (node.op != "Conv" && uses.count(value) != reads) return false;
    }
    const ValueId output = node.outputs[0];
    if (!graph.value(output).shape || graph.value(output).shape->size() != 4) return false;

    const Shape large = *graph.value(output).shape;
    const Shape& source = *graph.value(inputs[pixels[0]]).shape;
    const Shape small = {large[0], large[1], source[2], source[3]};
    const std::vector<ValueId> old_inputs = resize->inputs;
    const Attributes attributes = resize->attributes;
    const std::string name = graph.unique_name(node.name + "_resize");
    // References into the graph are void from here on.
    const ValueId before =
        graph.add_value(graph.unique_name(graph.value(output).name + "_small"), graph.value(output).dtype, small);
    graph.node(id).inputs = inputs;
    graph.node(id).outputs = {before};
    graph.value(before).producer = id;
    graph.value(output).producer = no_node;
    graph.add_node_onto("Resize", name, resize_inputs(graph, old_inputs, before, large), {output}, attributes);
    return true;
}

}  // namespace

int commute_conv_resize(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const Uses& uses) { return commute(graph, id, uses); });
}

}  // namespace octet
