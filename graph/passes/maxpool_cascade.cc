// Spatial pyramid pooling takes several maxima of one tensor. A maximum over k×k is one over k'×k' (k' = k − j + 1) of
// those over j×j: with stride 1 and padding that keeps the size, at the borders, too, where both look at what is there
// only.

#include <algorithm>

#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

using passes::all_equal;

// The kernel of a MaxPool over two odd, equal sides with stride 1 that keeps the size; 0 for anything else.
std::int64_t same_size_kernel(const Node& node) {
    if (node.op != "MaxPool" || node.outputs.size() != 1) return 0;
    const auto kernel = node.attributes.integers("kernel_shape");
    if (kernel.size() != 2 || kernel[0] != kernel[1] || kernel[0] % 2 == 0) return 0;
    const bool plain = all_equal(passes::integers_or(node, "strides", 2, 1), 1) &&
                       all_equal(passes::integers_or(node, "dilations", 2, 1), 1) &&
                       all_equal(passes::integers_or(node, "pads", 4, 0), (kernel[0] - 1) / 2) &&
                       node.attributes.integer("ceil_mode", 0) == 0;
    return plain ? kernel[0] : 0;
}

bool rewrite(Graph& graph, NodeId id, const passes::Uses& uses) {
    const std::int64_t kernel = same_size_kernel(graph.node(id));
    if (kernel == 0) return false;
    NodeId largest_below = no_node;
    std::int64_t below = 1;
    for (NodeId other : uses.readers(graph.node(id).inputs[0])) {
        const std::int64_t size = same_size_kernel(graph.node(other));
        if (size <= below || size >= kernel) continue;
        below = size;
        largest_below = other;
    }
    if (largest_below == no_node) return false;
    const std::int64_t rest = kernel - below + 1;
    Node& node = graph.node(id);
    node.inputs[0] = graph.node(largest_below).outputs[0];
    node.attributes.set("kernel_shape", std::vector<std::int64_t>(2, rest));
    node.attributes.set("pads", std::vector<std::int64_t>(4, (rest - 1) / 2));
    return true;
}

}  // namespace

int maxpool_cascade(Graph& graph) {
    std::vector<NodeId> pools;
    for (NodeId id : graph.topological_order()) {
        if (same_size_kernel(graph.node(id)) > 0) pools.push_back(id);
    }
    // The largest first, while the smaller ones still read the same tensor.
    std::stable_sort(pools.begin(), pools.end(), [&](NodeId a, NodeId b) {
        return same_size_kernel(graph.node(a)) > same_size_kernel(graph.node(b));
    });
    int rewrites = 0;
    for (NodeId id : pools) rewrites += rewrite(graph, id, passes::Uses(graph)) ? 1 : 0;
    return rewrites;
}

}  // namespace octet
