#include "graph/quant/forms.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/ops/op_list.h"
#include "graph/ops/resize_sources.h"

namespace octet::quant {
namespace {

constexpr IntegerForm curved = {.kind = FormKind::unary, .fuses = true, .curved = true};

constexpr std::pair<std::string_view, IntegerForm> forms[] = {
    {"Add", {FormKind::sum}},
    {"AveragePool", {FormKind::mean}},
    {"BatchNormalization", {FormKind::normalization}},
    {"Celu", curved},
    {"Clip", {FormKind::unary, true}},
    {"Concat", {.kind = FormKind::copy, .wide = true}},
    {"Conv", {.kind = FormKind::convolution, .wide = true}},
    {"Elu", curved},
    {"Gelu", curved},
    {"GlobalAveragePool", {FormKind::mean}},
    {"HardSigmoid", curved},
    {"HardSwish", {FormKind::unary, true}},
    {"LeakyRelu", {FormKind::unary, true}},
    {"Mish", curved},
    {"Mul", {FormKind::product}},
    {"Pad", {FormKind::copy}},
    {"PRelu", {FormKind::unary, true}},
    {"ReduceMean", {FormKind::mean}},
    {"Relu", {FormKind::unary, true}},
    {"Resize", {.kind = FormKind::copy, .wide = true}},
    {"Selu", curved},
    {"Sigmoid", curved},
    {"Softplus", curved},
    {"Softsign", curved},
    {"Swish", curved},
    {"Tanh", curved},
};

bool omitted(const Node& node, std::size_t input) {
    return input >= node.inputs.size() || node.inputs[input] == no_value;
}

bool all_ones(const Node& node, const char* attribute) {
    const auto values = node.attributes.integers(attribute, {});
    return std::all_of(values.begin(), values.end(), [](std::int64_t v) { return v == 1; });
}

std::optional<std::string> unless(bool holds, const char* obstacle) {
    return holds ? std::nullopt : std::optional<std::string>(obstacle);
}

}  // namespace

IntegerForm integer_form(std::string_view op) {
    const auto found = std::find_if(std::begin(forms), std::end(forms), [&](const auto& f) { return f.first == op; });
    if (found != std::end(forms)) return found->second;
    const OpDef* def = find_op(op);
    if (!def) return {};
    if (def->quant == QuantRule::unary) return {FormKind::unary};
    if (def->quant == QuantRule::pass_through) return {FormKind::copy};
    return {};
}

bool has_constant_operand(const Graph& graph, const Node& node) {
    constexpr std::string_view operators[] = {"Add", "Sub", "Mul", "Div", "Pow"};
    if (std::find(std::begin(operators), std::end(operators), node.op) == std::end(operators)) return false;
    const Tensor *a = graph.constant(node.inputs[0]), *b = graph.constant(node.inputs[1]);
    return (a == nullptr) != (b == nullptr) && (a ? a : b)->size() == 1;
}

std::optional<ChannelGain> channel_gain(const Graph& graph, const Node& node) {
    const auto& shape = graph.value(node.outputs[0]).shape;
    if (node.op != "Mul" || !shape || shape->size() != 4) return std::nullopt;
    for (const std::size_t side : {0, 1}) {
        const NodeId producer = graph.producer(node.inputs[1 - side]);
        const Tensor* constant = graph.constant(node.inputs[side]);
        if (!constant || producer == no_node || graph.node(producer).op != "Swish") continue;
        if (constant->size() == 1 || constant->shape() != Shape{1, (*shape)[1], 1, 1}) continue;
        const auto values = constant->to_float();
        if (std::all_of(values.begin(), values.end(), [](float gain) { return gain > 0 && std::isfinite(gain); }))
            return ChannelGain{node.inputs[1 - side], {values.begin(), values.end()}};
    }
    return std::nullopt;
}

std::vector<ValueId> activation_inputs(const Graph& graph, const Node& node) {
    if (const auto gain = channel_gain(graph, node)) return {gain->swish};
    if (has_constant_operand(graph, node)) return {node.inputs[graph.constant(node.inputs[0]) ? 1 : 0]};
    if (node.op == "Concat" || node.op == "Add" || node.op == "Mul" || node.op == "Detect") return node.inputs;
    return {node.inputs.begin(), node.inputs.begin() + (node.inputs.empty() ? 0 : 1)};
}

std::optional<std::vector<double>> constant_values(const Graph& graph, ValueId value) {
    const auto widen = [](const std::vector<float>& values) {
        return std::vector<double>(values.begin(), values.end());
    };
    if (const Tensor* tensor = graph.constant(value)) return widen(tensor->to_float());
    const NodeId producer = graph.producer(value);
    if (producer == no_node || graph.node(producer).op != "DequantizeLinear") return std::nullopt;
    const Node& node = graph.node(producer);
    const Tensor* values = graph.constant(node.inputs[0]);
    const Tensor* scales = graph.constant(node.inputs[1]);
    if (!values || !scales || (values->rank() > 1 && scales->size() != 1)) return std::nullopt;
    const auto scale = scales->to_float();
    std::vector<double> zero(1, 0.0);
    if (!omitted(node, 2)) {
        const Tensor* zero_points = graph.constant(node.inputs[2]);
        if (!zero_points) return std::nullopt;
        zero = widen(zero_points->to_float());
    }
    // In double: an int32 bias does not fit a float.
    std::vector<double> out;
    const auto integers = values->to_int64();
    if ((scale.size() != 1 && scale.size() != integers.size()) ||
        (zero.size() != 1 && zero.size() != integers.size())) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < integers.size(); ++i) {
        out.push_back((static_cast<double>(integers[i]) - zero[zero.size() == 1 ? 0 : i]) *
                      static_cast<double>(scale[scale.size() == 1 ? 0 : i]));
    }
    return out;
}

std::optional<std::string> form_obstacle(const Graph& graph, const Node& node) {
    const auto is_constant = [&](std::size_t input) {
        return !omitted(node, input) && constant_values(graph, node.inputs[input]).has_value();
    };
    if (node.op == "Conv") {
        const NodeId made_by = omitted(node, 1) ? no_node : graph.producer(node.inputs[1]);
        const bool dequantized = made_by != no_node && graph.node(made_by).op == "DequantizeLinear" &&
                                 graph.constant(graph.node(made_by).inputs[0]);
        if (!dequantized && (omitted(node, 1) || !graph.constant(node.inputs[1])))
            return "its weights are not constant";
        return unless(omitted(node, 2) || is_constant(2), "its bias is not constant");
    }
    if (node.op == "BatchNormalization") {
        for (std::size_t i = 1; i < 5; ++i) {
            if (!is_constant(i)) return "its parameters are not constant";
        }
        return std::nullopt;
    }
    if (integer_form(node.op).kind == FormKind::mean) {
        const auto& shape = graph.value(node.inputs[0]).shape;
        if (!shape || shape->size() != 4) return "it reads no image";
        if (!all_ones(node, "dilations")) return "it is dilated";
        if (node.op != "ReduceMean") return std::nullopt;
        const Tensor* axes = omitted(node, 1) ? nullptr : graph.constant(node.inputs[1]);
        auto reduced = axes ? axes->to_int64() : std::vector<std::int64_t>();
        for (std::int64_t& axis : reduced) axis += axis < 0 ? 4 : 0;
        std::sort(reduced.begin(), reduced.end());
        return unless(reduced == std::vector<std::int64_t>{2, 3}, "it is not over height and width");
    }
    if (node.op == "PRelu") return unless(is_constant(1), "its slopes are not constant");
    if (node.op == "Clip") {
        return unless((omitted(node, 1) || is_constant(1)) && (omitted(node, 2) || is_constant(2)),
                      "its bounds are not constant");
    }
    if (node.op == "MaxPool") {
        if (node.outputs.size() > 1 && node.outputs[1] != no_value) return "it gives indices too";
        if (!all_ones(node, "dilations")) return "it is dilated";
        const auto kernel = node.attributes.integers("kernel_shape");
        const auto pads = node.attributes.integers("pads");
        for (std::size_t i = 0; i < pads.size(); ++i) {
            if (pads[i] >= kernel[i % kernel.size()]) return "some of its windows lie in the padding alone";
        }
        return std::nullopt;
    }
    if (node.op == "Resize") {
        return unless(copies_values(node) || interpolates_linearly(node),
                      "it interpolates by more than two pixels an axis");
    }
    if (node.op == "Pad") {
        if (node.attributes.text("mode", "constant") != "constant" || omitted(node, 2)) return std::nullopt;
        const auto value = constant_values(graph, node.inputs[2]);
        return unless(value && value->size() == 1 && value->front() == 0,
                      "it brings in a value that may not be on the grid");
    }
    return std::nullopt;
}

}  // namespace octet::quant
