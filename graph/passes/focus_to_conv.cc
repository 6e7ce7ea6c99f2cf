// Channel b·C + c of Focus holds pixels (2y + row, 2x + column) with (row, column) = (b mod 2, b / 2), so a k×k
// convolution behind it is a 2k×2k one over the image:
//
//   w'[o][c][2·ky + row][2·kx + column] = w[o][b·C + c][ky][kx],   strides and pads doubled

#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

Tensor widened(const Tensor& weights) {
    const Shape& s = weights.shape();
    const std::int64_t channels = s[1] / 4;
    Tensor result(DType::float32, {s[0], channels, 2 * s[2], 2 * s[3]});
    const auto from = weights.data<float>();
    const auto to = result.mutable_data<float>();
    std::size_t i = 0;
    for (std::int64_t o = 0; o < s[0]; ++o) {
        for (std::int64_t k = 0; k < s[1]; ++k) {
            const std::int64_t row = k / channels % 2;
            const std::int64_t column = k / channels / 2;
            const std::int64_t plane = o * channels + k % channels;
            for (std::int64_t y = 0; y < s[2]; ++y) {
                for (std::int64_t x = 0; x < s[3]; ++x) {
                    const std::int64_t at = (plane * 2 * s[2] + 2 * y + row) * 2 * s[3] + 2 * x + column;
                    to[static_cast<std::size_t>(at)] = from[i++];
                }
            }
        }
    }
    return result;
}

bool rewrite(Graph& graph, NodeId id, const passes::Uses& uses) {
    const Node& node = graph.node(id);
    if (node.op != "Conv" || node.attributes.integer("group", 1) != 1) return false;
    const Tensor* weights = graph.constant(node.inputs[1]);
    if (!weights || weights->dtype() != DType::float32 || weights->rank() != 4 || weights->shape()[1] % 4 != 0) {
        return false;
    }
    if (!passes::all_equal(passes::integers_or(node, "dilations", 2, 1), 1)) return false;
    const Node* focus = passes::producer_of(graph, node.inputs[0], "Focus");
    if (!focus || uses.count(node.inputs[0]) != 1) return false;

    auto strides = passes::integers_or(node, "strides", 2, 1);
    auto pads = passes::integers_or(node, "pads", 4, 0);
    for (std::int64_t& stride : strides) stride *= 2;
    for (std::int64_t& pad : pads) pad *= 2;
    const ValueId image = focus->inputs[0];
    const ValueId wide =
        graph.add_constant(graph.unique_name(graph.value(node.inputs[1]).name + "_focus"), widened(*weights));
    Node& conv = graph.node(id);
    conv.inputs[0] = image;
    conv.inputs[1] = wide;
    const Shape& shape = graph.constant(wide)->shape();
    conv.attributes.set("kernel_shape", std::vector<std::int64_t>{shape[2], shape[3]});
    conv.attributes.set("strides", strides);
    conv.attributes.set("pads", pads);
    return true;
}

}  // namespace

int focus_to_conv(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const passes::Uses& uses) { return rewrite(graph, id, uses); });
}

}  // namespace octet
