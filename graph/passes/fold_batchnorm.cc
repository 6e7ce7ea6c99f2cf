#include "graph/passes/channel_affine.h"
#include "graph/passes/pass.h"

namespace octet {

int fold_batchnorm(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first, [&](NodeId id, const passes::Uses& uses) {
        const auto affine = passes::affine_of_batchnorm(graph, graph.node(id));
        if (!affine) return false;
        const ValueId input = graph.node(id).inputs[0];
        const NodeId conv = passes::foldable_conv_before(graph, uses, input);
        if (conv == no_node || passes::foldable_channels(graph, conv) != affine->channels()) return false;
        passes::fold_into_conv(graph, conv, *affine);
        graph.replace_uses(graph.node(id).outputs[0], input);
        return true;
    });
}

}  // namespace octet
