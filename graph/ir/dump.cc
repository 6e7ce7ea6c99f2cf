#include "graph/ir/dump.h"

#include <algorithm>
#include <iterator>

namespace octet {
namespace {

std::string type_text(DType dtype, const std::optional<Shape>& shape) {
    return fmt::format("{} {}", dtype_name(dtype), shape ? to_string(*shape) : "?");
}

// "x[float32 1x3]", "w[int8 8x3x3x3 constant]"; small constants with their values.
std::string value_text(const Graph& graph, ValueId id) {
    constexpr std::int64_t shown_elements = 4;
    if (id == no_value) return "-";
    const Value& value = graph.value(id);
    const std::string type = type_text(value.dtype, value.shape);
    if (!value.constant) return fmt::format("{}[{}]", value.name, type);
    if (value.constant->size() > shown_elements) return fmt::format("{}[{} constant]", value.name, type);
    const std::string elements = value.dtype == DType::float32 || value.dtype == DType::float64
                                     ? fmt::format("{}", fmt::join(value.constant->to_float(), ", "))
                                     : fmt::format("{}", fmt::join(value.constant->to_int64(), ", "));
    return fmt::format("{}[{} = {}]", value.name, type, elements);
}

std::string list_text(const Graph& graph, const std::vector<ValueId>& ids) {
    std::vector<std::string> texts;
    for (const ValueId id : ids) texts.push_back(value_text(graph, id));
    return fmt::format("{}", fmt::join(texts, ", "));
}

std::string attributes_text(const Attributes& attributes) {
    std::vector<std::string> texts;
    for (const auto& [name, value] : attributes) texts.push_back(fmt::format("{}={}", name, to_string(value)));
    return texts.empty() ? std::string() : fmt::format("  {{{}}}", fmt::join(texts, ", "));
}

struct AttributeText {
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(float value) const { return fmt::format("{}", value); }
    std::string operator()(const std::string& value) const { return fmt::format("'{}'", value); }
    std::string operator()(const std::vector<std::int64_t>& values) const {
        return fmt::format("[{}]", fmt::join(values, ", "));
    }
    std::string operator()(const std::vector<float>& values) const {
        return fmt::format("[{}]", fmt::join(values, ", "));
    }
    std::string operator()(const Tensor& value) const {
        if (value.size() != 1) return type_text(value.dtype(), value.shape());
        return fmt::format("{}({})", dtype_name(value.dtype()), value.cast(DType::float64).data<double>()[0]);
    }
};

std::string mega(std::int64_t count) {
    return fmt::format("{:.2f} M", static_cast<double>(count) / 1e6);
}
std::string mebibytes(std::int64_t bytes) {
    return fmt::format("{:.2f} MiB", static_cast<double>(bytes) / (1 << 20));
}

}  // namespace

std::string to_string(const AttributeValue& value) {
    return std::visit(AttributeText{}, value);
}

std::string dump_nodes(const Graph& graph, const Summary& summary) {
    std::string text = fmt::format("graph {}\n", graph.name);
    auto out = std::back_inserter(text);
    for (const ValueId id : graph.inputs) fmt::format_to(out, "  input   {}\n", value_text(graph, id));
    for (const ValueId id : graph.outputs) fmt::format_to(out, "  output  {}\n", value_text(graph, id));
    std::size_t longest = 0;
    for (const auto& [op, count] : summary.operators) longest = std::max(longest, op.size());
    for (std::size_t i = 0; i < summary.nodes.size(); ++i) {
        const NodeCost& cost = summary.nodes[i];
        const Node& node = graph.node(cost.node);
        fmt::format_to(out, "{:>5}  {:<{}}  {}  ({})  ->  {}{}", i, node.op, longest, node.name,
                       list_text(graph, node.inputs), list_text(graph, node.outputs), attributes_text(node.attributes));
        if (cost.parameters > 0) fmt::format_to(out, "  {} parameters", cost.parameters);
        if (cost.macs > 0) fmt::format_to(out, "  {}MAC", mega(cost.macs));
        text += '\n';
    }
    return text;
}

std::string dump_summary(const Graph& graph, const Summary& summary) {
    std::string text;
    auto out = std::back_inserter(text);
    fmt::format_to(out, "nodes             {}\n", summary.nodes.size());
    fmt::format_to(out, "parameters        {}\n", summary.parameters);
    fmt::format_to(out, "weights           {}\n", mebibytes(summary.weight_bytes));
    fmt::format_to(out, "MACs              {}\n", mega(summary.macs));
    fmt::format_to(out, "activations       {}\n", mebibytes(summary.activation_bytes));
    fmt::format_to(out, "peak activations  {}", mebibytes(summary.peak_activation_bytes));
    if (summary.peak_node != no_node) fmt::format_to(out, "  at {}", graph.node(summary.peak_node).name);
    text += "\noperators\n";
    std::vector<std::pair<std::string, int>> operators(summary.operators.begin(), summary.operators.end());
    std::stable_sort(operators.begin(), operators.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    for (const auto& [op, count] : operators) fmt::format_to(out, "{:>6}  {}\n", count, op);
    return text;
}

}  // namespace octet
