#include "engine/upsampling.h"

#include "graph/ops/nearest_sources.h"

namespace octet::engine {
namespace {

// Fewer output channels do not pay for storing and adding the sums.
constexpr std::int64_t least_channels = 16;

// A square kernel, stride 1, the same padding on all sides.
bool is_plain(const Graph& graph, const Node& conv, std::int64_t kernel, std::int64_t pad) {
    using Integers = std::vector<std::int64_t>;
    const Shape& weights = *graph.value(conv.inputs[1]).shape;
    const auto is = [&](const char* name, const Integers& fallback, const Integers& value) {
        return conv.attributes.integers(name, fallback) == value;
    };
    return weights[2] == kernel && weights[3] == kernel && conv.attributes.integer("group", 1) == 1 &&
           is("strides", {1, 1}, {1, 1}) && is("dilations", {1, 1}, {1, 1}) &&
           is("pads", {0, 0, 0, 0}, {pad, pad, pad, pad});
}

class Finder {
  public:
    Finder(const Graph& graph, const PatternMatcher& matcher, const std::set<NodeId>& in_float)
        : graph_(graph), matcher_(matcher), in_float_(in_float) {}

    std::optional<Pattern> made_by(ValueId quantized, PatternKind kind) const {
        const NodeId id = graph_.producer(quantized);
        if (id == no_node || in_float_.count(id)) return std::nullopt;
        auto pattern = matcher_.match(id);
        return pattern && pattern->kind == kind ? pattern : std::nullopt;
    }

    // What a Resize to twice the size makes `quantized` of.
    std::optional<ValueId> before_upsampling(ValueId quantized) const {
        const auto resize = made_by(quantized, PatternKind::resize);
        if (!resize || !doubles_pixels(graph_, graph_.node(resize->node))) return std::nullopt;
        return resize->sources[0].value;
    }

  private:
    const Graph& graph_;
    const PatternMatcher& matcher_;
    const std::set<NodeId>& in_float_;
};

}  // namespace

std::optional<UpsampledConcat> upsampled_concat(const Graph& graph, const PatternMatcher& matcher, const Pattern& conv,
                                                const std::set<NodeId>& in_float) {
    if (conv.kind != PatternKind::conv || conv.sources[0].grid.dtype == DType::int16) return std::nullopt;
    const Node& node = graph.node(conv.node);
    if (!is_plain(graph, node, 1, 0) || (*graph.value(node.outputs[0]).shape)[1] < least_channels) return std::nullopt;
    const Finder finder(graph, matcher, in_float);
    const QuantSource& read = conv.sources[0];
    const auto concat = finder.made_by(read.value, PatternKind::concat);
    if (!concat || concat->sources.size() != 2) return std::nullopt;
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
        const QuantSource &up = concat->sources[k], &other = concat->sources[1 - k];
        if (up.grid != read.grid || other.grid != read.grid) continue;
        const auto low = finder.before_upsampling(up.value);
        if (!low) continue;
        const Shape& beside = *graph.value(other.value).shape;
        return UpsampledConcat{*low, other.value, k == 0 ? 0 : static_cast<int>(beside[1])};
    }
    return std::nullopt;
}

std::optional<ValueId> upsampled_input(const Graph& graph, const PatternMatcher& matcher, const Pattern& conv,
                                       const std::set<NodeId>& in_float) {
    if (conv.kind != PatternKind::conv || conv.sources[0].grid.dtype == DType::int16) return std::nullopt;
    if (!is_plain(graph, graph.node(conv.node), 3, 1)) return std::nullopt;
    return Finder(graph, matcher, in_float).before_upsampling(conv.sources[0].value);
}

}  // namespace octet::engine
