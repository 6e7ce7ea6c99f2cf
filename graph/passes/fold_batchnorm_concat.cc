// BatchNormalization works on each channel alone, and a Concat along the channels only lines them up: the parameters
// [0, c₀) belong to the first convolution, [c₀, c₀ + c₁) to the second, and so on.

#include "graph/passes/channel_affine.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

bool fold(Graph& graph, NodeId id, const passes::Uses& uses) {
    const auto affine = passes::affine_of_batchnorm(graph, graph.node(id));
    if (!affine) return false;
    const ValueId joined = graph.node(id).inputs[0];
    const Node* concat = passes::producer_of(graph, joined, "Concat");
    if (!concat || uses.count(joined) != 1 || !graph.value(joined).shape) return false;
    const std::int64_t axis = concat->attributes.integer("axis", 0);
    if (axis != 1 && axis + static_cast<std::int64_t>(graph.value(joined).shape->size()) != 1) return false;

    std::vector<NodeId> convs;
    std::size_t channels = 0;
    for (ValueId part : concat->inputs) {
        convs.push_back(passes::foldable_conv_before(graph, uses, part));
        // A part that cannot take its share would need a BatchNormalization of its own: nothing would be gained.
        if (convs.back() == no_node) return false;
        channels += passes::foldable_channels(graph, convs.back());
    }
    if (channels != affine->channels()) return false;

    std::size_t begin = 0;
    for (NodeId conv : convs) {
        const std::size_t count = passes::foldable_channels(graph, conv);
        passes::fold_into_conv(graph, conv, affine->slice(begin, count));
        begin += count;
    }
    graph.replace_uses(graph.node(id).outputs[0], joined);
    return true;
}

}  // namespace

int fold_batchnorm_concat(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const passes::Uses& uses) { return fold(graph, id, uses); });
}

}  // namespace octet
