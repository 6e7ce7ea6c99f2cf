#include "engine/patterns.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/nearest_sources.h"
#include "graph/ops/op_list.h"
#include "kernels/make_fixed16.h"

namespace octet::engine {
namespace {

using kernels::Activation;

bool is_scalar(const Tensor& tensor) {
    return tensor.size() == 1;
}

// [1, c, 1, 1] or [c, 1, 1]: one element for each channel of an image.
bool is_per_channel(const Tensor& tensor, std::int64_t channels) {
    const Shape& s = tensor.shape();
    return tensor.size() == channels && s.size() >= 3 && s[s.size() - 3] == channels;
}

// Scale and zero point inputs of a QuantizeLinear or DequantizeLinear; one grid for the whole tensor.
std::optional<QuantGrid> per_tensor_grid(const Graph& graph, const Node& node, DType fallback) {
    const Tensor* scale = node.inputs.size() > 1 ? graph.constant(node.inputs[1]) : nullptr;
    if (!scale || !is_scalar(*scale)) return std::nullopt;
    QuantGrid grid;
    grid.dtype = fallback;
    grid.scale = static_cast<double>(scale->to_float()[0]);
    if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
        const Tensor* zero_point = graph.constant(node.inputs[2]);
        if (!zero_point || !is_scalar(*zero_point)) return std::nullopt;
        grid.dtype = zero_point->dtype();
        grid.zero_point = static_cast<int>(zero_point->to_int64()[0]);
    }
    if (!std::isfinite(grid.scale) || grid.scale <= 0) return std::nullopt;
    return grid;
}

bool runs_on_integers(const QuantGrid& grid) {
    switch (grid.dtype) {
        case DType::uint8:
        case DType::int8:
            return true;
        case DType::int16:
            return grid.zero_point == 0 && kernels::is_power_of_two(grid.scale);
        default:
            return false;
    }
}

bool is_image(const Value& value) {
    return value.shape && value.shape->size() == 4 && value.shape->front() == 1;
}

double scalar_or(const Graph& graph, const Node& node, std::size_t input, double fallback) {
    if (input >= node.inputs.size() || node.inputs[input] == no_value) return fallback;
    const Tensor* tensor = graph.constant(node.inputs[input]);
    return tensor && is_scalar(*tensor) ? static_cast<double>(tensor->to_float()[0])
                                        : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

const Node* PatternMatcher::producer(ValueId value) const {
    const NodeId id = graph_.producer(value);
    return id == no_node ? nullptr : &graph_.node(id);
}

std::optional<QuantGrid> PatternMatcher::grid_of(ValueId quantized) const {
    const Node* node = producer(quantized);
    if (!node || node->op != "QuantizeLinear" || !is_image(graph_.value(quantized))) return std::nullopt;
    auto grid = per_tensor_grid(graph_, *node, graph_.value(quantized).dtype);
    if (!grid || !runs_on_integers(*grid)) return std::nullopt;
    return grid;
}

std::optional<QuantSource> PatternMatcher::source(ValueId value) const {
    const Node* node = producer(value);
    if (!node || node->op != "DequantizeLinear") return std::nullopt;
    const auto written = grid_of(node->inputs[0]);
    if (!written) return std::nullopt;
    if (auto grid = per_tensor_grid(graph_, *node, written->dtype)) {
        if (!runs_on_integers(*grid)) return std::nullopt;
        return QuantSource{node->inputs[0], *grid};
    }
    // Pixels: one scale, a zero point for each channel.
    const Tensor* scales = graph_.constant(node->inputs[1]);
    const Tensor* zero_points = node->inputs.size() > 2 ? graph_.constant(node->inputs[2]) : nullptr;
    const auto channels = (*graph_.value(node->inputs[0]).shape)[1];
    if (!scales || !zero_points || zero_points->dtype() != DType::uint8 || zero_points->size() != channels ||
        scales->size() != channels || node->attributes.integer("axis", 1) != 1) {
        return std::nullopt;
    }
    const auto scale = scales->to_float();
    if (!std::all_of(scale.begin(), scale.end(), [&](float s) { return s == scale[0]; })) return std::nullopt;
    QuantGrid grid{DType::uint8, static_cast<double>(scale[0]), 0, {}};
    for (std::int64_t zero_point : zero_points->to_int64())
        grid.channel_zero_points.push_back(static_cast<int>(zero_point));
    return QuantSource{node->inputs[0], std::move(grid)};
}

std::optional<QuantWeights> PatternMatcher::weights(ValueId value, std::int64_t axis, std::int64_t channels) const {
    const Node* node = producer(value);
    if (!node || node->op != "DequantizeLinear") return std::nullopt;
    const Tensor* values = graph_.constant(node->inputs[0]);
    const Tensor* scales = graph_.constant(node->inputs[1]);
    if (!values || !scales || values->dtype() != DType::int8) return std::nullopt;
    if (node->inputs.size() > 2 && node->inputs[2] != no_value) {
        const Tensor* zero_points = graph_.constant(node->inputs[2]);
        if (!zero_points) return std::nullopt;
        const auto zeros = zero_points->to_int64();
        if (std::any_of(zeros.begin(), zeros.end(), [](std::int64_t z) { return z != 0; })) return std::nullopt;
    }
    QuantWeights weights{values, {}};
    for (float scale : scales->to_float()) weights.scales.push_back(static_cast<double>(scale));
    if (scales->size() == 1) {
        weights.scales.assign(static_cast<std::size_t>(channels), weights.scales[0]);
    } else {
        const auto normalized = normalize_axis(node->attributes.integer("axis", 1), values->rank());
        if (!normalized || *normalized != axis || scales->size() != channels) return std::nullopt;
    }
    const bool positive =
        std::all_of(weights.scales.begin(), weights.scales.end(), [](double s) { return std::isfinite(s) && s > 0; });
    return positive ? std::optional(std::move(weights)) : std::nullopt;
}

std::optional<std::vector<double>> PatternMatcher::constant_values(ValueId value) const {
    const auto widen = [](const std::vector<float>& values) {
        return std::vector<double>(values.begin(), values.end());
    };
    if (const Tensor* tensor = graph_.constant(value)) return widen(tensor->to_float());
    const Node* node = producer(value);
    if (!node || node->op != "DequantizeLinear") return std::nullopt;
    const Tensor* values = graph_.constant(node->inputs[0]);
    const Tensor* scales = graph_.constant(node->inputs[1]);
    if (!values || !scales || (values->rank() > 1 && scales->size() != 1)) return std::nullopt;
    const auto scale = scales->to_float();
    std::vector<double> zero(1, 0.0);
    if (node->inputs.size() > 2 && node->inputs[2] != no_value) {
        const Tensor* zero_points = graph_.constant(node->inputs[2]);
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

std::optional<ActivationSpec> PatternMatcher::activation(ValueId value, ValueId& before) const {
    const Node* node = producer(value);
    if (!node) return std::nullopt;
    ActivationSpec spec;
    if (node->op == "HardSwish") {
        spec.kind = Activation::hardswish;
    } else if (node->op == "Relu") {
        spec.kind = Activation::relu;
    } else if (node->op == "LeakyRelu") {
        spec.kind = Activation::leaky;
        spec.alpha = static_cast<double>(node->attributes.real("alpha", 0.01F));
        if (!(spec.alpha >= 0 && spec.alpha < 1)) return std::nullopt;
    } else if (node->op == "PRelu") {
        const auto slopes = constant_values(node->inputs[1]);
        const auto& shape = graph_.value(value).shape;
        if (!slopes || !shape || shape->size() != 4) return std::nullopt;
        const auto channels = static_cast<std::size_t>((*shape)[1]);
        const Tensor* slope = graph_.constant(node->inputs[1]);
        const Node* from = producer(node->inputs[1]);
        const Shape& slope_shape = slope ? slope->shape() : graph_.constant(from->inputs[0])->shape();
        if (slopes->size() == 1) {
            spec.channel_alpha.assign(channels, slopes->front());
        } else if (slope_shape == Shape{static_cast<std::int64_t>(channels), 1, 1} ||
                   slope_shape == Shape{1, static_cast<std::int64_t>(channels), 1, 1}) {
            spec.channel_alpha = *slopes;
        } else {
            return std::nullopt;
        }
        spec.kind = Activation::prelu;
        const bool representable =
            std::all_of(spec.channel_alpha.begin(), spec.channel_alpha.end(), [](double a) { return a >= 0 && a < 1; });
        if (!representable) return std::nullopt;
    } else if (node->op == "Clip") {
        spec.kind = Activation::clip;
        spec.clip_lo = scalar_or(graph_, *node, 1, -std::numeric_limits<double>::infinity());
        spec.clip_hi = scalar_or(graph_, *node, 2, std::numeric_limits<double>::infinity());
        if (!std::isfinite(spec.clip_lo) || !std::isfinite(spec.clip_hi)) return std::nullopt;
    } else {
        return std::nullopt;
    }
    before = node->inputs[0];
    return spec;
}

bool PatternMatcher::match_conv(NodeId node_id, Pattern& pattern) const {
    const Node& node = graph_.node(node_id);
    const auto x = source(node.inputs[0]);
    if (!x) return false;
    const auto& shape = graph_.value(node.outputs[0]).shape;
    if (!shape || shape->size() != 4) return false;
    if (!weights(node.inputs[1], 0, (*shape)[1])) return false;
    if (node.inputs.size() > 2 && node.inputs[2] != no_value && !constant_values(node.inputs[2])) return false;
    pattern.kind = PatternKind::conv;
    pattern.node = node_id;
    pattern.sources = {*x};
    return true;
}

bool PatternMatcher::match_batchnorm(NodeId node_id, Pattern& pattern) const {
    const Node& node = graph_.node(node_id);
    const auto x = source(node.inputs[0]);
    if (!x || x->grid.dtype == DType::int16) return false;
    for (std::size_t i = 1; i < 5; ++i) {
        if (!constant_values(node.inputs[i])) return false;
    }
    pattern.kind = PatternKind::batchnorm;
    pattern.node = node_id;
    pattern.sources = {*x};
    return true;
}

bool PatternMatcher::match_add(ValueId value, Pattern& pattern) const {
    ValueId sum = value;
    ActivationSpec spec;
    if (auto found = activation(value, sum)) {
        if (found->kind != Activation::relu && found->kind != Activation::leaky) return false;
        spec = *found;
    }
    const Node* node = producer(sum);
    if (!node || node->op != "Add") return false;
    const auto a = source(node->inputs[0]);
    const auto b = source(node->inputs[1]);
    if (!a || !b || a->grid.dtype == DType::int16 || b->grid.dtype == DType::int16) return false;
    if (graph_.value(a->value).shape != graph_.value(b->value).shape) return false;
    pattern.kind = PatternKind::add;
    pattern.node = graph_.producer(sum);
    pattern.sources = {*a, *b};
    pattern.activation = spec;
    return true;
}

bool PatternMatcher::match_lut(ValueId value, Pattern& pattern) const {
    std::vector<NodeId> chain;
    for (ValueId at = value;;) {
        if (const auto x = source(at)) {
            if (x->grid.dtype == DType::int16 || !x->grid.channel_zero_points.empty()) return false;
            std::reverse(chain.begin(), chain.end());
            pattern.kind = PatternKind::lut;
            pattern.node = chain.empty() ? no_node : chain.back();
            pattern.sources = {*x};
            pattern.chain = std::move(chain);
            return true;
        }
        const Node* node = producer(at);
        if (!node || node->outputs.size() != 1) return false;
        const OpDef* op = find_op(node->op);
        const bool unary = op && op->quant == QuantRule::activation;
        const bool arithmetic =
            node->op == "Add" || node->op == "Sub" || node->op == "Mul" || node->op == "Div" || node->op == "Pow";
        if (!unary && !arithmetic) return false;
        ValueId dynamic = no_value;
        for (ValueId input : node->inputs) {
            if (input == no_value) continue;
            if (const Tensor* constant = graph_.constant(input)) {
                if (!is_scalar(*constant)) return false;
            } else if (dynamic == no_value) {
                dynamic = input;
            } else {
                return false;
            }
        }
        if (dynamic == no_value) return false;
        chain.push_back(graph_.producer(at));
        at = dynamic;
    }
}

bool PatternMatcher::match_pixels(ValueId value, Pattern& pattern) const {
    if (pattern.grid.dtype != DType::uint8 || pattern.grid.scale != 1 || pattern.grid.zero_point != 0) return false;
    ValueId at = value;
    const std::int64_t channels = (*graph_.value(value).shape)[1];
    for (const char* op : {"Add", "Mul"}) {
        const Node* node = producer(at);
        const Tensor* constant = node && node->op == op ? graph_.constant(node->inputs[1]) : nullptr;
        if (!constant || !(is_scalar(*constant) || is_per_channel(*constant, channels))) continue;
        pattern.chain.push_back(graph_.producer(at));
        at = node->inputs[0];
    }
    if (std::find(graph_.inputs.begin(), graph_.inputs.end(), at) == graph_.inputs.end()) {
        pattern.chain.clear();
        return false;
    }
    std::reverse(pattern.chain.begin(), pattern.chain.end());
    pattern.kind = PatternKind::pixels;
    pattern.input = at;
    return true;
}

std::optional<Pattern> PatternMatcher::match(NodeId quantize) const {
    const Node& q = graph_.node(quantize);
    if (q.op != "QuantizeLinear") return std::nullopt;
    const auto grid = grid_of(q.outputs[0]);
    if (!grid) return std::nullopt;
    Pattern pattern;
    pattern.quantize = quantize;
    pattern.grid = *grid;
    const ValueId result = q.inputs[0];

    // Conv and BatchNormalization, with the activation and the shortcut that may stand behind them.
    ValueId at = result;
    if (const Node* add = producer(at); add && add->op == "Add" && grid->dtype != DType::int16) {
        for (std::size_t i = 0; i < 2 && !pattern.residual; ++i) {
            const auto shortcut = source(add->inputs[i]);
            if (!shortcut || shortcut->grid.dtype == DType::int16 || source(add->inputs[1 - i]) ||
                graph_.value(shortcut->value).shape != graph_.value(result).shape) {
                continue;
            }
            pattern.residual = shortcut;
            at = add->inputs[1 - i];
        }
    }
    if (auto spec = activation(at, at)) pattern.activation = std::move(*spec);
    if (const Node* node = producer(at)) {
        if (node->op == "Conv" && match_conv(graph_.producer(at), pattern)) return pattern;
        if (node->op == "BatchNormalization" && !pattern.residual && grid->dtype != DType::int16 &&
            match_batchnorm(graph_.producer(at), pattern)) {
            return pattern;
        }
    }
    pattern.residual.reset();
    pattern.activation = {};

    const Node* node = producer(result);
    const bool wide = grid->dtype == DType::int16;
    if (node) {
        if (node->op == "Concat" && normalize_axis(node->attributes.integer("axis", 1), 4).value_or(0) == 1) {
            for (ValueId input : node->inputs) {
                auto x = source(input);
                if (!x || !x->grid.channel_zero_points.empty()) break;
                if (wide ? x->grid != *grid : x->grid.dtype == DType::int16) break;
                pattern.sources.push_back(std::move(*x));
            }
            if (pattern.sources.size() == node->inputs.size()) {
                pattern.kind = PatternKind::concat;
                pattern.node = graph_.producer(result);
                return pattern;
            }
            pattern.sources.clear();
        }
        if (node->op == "MaxPool" ||
            (node->op == "Resize" && nearest_sources(graph_, *node, 2) && nearest_sources(graph_, *node, 3))) {
            const auto x = source(node->inputs[0]);
            const bool plain = node->op == "Resize" ||
                               (node->outputs.size() == 1 &&
                                node->attributes.integers("dilations", {1, 1}) == std::vector<std::int64_t>{1, 1});
            if (x && x->grid == *grid && plain && !(wide && node->op == "MaxPool")) {
                pattern.kind = node->op == "MaxPool" ? PatternKind::maxpool : PatternKind::resize;
                pattern.node = graph_.producer(result);
                pattern.sources = {*x};
                return pattern;
            }
        }
    }
    if (node && !wide) {
        if (match_add(result, pattern) || match_lut(result, pattern) || match_pixels(result, pattern)) return pattern;
    }
    return in_float(quantize);
}

Pattern PatternMatcher::in_float(NodeId quantize) const {
    const Node& q = graph_.node(quantize);
    Pattern pattern;
    pattern.kind = PatternKind::quantize;
    pattern.quantize = quantize;
    pattern.grid = *grid_of(q.outputs[0]);
    pattern.input = q.inputs[0];
    return pattern;
}

}  // namespace octet::engine
