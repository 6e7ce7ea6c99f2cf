// Focus is a permutation of the input's elements. Exporters and optimizers spell it as eight strided Slices (rows, then
// columns), as four (both at once), as SpaceToDepth and a Gather of channels, as Reshape and Transpose. So the shapes
// say where it could stand, and running it on distinct values says whether it is one.

#include <algorithm>
#include <array>

#include "graph/ops/evaluator.h"
#include "graph/passes/match.h"
#include "graph/passes/pass.h"
#include "graph/passes/region.h"

namespace octet {
namespace {

constexpr std::array<std::string_view, 8> moving_operators = {"Concat", "Gather",       "Identity", "Reshape",
                                                              "Slice",  "SpaceToDepth", "Split",    "Transpose"};

// [N,4C,h,w] -> [N,C,2h,2w]; empty when there is no such shape.
Shape focus_source(const Value& value) {
    if (!value.shape || value.shape->size() != 4 || value.dtype != DType::float32) return {};
    const Shape& s = *value.shape;
    if (s[1] % 4 != 0 || element_count(s).value_or(0) == 0) return {};
    return {s[0], s[1] / 4, 2 * s[2], 2 * s[3]};
}

bool is_focus(const passes::Region& region, const Shape& source) {
    const Tensor x = passes::random_tensor(source, 1, 7);
    const auto found = passes::run_region(region.graph, std::span(&x, 1));
    const Tensor* inputs[] = {&x};
    const auto wanted = evaluate_node({"Focus", "focus", {0}, {1}, {}, false}, inputs);
    return found && wanted && identical(*found, wanted->front());
}

bool fuse(Graph& graph, NodeId id) {
    const Node& node = graph.node(id);
    // The last step joins or reorders; starting from every Slice would only cost time.
    if (node.op != "Concat" && node.op != "Gather" && node.op != "Reshape") return false;
    const ValueId output = node.outputs[0];
    const Shape source = focus_source(graph.value(output));
    if (source.empty()) return false;
    const auto is_source = [&](ValueId value) {
        return graph.value(value).shape == source && graph.value(value).dtype == DType::float32;
    };
    const auto region = passes::cut_region(graph, output, {moving_operators, is_source});
    if (!region || region->sources.size() != 1 || !is_focus(*region, source)) return false;
    passes::produce_instead(graph, output, "Focus", node.name + "_focus", {region->sources[0]});
    return true;
}

}  // namespace

int fuse_focus(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::consumers_first,
                                [&](NodeId id, const passes::Uses&) { return fuse(graph, id); });
}

}  // namespace octet
