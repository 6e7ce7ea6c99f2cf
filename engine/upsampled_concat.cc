#include "engine/upsampled_concat.h"

#include "graph/ops/nearest_sources.h"

namespace octet::engine {
namespace {

// Fewer output channels do not pay for storing and adding the sums.
constexpr std::int64_t least_channels = 16;

bool is_pointwise(const Graph& graph, const Node& conv) {
    using Integers = std::vector<std::int64_t>;
    const Shape& weights = *graph.value(conv.inputs[1]).shape;
    return weights[0] >= least_channels && weights[2] == 1 && weights[3] == 1 &&
           conv.attributes.integer("group", 1) == 1 && conv.attributes.integers("strides", {1, 1}) == Integers{1, 1} &&
           conv.attributes.integers("pads", {0, 0, 0, 0}) == Integers{0, 0, 0, 0};
}

bool doubles(const Graph& graph, const Node& resize) {
    for (const int axis : {2, 3}) {
        const auto sources = nearest_sources(graph, resize, axis);
        if (!sources) return false;
        const auto before = (*graph.value(resize.inputs[0]).shape)[static_cast<std::size_t>(axis)];
        if (static_cast<std::int64_t>(sources->size()) != 2 * before) return false;
        for (std::size_t i = 0; i < sources->size(); ++i) {
            if ((*sources)[i] != static_cast<std::int32_t>(i / 2)) return false;
        }
    }
    return true;
}

}  // namespace

std::optional<UpsampledConcat> upsampled_concat(const Graph& graph, const PatternMatcher& matcher, const Pattern& conv,
                                                const std::set<NodeId>& in_float) {
    if (conv.kind != PatternKind::conv || !is_pointwise(graph, graph.node(conv.node))) return std::nullopt;
    const QuantSource& read = conv.sources[0];
    if (read.grid.dtype == DType::int16) return std::nullopt;
    const auto made_by = [&](ValueId quantized, PatternKind kind) -> std::optional<Pattern> {
        const NodeId id = graph.producer(quantized);
        if (id == no_node || in_float.count(id)) return std::nullopt;
        auto pattern = matcher.match(id);
        return pattern && pattern->kind == kind ? pattern : std::nullopt;
    };
    const auto concat = made_by(read.value, PatternKind::concat);
    if (!concat || concat->sources.size() != 2) return std::nullopt;
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
        const QuantSource &up = concat->sources[k], &other = concat->sources[1 - k];
        if (up.grid != read.grid || other.grid != read.grid) continue;
        const auto resize = made_by(up.value, PatternKind::resize);
        if (!resize || !doubles(graph, graph.node(resize->node))) continue;
        const Shape& beside = *graph.value(other.value).shape;
        return UpsampledConcat{resize->sources[0].value, other.value, k == 0 ? 0 : static_cast<int>(beside[1])};
    }
    return std::nullopt;
}

}  // namespace octet::engine
