// A transposed convolution of stride s computes s·s images that are interleaved, each an ordinary convolution. Row
// s·q + i of the output meets tap k of the kernel at row q − t of the input, t = (k − i − p) / s where that is whole,
// p the padding above. With r = T − t, T the largest t of any phase i:
//
//   ConvTranspose(w)(x) = DepthToSpace(Conv(w')(x))
//   w'[(o·s + i)·s + j, c, r, …] = w[c, o, i + p + s·(T − r), …]         padding of w': T above, −(smallest t) below
//
// columns likewise. Activations behind it move in front of the DepthToSpace, where the convolution takes them.

#include <algorithm>

#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

// Along one dimension.
struct Phases {
    std::int64_t stride = 1, kernel = 1, pad = 0;
    std::int64_t first = 0, last = 0;  // smallest and largest t

    Phases(std::int64_t s, std::int64_t k, std::int64_t p) : stride(s), kernel(k), pad(p) {
        bool any = false;
        for (std::int64_t i = 0; i < s; ++i) {
            for (std::int64_t tap = 0; tap < k; ++tap) {
                if ((tap - i - p) % s != 0) continue;
                const std::int64_t t = (tap - i - p) / s;
                first = any ? std::min(first, t) : t;
                last = any ? std::max(last, t) : t;
                any = true;
            }
        }
    }
    std::int64_t size() const { return last - first + 1; }
    // Of the kernel, that row r of phase i's kernel is; may lie outside.
    std::int64_t tap(std::int64_t i, std::int64_t r) const { return i + pad + stride * (last - r); }
};

struct Transposed {
    Phases rows, columns;
    Tensor weights;
    std::optional<Tensor> bias;
};

std::optional<Transposed> match(const Graph& graph, const Node& node) {
    if (node.op != "ConvTranspose" || node.attributes.integer("group", 1) != 1) return std::nullopt;
    const Tensor* weights = graph.constant(node.inputs[1]);
    const bool biased = node.inputs.size() > 2 && node.inputs[2] != no_value;
    const Tensor* bias = biased ? graph.constant(node.inputs[2]) : nullptr;
    if (!weights || weights->dtype() != DType::float32 || weights->rank() != 4 || (biased && !bias))
        return std::nullopt;
    const auto& in = graph.value(node.inputs[0]).shape;
    const auto& out = graph.value(node.outputs[0]).shape;
    const auto strides = passes::integers_or(node, "strides", 2, 1);
    const auto pads = passes::integers_or(node, "pads", 4, 0);
    const bool exact = in && out && in->size() == 4 && strides[0] == strides[1] && strides[0] > 1 &&
                       (*out)[2] == strides[0] * (*in)[2] && (*out)[3] == strides[0] * (*in)[3] &&
                       passes::all_equal(passes::integers_or(node, "dilations", 2, 1), 1);
    if (!exact) return std::nullopt;
    const Transposed transposed = {{strides[0], weights->shape()[2], pads[0]},
                                   {strides[0], weights->shape()[3], pads[1]},
                                   *weights,
                                   bias ? std::optional(*bias) : std::nullopt};
    // Every phase reads some of its own row, so that the image keeps its size.
    const auto fits = [](const Phases& p) { return p.last >= 0 && p.first <= 0; };
    return fits(transposed.rows) && fits(transposed.columns) ? std::optional(transposed) : std::nullopt;
}

Tensor phase_weights(const Transposed& t) {
    const Shape& s = t.weights.shape();  // [cin, cout, kernel_h, kernel_w]
    const std::int64_t stride = t.rows.stride;
    Tensor result(DType::float32, {s[1] * stride * stride, s[0], t.rows.size(), t.columns.size()});
    const auto from = t.weights.data<float>();
    auto to = result.mutable_data<float>().begin();
    for (std::int64_t channel = 0; channel < s[1] * stride * stride; ++channel) {
        const std::int64_t o = channel / (stride * stride), i = channel / stride % stride, j = channel % stride;
        for (std::int64_t c = 0; c < s[0]; ++c) {
            for (std::int64_t r = 0; r < t.rows.size(); ++r) {
                for (std::int64_t q = 0; q < t.columns.size(); ++q, ++to) {
                    const std::int64_t ky = t.rows.tap(i, r), kx = t.columns.tap(j, q);
                    if (ky < 0 || ky >= s[2] || kx < 0 || kx >= s[3]) continue;
                    *to = from[static_cast<std::size_t>(((c * s[1] + o) * s[2] + ky) * s[3] + kx)];
                }
            }
        }
    }
    return result;
}

// One value a channel, for each of its phases.
Tensor repeated(const Tensor& channels, std::int64_t times, Shape shape) {
    Tensor result(DType::float32, std::move(shape));
    const auto to = result.mutable_data<float>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = channels.data<float>()[i / static_cast<std::size_t>(times)];
    return result;
}

// Elementwise, or with slopes [channels, 1, 1] that may be repeated.
bool moves(const Graph& graph, const Node& node, std::int64_t channels) {
    if (node.op != "PRelu") return passes::is_plain_activation(node.op);
    const Tensor* slopes = graph.constant(node.inputs[1]);
    return slopes && slopes->dtype() == DType::float32 && slopes->shape() == Shape{channels, 1, 1};
}

bool rewrite(Graph& graph, NodeId id, const passes::Uses& uses) {
    const auto transposed = match(graph, graph.node(id));
    if (!transposed) return false;
    const std::int64_t stride = transposed->rows.stride, phases = stride * stride;
    const Shape source = *graph.value(graph.node(id).inputs[0]).shape;
    const Shape large = *graph.value(graph.node(id).outputs[0]).shape;
    const Shape small = {source[0], large[1] * phases, source[2], source[3]};
    const auto add = [&](ValueId old, Tensor tensor) {
        return graph.add_constant(graph.unique_name(graph.value(old).name + "_phases"), std::move(tensor));
    };

    const std::vector<ValueId> old = graph.node(id).inputs;
    std::vector<ValueId> inputs = {old[0], add(old[1], phase_weights(*transposed))};
    if (transposed->bias) inputs.push_back(add(old[2], repeated(*transposed->bias, phases, {large[1] * phases})));
    const Phases &rows = transposed->rows, &columns = transposed->columns;
    Attributes attributes;
    attributes.set("kernel_shape", std::vector<std::int64_t>{rows.size(), columns.size()});
    attributes.set("pads", std::vector<std::int64_t>{rows.last, columns.last, -rows.first, -columns.first});
    const ValueId first = graph.node(id).outputs[0];
    graph.node(id).removed = true;
    const NodeId conv = graph.add_node_onto("Conv", graph.unique_name(graph.node(id).name + "_phases"),
                                            std::move(inputs), {first}, std::move(attributes));

    // The last of the activations that follow, each the only reader of the one before.
    NodeId last = conv;
    for (NodeId next = uses.sole_reader(first); next != no_node && moves(graph, graph.node(next), large[1]);
         next = uses.sole_reader(graph.node(next).outputs[0])) {
        graph.value(graph.node(last).outputs[0]).shape = small;
        if (graph.node(next).op == "PRelu") {
            const ValueId slopes = graph.node(next).inputs[1];
            graph.node(next).inputs[1] =
                add(slopes, repeated(*graph.constant(slopes), phases, {large[1] * phases, 1, 1}));
        }
        last = next;
    }
    const ValueId output = graph.node(last).outputs[0];
    const ValueId images =
        graph.add_value(graph.unique_name(graph.value(output).name + "_phases"), graph.value(output).dtype, small);
    graph.node(last).outputs = {images};
    graph.value(images).producer = last;
    graph.value(output).producer = no_node;
    graph.add_node_onto("DepthToSpace", graph.unique_name(graph.node(id).name + "_depth_to_space"), {images}, {output},
                        {{"blocksize", stride}, {"mode", std::string("CRD")}});
    return true;
}

}  // namespace

int conv_transpose_to_phases(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const passes::Uses& uses) { return rewrite(graph, id, uses); });
}

}  // namespace octet
