#include "graph/passes/region.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "graph/ops/evaluator.h"

namespace octet::passes {
namespace {

// No pattern that is looked for is larger; a walk that runs into the whole network ends here.
constexpr std::size_t max_region_nodes = 4096;

struct Walk {
    std::set<NodeId> nodes;
    std::set<ValueId> values;
    std::vector<ValueId> sources;
};

std::optional<Walk> walk_back(const Graph& graph, ValueId output, const RegionRule& rule) {
    Walk walk;
    std::vector<ValueId> pending = {output};
    while (!pending.empty()) {
        const ValueId id = pending.back();
        pending.pop_back();
        if (id == no_value || !walk.values.insert(id).second || graph.constant(id)) continue;
        if (id != output && rule.is_source(id)) {
            walk.sources.push_back(id);
            continue;
        }
        const NodeId from = graph.producer(id);
        if (from == no_node) return std::nullopt;
        const Node& node = graph.node(from);
        if (std::find(rule.operators.begin(), rule.operators.end(), node.op) == rule.operators.end()) {
            return std::nullopt;
        }
        if (!walk.nodes.insert(from).second) continue;
        if (walk.nodes.size() > max_region_nodes) return std::nullopt;
        pending.insert(pending.end(), node.inputs.rbegin(), node.inputs.rend());
    }
    if (walk.sources.empty()) return std::nullopt;
    return walk;
}

}  // namespace

std::optional<Region> cut_region(const Graph& graph, ValueId output, const RegionRule& rule) {
    const auto walk = walk_back(graph, output, rule);
    if (!walk) return std::nullopt;
    Region region;
    region.sources = walk->sources;
    std::map<ValueId, ValueId> to_region = {{no_value, no_value}};
    for (ValueId id : walk->sources) {
        const Value& value = graph.value(id);
        if (!value.shape) return std::nullopt;
        to_region[id] = region.graph.add_input(value.name, value.dtype, *value.shape);
    }
    const auto mapped = [&](ValueId id) {
        if (const auto it = to_region.find(id); it != to_region.end()) return it->second;
        const Value& value = graph.value(id);
        return to_region[id] = value.constant ? region.graph.add_constant(value.name, *value.constant)
                                              : region.graph.add_value(value.name, value.dtype, value.shape);
    };
    for (NodeId id : walk->nodes) {
        const Node& node = graph.node(id);
        std::vector<ValueId> inputs;
        std::vector<ValueId> outputs;
        for (ValueId input : node.inputs) inputs.push_back(mapped(input));
        for (ValueId value : node.outputs) outputs.push_back(mapped(value));
        const NodeId copy = region.graph.add_node_onto(node.op, node.name, inputs, outputs, node.attributes);
        region.graph.node(copy).stands_for = node.stands_for;
    }
    region.graph.outputs = {mapped(output)};
    return region;
}

Tensor random_tensor(Shape shape, float spread, std::uint32_t seed) {
    // std::normal_distribution differs between standard libraries; the sum of four uniform values is normal enough.
    std::mt19937 engine(seed);
    const auto uniform = [&engine] { return static_cast<float>(engine() >> 8) / 16777216.0F - 0.5F; };
    Tensor tensor(DType::float32, std::move(shape));
    for (float& value : tensor.mutable_data<float>()) {
        float sum = 0;
        for (int i = 0; i < 4; ++i) sum += uniform();
        value = spread * std::sqrt(3.0F) * sum;
    }
    return tensor;
}

std::optional<Tensor> run_region(const Graph& region, std::span<const Tensor> inputs) {
    auto outputs = evaluate(region, inputs);
    if (!outputs || outputs->size() != 1) return std::nullopt;
    return std::move(outputs->front());
}

}  // namespace octet::passes
