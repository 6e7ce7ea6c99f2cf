#include "engine/recognize.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "graph/ops/evaluator.h"
#include "graph/ops/op_list.h"
#include "graph/ops/resize_sources.h"
#include "graph/quant/forms.h"

namespace octet::engine {
namespace {

using kernels::Activation;
using quant::FormKind;

bool is_scalar(const Tensor& tensor) {
    return tensor.size() == 1;
}

// [1, c, 1, 1] or [c, 1, 1]: one element for each channel of an image.
bool is_per_channel(const Tensor& tensor, std::int64_t channels) {
    const Shape& s = tensor.shape();
    return tensor.size() == channels && s.size() >= 3 && s[s.size() - 3] == channels;
}

// Scale and zero point inputs of a QuantizeLinear or DequantizeLinear; one grid for the whole tensor.
std::optional<Grid> per_tensor_grid(const Graph& graph, const Node& node, DType fallback) {
    const Tensor* scale = node.inputs.size() > 1 ? graph.constant(node.inputs[1]) : nullptr;
    if (!scale || !is_scalar(*scale)) return std::nullopt;
    Grid grid;
    grid.dtype = fallback;
    grid.scale = scale->to_float()[0];
    if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
        const Tensor* zero_point = graph.constant(node.inputs[2]);
        if (!zero_point || !is_scalar(*zero_point)) return std::nullopt;
        grid.dtype = zero_point->dtype();
        grid.zero_point = static_cast<int>(zero_point->to_int64()[0]);
    }
    if (!std::isfinite(grid.scale) || grid.scale <= 0) return std::nullopt;
    return grid;
}

std::string named(const Node& node) {
    return fmt::format("'{}' ({})", node.name, node.op);
}

std::int64_t macs_of(const Graph& graph, const Node& node) {
    const OpDef* op = find_op(node.op);
    if (!op || !op->macs) return 0;
    const auto type_of = [&](ValueId id) {
        return id == no_value ? TensorType{}
                              : TensorType{graph.value(id).dtype, graph.value(id).shape.value_or(Shape{})};
    };
    std::vector<TensorType> inputs, outputs;
    for (ValueId id : node.inputs) inputs.push_back(type_of(id));
    for (ValueId id : node.outputs) outputs.push_back(type_of(id));
    std::vector<const TensorType*> arguments;
    for (std::size_t i = 0; i < inputs.size(); ++i)
        arguments.push_back(node.inputs[i] == no_value ? nullptr : &inputs[i]);
    return op->macs(node, arguments, outputs);
}

// Int8 weights with one scale for each output channel (or one for all), zero point 0.
struct Weights {
    Tensor values;
    std::vector<double> scales;  // one an output channel
};

class Recognizer {
  public:
    Recognizer(const Graph& graph, const Backend& backend)
        : graph_(graph), backend_(backend), order_(graph.topological_order()), demand_(graph.value_count()) {}

    // Consumers first: only they know whether a value is needed as integers, as float, or not at all.
    Result<Program> run() {
        OCTET_TRY(describe_ports());
        for (ValueId output : graph_.outputs) demand(output).tensor = true;
        for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
            if (auto visited = visit(*it); !visited) {
                return at("node " + named(graph_.node(*it)), std::move(visited).error());
            }
        }
        emit_inputs();
        std::reverse(program_.ops.begin(), program_.ops.end());
        give_reasons();
        OCTET_TRY(fold_constants());
        describe_tensors();
        keep_used_values();
        return std::move(program_);
    }

  private:
    // What a value is needed as. Values between the nodes of a pattern are needed as neither.
    struct Demand {
        bool integers = false;
        bool tensor = false;
    };

    Demand& demand(ValueId value) { return demand_[static_cast<std::size_t>(value)]; }
    const Shape& shape(ValueId value) const { return *graph_.value(value).shape; }
    const Node* producer(ValueId value) const {
        const NodeId id = graph_.producer(value);
        return id == no_node ? nullptr : &graph_.node(id);
    }
    bool is_input(ValueId value) const {
        return std::find(graph_.inputs.begin(), graph_.inputs.end(), value) != graph_.inputs.end();
    }

    Result<void> describe_ports() {
        const auto describe = [&](const std::vector<ValueId>& ids, const char* what,
                                  std::vector<Port>& ports) -> Result<void> {
            for (ValueId id : ids) {
                const Value& value = graph_.value(id);
                if (!value.shape) return fail(ErrorCode::invalid_model, "{} '{}' has no shape", what, value.name);
                ports.push_back({value.name, value.dtype, *value.shape, id, false});
            }
            return {};
        };
        program_.metadata = graph_.metadata;
        OCTET_TRY(describe(graph_.inputs, "input", program_.inputs));
        for (const Port& port : program_.inputs) {
            if (port.shape.size() == 4) batch_ = std::max(batch_, port.shape[0]);
        }
        return describe(graph_.outputs, "output", program_.outputs);
    }

    void emit_inputs() {
        for (ValueId input : graph_.inputs) {
            if (!demand(input).integers) continue;
            const std::string& name = graph_.value(input).name;
            program_.ops.push_back({name, {name}, 0, InputOp{input, ids_.at(input)}});
        }
    }

    Result<void> visit(NodeId id) {
        const Node& node = graph_.node(id);
        const bool wants_tensor = std::any_of(node.outputs.begin(), node.outputs.end(),
                                              [&](ValueId v) { return v != no_value && demand(v).tensor; });
        if (wants_tensor) OCTET_TRY(emit_tensor(node));
        if (node.op == "QuantizeLinear" && demand(node.outputs[0]).integers) return emit_integers(id);
        return {};
    }

    // ---- quantized tensors

    // The id of a value that a QuantizeLinear makes, when the backend can hold it.
    QuantId quant(ValueId quantized) {
        if (const auto found = ids_.find(quantized); found != ids_.end()) return found->second;
        const Node* node = producer(quantized);
        QuantId id = no_quant;
        if (!node && is_input(quantized)) {
            id = integer_input(quantized);
        } else if (node && node->op == "QuantizeLinear" && graph_.value(quantized).shape) {
            if (auto grid = per_tensor_grid(graph_, *node, graph_.value(quantized).dtype)) {
                QuantValue value{graph_.value(node->inputs[0]).name, graph_.value(quantized).name, shape(quantized),
                                 *grid, images(shape(quantized))};
                if (const auto why = backend_.why_not(value)) {
                    why_no_tensor_[quantized] = *why;
                } else {
                    id = QuantId{static_cast<std::int32_t>(program_.values.size())};
                    program_.values.push_back(std::move(value));
                    value_of_.push_back(quantized);
                }
            } else {
                why_no_tensor_[quantized] = "its scale is not one constant for the whole tensor";
            }
        }
        ids_.emplace(quantized, id);
        return id;
    }

    // A network input of integers, on the grid that its first reader gives it.
    QuantId integer_input(ValueId input) {
        const Value& given = graph_.value(input);
        if (!given.shape) return no_quant;
        for (NodeId id : order_) {
            const Node& reader = graph_.node(id);
            if (reader.op != "DequantizeLinear" || reader.inputs[0] != input) continue;
            const auto grid = per_tensor_grid(graph_, reader, given.dtype);
            if (!grid) continue;
            const QuantValue value{given.name, given.name, *given.shape, *grid, images(*given.shape)};
            const QuantId next{static_cast<std::int32_t>(program_.values.size())};
            if (backend_.why_not(value)) return no_quant;
            if (backend_.why_not(Op{given.name, {given.name}, 0, InputOp{input, next}}, program_)) return no_quant;
            program_.values.push_back(value);
            value_of_.push_back(input);
            return next;
        }
        return no_quant;
    }

    std::int64_t images(const Shape& shape) const { return shape.size() > 1 && shape[0] == batch_ ? batch_ : 1; }

    const QuantValue& at_id(QuantId id) const { return program_.values[index_of(id)]; }

    // The quantized tensor behind `value` when that is the output of a DequantizeLinear of one.
    std::optional<Operand> source(ValueId value) {
        const Node* node = producer(value);
        if (!node || node->op != "DequantizeLinear") return std::nullopt;
        const QuantId id = quant(node->inputs[0]);
        if (id == no_quant) return std::nullopt;
        QuantValue read = at_id(id);
        if (auto grid = per_tensor_grid(graph_, *node, read.grid.dtype)) {
            read.grid = *grid;
            if (backend_.why_not(read)) return std::nullopt;
            return Operand{id, *grid, {}};
        }
        // Pixels: one scale, a zero point for each channel.
        const Tensor* scales = graph_.constant(node->inputs[1]);
        const Tensor* zero_points = node->inputs.size() > 2 ? graph_.constant(node->inputs[2]) : nullptr;
        if (read.shape.size() != 4 || !scales || !zero_points || zero_points->dtype() != DType::uint8 ||
            zero_points->size() != read.shape[1] || scales->size() != read.shape[1] ||
            node->attributes.integer("axis", 1) != 1) {
            return std::nullopt;
        }
        const auto scale = scales->to_float();
        if (!std::all_of(scale.begin(), scale.end(), [&](float s) { return s == scale[0]; })) return std::nullopt;
        Operand operand{id, {DType::uint8, scale[0], 0}, {}};
        for (std::int64_t zero_point : zero_points->to_int64())
            operand.channel_zero_points.push_back(static_cast<int>(zero_point));
        return operand;
    }

    // The same with the reason when `value` is no such tensor.
    std::optional<Operand> source(ValueId value, std::string& why) {
        auto operand = source(value);
        if (operand || !why.empty()) return operand;
        const Node* node = producer(value);
        const std::string& name = graph_.value(value).name;
        if (!node || node->op != "DequantizeLinear") {
            why = fmt::format("its input '{}' is not quantized", name);
        } else if (const auto found = why_no_tensor_.find(node->inputs[0]); found != why_no_tensor_.end()) {
            why = fmt::format("its input '{}': {}", graph_.value(node->inputs[0]).name, found->second);
        } else if (graph_.constant(node->inputs[0])) {
            why = fmt::format("its input '{}' is a constant", name);
        } else {
            why = fmt::format("its input '{}' does not come from a QuantizeLinear", name);
        }
        return operand;
    }

    // ---- parameters

    static Tensor int8_of(const Tensor& around_128) {
        Tensor values(DType::int8, around_128.shape());
        std::ranges::transform(around_128.data<std::uint8_t>(), values.mutable_data<std::int8_t>().begin(),
                               [](std::uint8_t w) { return static_cast<std::int8_t>(w - 128); });
        return values;
    }

    std::optional<Weights> weights(ValueId value, std::int64_t axis, std::int64_t channels, std::string& why) const {
        const Node* node = producer(value);
        const auto refuse = [&](std::string reason) {
            if (why.empty()) why = std::move(reason);
            return std::nullopt;
        };
        if (!node || node->op != "DequantizeLinear") return refuse("its weights are not quantized");
        const Tensor* values = graph_.constant(node->inputs[0]);
        const Tensor* scales = graph_.constant(node->inputs[1]);
        if (!values || !scales) return refuse("its weights are not constant");
        // uint8 around 128 is int8 around 0.
        const bool offset = values->dtype() == DType::uint8;
        if (values->dtype() != DType::int8 && !offset) {
            return refuse(fmt::format("its weights are {}; int8 and uint8 are taken", dtype_name(values->dtype())));
        }
        const int wanted_zero = offset ? 128 : 0;
        if (offset && (node->inputs.size() <= 2 || node->inputs[2] == no_value))
            return refuse("the zero point of its uint8 weights is not 128");
        if (node->inputs.size() > 2 && node->inputs[2] != no_value) {
            const Tensor* zero_points = graph_.constant(node->inputs[2]);
            if (!zero_points) return refuse("the zero point of its weights is not constant");
            const auto zeros = zero_points->to_int64();
            if (std::any_of(zeros.begin(), zeros.end(), [&](std::int64_t z) { return z != wanted_zero; }))
                return refuse(fmt::format("the zero point of its weights is not {}", wanted_zero));
        }
        Weights result{offset ? int8_of(*values) : *values, {}};
        for (float scale : scales->to_float()) result.scales.push_back(static_cast<double>(scale));
        if (scales->size() == 1) {
            result.scales.assign(static_cast<std::size_t>(channels), result.scales[0]);
        } else {
            const auto normalized = normalize_axis(node->attributes.integer("axis", 1), values->rank());
            if (!normalized || *normalized != axis || scales->size() != channels)
                return refuse("the scales of its weights are not one for each output channel");
        }
        const bool positive =
            std::all_of(result.scales.begin(), result.scales.end(), [](double s) { return std::isfinite(s) && s > 0; });
        if (!positive) return refuse("a scale of its weights is not positive and finite");
        return result;
    }

    std::optional<double> bound(const Node& node, std::size_t input, double fallback) const {
        if (input >= node.inputs.size() || node.inputs[input] == no_value) return fallback;
        const auto values = quant::constant_values(graph_, node.inputs[input]);
        return values && values->size() == 1 ? std::optional(values->front()) : std::nullopt;
    }

    // When `value` is made by an activation that an epilogue may compute: its parameters and the value before it.
    std::optional<ActivationSpec> activation(ValueId value, ValueId& before, std::string& why) const {
        const Node* node = producer(value);
        if (!node || !quant::integer_form(node->op).fuses || quant::integer_form(node->op).curved) return std::nullopt;
        const auto refuse = [&](std::string_view reason) {
            if (why.empty()) why = fmt::format("{} behind it: {}", named(*node), reason);
            return std::nullopt;
        };
        if (const auto obstacle = quant::form_obstacle(graph_, *node)) return refuse(*obstacle);
        ActivationSpec spec;
        if (node->op == "HardSwish") {
            spec.kind = Activation::hardswish;
        } else if (node->op == "Relu") {
            spec.kind = Activation::relu;
        } else if (node->op == "LeakyRelu") {
            spec.kind = Activation::leaky;
            spec.alpha = static_cast<double>(node->attributes.real("alpha", 0.01F));
            if (!(std::abs(spec.alpha) < 1)) return refuse("its slope is not in (-1, 1)");
        } else if (node->op == "PRelu") {
            if (!prelu_slopes(*node, value, spec)) return refuse("its slopes are not one in (-1, 1) for each channel");
        } else if (node->op == "Clip") {
            const auto lo = bound(*node, 1, -std::numeric_limits<double>::infinity());
            const auto hi = bound(*node, 2, std::numeric_limits<double>::infinity());
            if (!lo || !hi || std::isnan(*lo) || std::isnan(*hi)) return refuse("its bounds are not constant");
            spec.kind = Activation::clip;
            spec.clip_lo = std::min(*lo, *hi);  // crossed bounds: every value becomes the upper one
            spec.clip_hi = *hi;
        } else {
            return refuse("no epilogue computes it");
        }
        before = node->inputs[0];
        return spec;
    }

    // Unary operators in a row between `value` and a layer that has weights, and arithmetic with constants among them.
    std::optional<ActivationSpec> curved_activation(ValueId value, ValueId& before,
                                                    std::vector<std::string>& names) const {
        std::vector<const Node*> chain;
        ValueId at = value;
        const Node* last = producer(value);
        const auto gain = last ? quant::channel_gain(graph_, *last) : std::nullopt;
        if (gain) at = gain->swish;
        for (const Node* node = producer(at); node && node->op != "Conv" && node->op != "BatchNormalization";
             node = producer(at)) {
            const ValueId input = elementwise_input(*node);
            if (input == no_value) return std::nullopt;
            chain.push_back(node);
            at = input;
        }
        if (chain.empty() || !producer(at) || (gain && chain.size() > 1)) return std::nullopt;
        std::reverse(chain.begin(), chain.end());
        auto function = function_of(chain);
        if (!function) return std::nullopt;
        before = at;
        ActivationSpec spec;
        spec.kind = Activation::table;
        const auto of_doubles = [](Elementwise evaluate) {
            return [evaluate = std::move(evaluate)](std::span<const double> x) {
                const std::vector<float> y = evaluate(std::vector<float>(x.begin(), x.end()));
                return std::vector<double>(y.begin(), y.end());
            };
        };
        if (chain.size() == 1 && chain[0]->op == "Swish") {
            Node sigmoid = *chain[0];
            sigmoid.op = "Sigmoid";
            if (auto gate = function_of({&sigmoid})) spec.gate = of_doubles(std::move(*gate));
        }
        if (gain) {
            spec.channel_gain = gain->gains;
            chain.push_back(last);
        }
        for (const Node* node : chain) {
            names.push_back(node->name);
            if (!spec.function_name.empty()) spec.function_name += " + ";
            spec.function_name += node->op;
        }
        spec.function = of_doubles(std::move(*function));
        return spec;
    }

    bool prelu_slopes(const Node& node, ValueId value, ActivationSpec& spec) const {
        const auto slopes = quant::constant_values(graph_, node.inputs[1]);
        const auto& result = graph_.value(value).shape;
        if (!slopes || !result || result->size() != 4) return false;
        const auto channels = static_cast<std::size_t>((*result)[1]);
        const Tensor* slope = graph_.constant(node.inputs[1]);
        if (!slope) slope = graph_.constant(producer(node.inputs[1])->inputs[0]);
        if (slopes->size() == 1) {
            spec.channel_alpha.assign(channels, slopes->front());
        } else if (slope->shape().size() >= 3 && is_per_channel(*slope, (*result)[1])) {
            spec.channel_alpha = *slopes;
        } else {
            return false;
        }
        spec.kind = Activation::prelu;
        return std::all_of(spec.channel_alpha.begin(), spec.channel_alpha.end(),
                           [](double a) { return std::abs(a) < 1; });
    }

    static Window window_of(const Attributes& attributes, std::int64_t kernel_h, std::int64_t kernel_w) {
        const auto strides = attributes.integers("strides", {1, 1});
        const auto pads = attributes.integers("pads", {0, 0, 0, 0});
        const auto dilations = attributes.integers("dilations", {1, 1});
        const auto number = [](std::int64_t v) { return static_cast<int>(v); };
        return {number(kernel_h), number(kernel_w), number(strides[0]), number(strides[1]),   number(pads[0]),
                number(pads[1]),  number(pads[2]),  number(pads[3]),    number(dilations[0]), number(dilations[1])};
    }

    // ---- patterns: each returns whether the nodes before a QuantizeLinear are of its kind and can run on integers;
    // when they are of its kind but cannot, `why` says so.

    bool match_conv(const Node& node, Op& op, std::string& why) {
        const auto x = source(node.inputs[0], why);
        const auto& result = graph_.value(node.outputs[0]).shape;
        if (!x || !result) return false;
        if (result->size() != 4) {
            if (why.empty()) why = fmt::format("it has {} dimensions of space; integers have 2", result->size() - 2);
            return false;
        }
        const auto w = weights(node.inputs[1], 0, (*result)[1], why);
        if (!w) return false;
        ConvOp& conv = op.form.emplace<ConvOp>();
        if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
            const auto bias = quant::constant_values(graph_, node.inputs[2]);
            if (!bias) {
                why = "its bias is not constant";
                return false;
            }
            conv.bias = *bias;
            conv.integer_bias = integer_bias(node.inputs[2], x->grid, w->scales);
        }
        conv.x = *x;
        conv.weights = w->values;
        conv.weight_scales = w->scales;
        conv.window = window_of(node.attributes, conv.weights.shape()[2], conv.weights.shape()[3]);
        conv.groups = static_cast<int>(node.attributes.integer("group", 1));
        op.name = node.name;
        op.macs = macs_of(graph_, node);
        return true;
    }

    // A bias of int32 on the grids x * weight, as runtimes demand it; else nothing.
    std::vector<std::int32_t> integer_bias(ValueId value, const Grid& x,
                                           const std::vector<double>& weight_scales) const {
        constexpr double tolerance = 1e-5;  // scales are float32
        const Node* node = producer(value);
        if (!node || node->op != "DequantizeLinear") return {};
        const Tensor* integers = graph_.constant(node->inputs[0]);
        const Tensor* scales = graph_.constant(node->inputs[1]);
        if (!integers || !scales || integers->dtype() != DType::int32) return {};
        if (node->inputs.size() > 2 && node->inputs[2] != no_value) {
            const Tensor* zero_points = graph_.constant(node->inputs[2]);
            if (!zero_points) return {};
            for (std::int64_t zero_point : zero_points->to_int64()) {
                if (zero_point != 0) return {};
            }
        }
        const auto values = integers->data<std::int32_t>();
        const auto scale = scales->to_float();
        if (values.size() != weight_scales.size()) return {};
        for (std::size_t c = 0; c < values.size(); ++c) {
            const auto given = static_cast<double>(scale[scale.size() == 1 ? 0 : c]);
            const double wanted = static_cast<double>(x.scale) * weight_scales[c];
            if (values[c] != 0 && std::abs(given - wanted) > tolerance * wanted) return {};
        }
        return {values.begin(), values.end()};
    }

    // Gemm and MatMul by constant weights.
    std::optional<Op> match_dense(const Node& node, std::string& why) {
        const bool gemm = node.op == "Gemm";
        if (!gemm && node.op != "MatMul") return std::nullopt;
        Op op;
        const auto refuse = [&](std::string_view reason) {
            why = fmt::format("{}: {}", named(node), reason);
            return std::nullopt;
        };
        const auto x = source(node.inputs[0], why);
        if (!x) return refuse(std::string(why));
        const Node* dequantize = producer(node.inputs[1]);
        const Tensor* values =
            dequantize && dequantize->op == "DequantizeLinear" ? graph_.constant(dequantize->inputs[0]) : nullptr;
        const std::size_t rank = at_id(x->id).shape.size();
        if (!values || values->rank() != 2 || rank < 2 || rank > 3) return refuse("its weights are no constant matrix");
        const bool transposed = gemm && node.attributes.integer("transB", 0) != 0;
        if (gemm && (node.attributes.integer("transA", 0) != 0 || node.attributes.real("alpha", 1) != 1 ||
                     node.attributes.real("beta", 1) != 1)) {
            return refuse("it is scaled or transposed");
        }
        const std::int64_t cout = values->shape()[transposed ? 0 : 1], cin = values->shape()[transposed ? 1 : 0];
        const auto w = weights(node.inputs[1], transposed ? 0 : 1, cout, why);
        if (!w) return refuse(std::string(why));
        ConvOp& dense = op.form.emplace<ConvOp>();
        dense.x = *x;
        dense.dense = true;
        dense.weight_scales = w->scales;
        dense.weights = Tensor(DType::int8, {cout, cin, 1, 1});
        const auto from = w->values.data<std::int8_t>();
        const auto to = dense.weights.mutable_data<std::int8_t>();
        for (std::int64_t o = 0; o < cout; ++o) {
            for (std::int64_t i = 0; i < cin; ++i)
                to[static_cast<std::size_t>(o * cin + i)] =
                    from[static_cast<std::size_t>(transposed ? o * cin + i : i * cout + o)];
        }
        if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
            const auto bias = quant::constant_values(graph_, node.inputs[2]);
            if (!bias || static_cast<std::int64_t>(bias->size()) != cout) return refuse("its bias is not constant");
            dense.bias = *bias;
            dense.integer_bias = integer_bias(node.inputs[2], x->grid, w->scales);
        }
        op.name = node.name;
        op.nodes = {node.name};
        op.macs = macs_of(graph_, node);
        return op;
    }

    bool match_batchnorm(const Node& node, Op& op, std::string& why) {
        const auto x = source(node.inputs[0], why);
        if (!x) return false;
        if (const auto obstacle = quant::form_obstacle(graph_, node)) {
            if (why.empty()) why = *obstacle;
            return false;
        }
        const auto parameter = [&](std::size_t i) { return *quant::constant_values(graph_, node.inputs[i]); };
        const auto scale = parameter(1), shift = parameter(2), mean = parameter(3), variance = parameter(4);
        const auto epsilon = static_cast<double>(node.attributes.real("epsilon", 1e-5F));
        BatchNormOp& norm = op.form.emplace<BatchNormOp>();
        norm.x = *x;
        for (std::size_t c = 0; c < scale.size(); ++c) {
            norm.gain.push_back(scale[c] / std::sqrt(variance[c] + epsilon));
            norm.bias.push_back(shift[c] - mean[c] * norm.gain[c]);
        }
        std::string ignored;
        const auto quantized = weights(node.inputs[1], 0, static_cast<std::int64_t>(scale.size()), ignored);
        const auto same = [](const std::vector<double>& v) {
            return std::all_of(v.begin(), v.end(), [&](double value) { return value == v[0]; });
        };
        if (quantized && same(variance) && same(quantized->scales)) {
            const auto values = quantized->values.data<std::int8_t>();
            norm.weights.assign(values.begin(), values.end());
            norm.weight_scale = quantized->scales[0] / std::sqrt(variance[0] + epsilon);
        }
        op.name = node.name;
        return true;
    }

    // Conv and BatchNormalization, with the activation and the shortcut that may stand behind them.
    std::optional<Op> match_weighted(ValueId result, std::string& why) {
        Op op;
        ValueId at = result;
        std::optional<Operand> residual;
        std::vector<std::string> behind;
        const Node* relu = producer(at);
        const bool rectified =
            relu && relu->op == "Relu" && producer(relu->inputs[0]) && producer(relu->inputs[0])->op == "Add";
        if (rectified) {
            behind.push_back(relu->name);
            at = relu->inputs[0];
        }
        if (const Node* add = producer(at); add && add->op == "Add") {
            for (std::size_t i = 0; i < 2 && !residual; ++i) {
                const auto shortcut = source(add->inputs[i]);
                if (!shortcut || source(add->inputs[1 - i]) || at_id(shortcut->id).shape != shape(result)) continue;
                residual = shortcut;
                at = add->inputs[1 - i];
                behind.insert(behind.begin(), add->name);
            }
        }
        if (rectified && !residual) return std::nullopt;
        ActivationSpec spec;
        const NodeId last = graph_.producer(at);
        std::vector<std::string> curve;
        if (auto found = activation(at, at, why)) {
            spec = std::move(*found);
            behind.insert(behind.begin(), graph_.node(last).name);
        } else if (auto curved = curved_activation(at, at, curve)) {
            spec = std::move(*curved);
            behind.insert(behind.begin(), curve.begin(), curve.end());
        }
        const Node* node = producer(at);
        if (!node) return std::nullopt;
        const bool conv = node->op == "Conv";
        if (residual && graph_.value(node->outputs[0]).shape != shape(result)) {
            why = fmt::format("{}: the shortcut added to it is larger", named(*node));
            return std::nullopt;
        }
        if (!conv && (node->op != "BatchNormalization" || residual)) return std::nullopt;
        if (!(conv ? match_conv(*node, op, why) : match_batchnorm(*node, op, why))) {
            why = fmt::format("{}: {}", named(*node), why);
            return std::nullopt;
        }
        op.nodes = {node->name};
        op.nodes.insert(op.nodes.end(), behind.begin(), behind.end());
        if (conv) {
            auto& form = std::get<ConvOp>(op.form);
            form.activation = std::move(spec);
            form.residual = std::move(residual);
            form.relu_behind_residual = rectified;
        } else {
            std::get<BatchNormOp>(op.form).activation = std::move(spec);
        }
        return op;
    }

    // Add, Sub and Mul of two quantized tensors.
    std::optional<Op> match_binary(ValueId value, std::string& why) {
        Op op;
        ValueId sum = value;
        ActivationSpec spec;
        std::string ignored;
        const Node* last = producer(value);
        if (auto found = activation(value, sum, ignored)) {
            if (found->kind != Activation::relu && found->kind != Activation::leaky && found->kind != Activation::clip)
                return std::nullopt;
            spec = *found;
        }
        const Node* node = producer(sum);
        if (!node || (node->op != "Add" && node->op != "Sub" && node->op != "Mul")) return std::nullopt;
        const bool add = node->op == "Add";
        const auto a = add ? source(node->inputs[0], why) : source(node->inputs[0]);
        const auto b = add ? source(node->inputs[1], why) : source(node->inputs[1]);
        if (!a || !b) return std::nullopt;
        if (node->op == "Mul") {
            op.form = MulOp{*a, *b, no_quant, spec};
        } else {
            op.form = AddOp{*a, *b, no_quant, spec, !add};
        }
        op.name = node->name;
        op.nodes = {node->name};
        if (last != node) op.nodes.push_back(last->name);
        return op;
    }

    std::optional<Op> match_concat(const Node& node, const Grid& grid, std::string& why) {
        Op op;
        if (node.op != "Concat") return std::nullopt;
        const Shape& result = shape(node.outputs[0]);
        ConcatOp& concat = op.form.emplace<ConcatOp>();
        concat.axis = static_cast<int>(
            normalize_axis(node.attributes.integer("axis", 1), static_cast<std::int64_t>(result.size())).value_or(0));
        for (ValueId input : node.inputs) {
            auto x = source(input, why);
            if (!x) {
                why = fmt::format("{}: {}", named(node), why);
                return std::nullopt;
            }
            const bool wide = grid.dtype == DType::int16 || x->grid.dtype == DType::int16;
            if (!x->channel_zero_points.empty() || (wide && x->grid != grid)) {
                why = fmt::format("{}: its input '{}' is on a grid of another kind", named(node),
                                  graph_.value(input).name);
                return std::nullopt;
            }
            concat.x.push_back(std::move(*x));
        }
        op.name = node.name;
        op.nodes = {node.name};
        return op;
    }

    // Pools and Resize.
    std::optional<Op> match_spatial(const Node& node, std::string& why) {
        Op op;
        const bool pool = node.op == "MaxPool";
        const bool average = node.op == "AveragePool" || node.op == "GlobalAveragePool" || node.op == "ReduceMean";
        if (!pool && !average && node.op != "Resize") return std::nullopt;
        const auto refuse = [&](std::string_view reason) {
            why = fmt::format("{}: {}", named(node), reason);
            return std::nullopt;
        };
        if (const auto obstacle = quant::form_obstacle(graph_, node)) return refuse(*obstacle);
        const auto x = source(node.inputs[0], why);
        if (!x) return refuse(std::string(why));
        const Shape& from = at_id(x->id).shape;
        const Shape& to = shape(node.outputs[0]);
        if (from.size() != 4 || !x->channel_zero_points.empty()) return refuse("it reads no image");
        if (from[0] != to[0] || from[1] != to[1]) return refuse("it changes the batch or the channels");
        if (pool) {
            const auto kernel = node.attributes.integers("kernel_shape");
            op.form = MaxPoolOp{*x, no_quant, window_of(node.attributes, kernel[0], kernel[1])};
        } else if (average) {
            const auto kernel = node.attributes.integers("kernel_shape", {from[2], from[3]});
            op.form = AveragePoolOp{*x, no_quant, window_of(node.attributes, kernel[0], kernel[1]),
                                    node.attributes.integer("count_include_pad", 0) != 0, node.op == "ReduceMean"};
        } else if (interpolates_linearly(node)) {
            const auto rows = linear_sources(graph_, node, 2), columns = linear_sources(graph_, node, 3);
            if (!rows) return refuse(rows.error().message);
            if (!columns) return refuse(columns.error().message);
            op.form = ResizeLinearOp{*x, no_quant, linear_taps(*rows), linear_taps(*columns)};
        } else {
            auto source_y = nearest_sources(graph_, node, 2);
            auto source_x = nearest_sources(graph_, node, 3);
            if (!source_y) return refuse(source_y.error().message);
            if (!source_x) return refuse(source_x.error().message);
            const std::string mode = node.attributes.text("coordinate_transformation_mode", "half_pixel");
            op.form = ResizeOp{*x,
                               no_quant,
                               std::move(*source_y),
                               std::move(*source_x),
                               doubles_pixels(graph_, node),
                               mode == "asymmetric",
                               mode == "align_corners"};
        }
        op.name = node.name;
        op.nodes = {node.name};
        return op;
    }

    static std::vector<kernels::LinearTap> linear_taps(const std::vector<LinearSource>& sources) {
        std::vector<kernels::LinearTap> taps;
        for (const LinearSource& source : sources) {
            const double weight = std::ldexp(source.weight, kernels::resize_weight_bits);
            taps.push_back({source.first, source.second, static_cast<std::int32_t>(std::lrint(weight))});
        }
        return taps;
    }

    // What moves integers about, Pad among it.
    std::optional<Op> match_move(ValueId value, const Node& node) {
        Op op;
        if (quant::integer_form(node.op).kind != FormKind::copy) return std::nullopt;
        if (node.op == "Resize" && !copies_values(node)) return std::nullopt;
        const bool pad = node.op == "Pad";  // with 0, whatever parameter says so
        if (pad && quant::form_obstacle(graph_, node)) return std::nullopt;
        const auto x = source(node.inputs[0]);
        if (!x || !x->channel_zero_points.empty()) return std::nullopt;
        MoveOp& move = op.form.emplace<MoveOp>();
        move.x = *x;
        move.node = node;
        for (std::size_t i = 1; i < node.inputs.size(); ++i) {
            const Tensor* parameter = graph_.constant(node.inputs[i]);
            if (node.inputs[i] != no_value && !parameter && !(pad && i == 2)) return std::nullopt;
            move.parameters.push_back(parameter ? std::optional(*parameter) : std::nullopt);
        }
        move.output =
            static_cast<std::size_t>(std::find(node.outputs.begin(), node.outputs.end(), value) - node.outputs.begin());
        op.name = node.name;
        op.nodes = {node.name};
        return op;
    }

    std::optional<Op> match_table(ValueId value, const Grid& grid) {
        Op op;
        std::vector<const Node*> chain;
        std::optional<Operand> x;
        for (ValueId at = value; !(x = source(at));) {
            const Node* node = producer(at);
            const ValueId input = node ? elementwise_input(*node) : no_value;
            if (input == no_value) return std::nullopt;
            chain.push_back(node);
            at = input;
        }
        if (x->grid.dtype == DType::int16 || grid.dtype == DType::int16 || !x->channel_zero_points.empty())
            return std::nullopt;
        std::reverse(chain.begin(), chain.end());
        TableOp& table = op.form.emplace<TableOp>();
        table.x = *x;
        if (!fill_table(chain, grid, table)) return std::nullopt;
        for (const Node* node : chain) table.steps.push_back(unary_step(*node));
        if (!chain.empty()) op.name = chain.back()->name;
        for (const Node* node : chain) op.nodes.push_back(node->name);
        return op;
    }

    // The one input of an elementwise operator that is no scalar constant; no_value where there is no such.
    ValueId elementwise_input(const Node& node) const {
        if (node.outputs.size() != 1) return no_value;
        const bool unary = quant::integer_form(node.op).kind == FormKind::unary;
        const bool arithmetic =
            node.op == "Add" || node.op == "Sub" || node.op == "Mul" || node.op == "Div" || node.op == "Pow";
        if (!unary && !arithmetic) return no_value;
        ValueId dynamic = no_value;
        for (ValueId input : node.inputs) {
            if (input == no_value) continue;
            if (const auto constant = real_constant(input)) {
                if (!is_scalar(*constant)) return no_value;
            } else if (dynamic == no_value) {
                dynamic = input;
            } else {
                return no_value;
            }
        }
        return dynamic;
    }

    // A float constant, or one integer that a DequantizeLinear reads as a real number.
    std::optional<Tensor> real_constant(ValueId value) const {
        if (const Tensor* constant = graph_.constant(value)) return *constant;
        const auto integer = constant_integer(value);
        if (!integer) return std::nullopt;
        Tensor real(DType::float32, integer->shape);
        real.mutable_data<float>()[0] =
            static_cast<float>(integer->value - integer->grid.zero_point) * integer->grid.scale;
        return real;
    }

    struct ConstantInteger {
        Grid grid;
        std::int32_t value = 0;
        Shape shape;  // of one element
    };
    std::optional<ConstantInteger> constant_integer(ValueId value) const {
        const Node* node = value == no_value ? nullptr : producer(value);
        const Tensor* integer = node && node->op == "DequantizeLinear" ? graph_.constant(node->inputs[0]) : nullptr;
        if (!integer || !is_scalar(*integer)) return std::nullopt;
        const auto grid = per_tensor_grid(graph_, *node, integer->dtype());
        if (!grid) return std::nullopt;
        return ConstantInteger{*grid, static_cast<std::int32_t>(integer->to_int64()[0]), integer->shape()};
    }

    UnaryStep unary_step(const Node& node) const {
        UnaryStep step{node.op};
        for (std::size_t i = 0; i < node.inputs.size() && i < 2; ++i) {
            const auto integer = constant_integer(node.inputs[i]);
            if (!integer) continue;
            step.other = integer->grid;
            step.other_value = integer->value;
            step.other_first = i == 0;
        }
        if (node.op == "LeakyRelu") step.alpha = static_cast<double>(node.attributes.real("alpha", 0.01F));
        if (node.op == "Clip") {
            step.clip_lo = bound(node, 1, -std::numeric_limits<double>::infinity()).value_or(0);
            step.clip_hi = bound(node, 2, std::numeric_limits<double>::infinity()).value_or(0);
        }
        return step;
    }

    using Elementwise = std::function<std::vector<float>(const std::vector<float>&)>;

    // What elementwise operators in a row come to; nothing where an operator does not take a plain vector.
    std::optional<Elementwise> function_of(const std::vector<const Node*>& chain) const {
        struct Link {
            Node node;
            std::vector<std::optional<Tensor>> constants;  // by input
        };
        std::vector<Link> links;
        for (const Node* node : chain) {
            Link link{*node, {}};
            for (ValueId input : node->inputs) link.constants.push_back(real_constant(input));
            links.push_back(std::move(link));
        }
        Elementwise function = [links = std::move(links)](const std::vector<float>& x) {
            const Shape shape = {1, 1, 1, static_cast<std::int64_t>(x.size())};
            Tensor value = Tensor::from<float>(shape, x);
            for (const auto& [node, constants] : links) {
                std::vector<const Tensor*> arguments;
                for (std::size_t i = 0; i < constants.size(); ++i)
                    arguments.push_back(node.inputs[i] == no_value ? nullptr : constants[i] ? &*constants[i] : &value);
                auto result = evaluate_node(node, arguments);
                if (!result || result->front().size() != value.size()) return std::vector<float>();
                value = result->front().reshaped(shape);
            }
            return value.to_float();
        };
        if (function({0, 1}).size() != 2) return std::nullopt;
        return function;
    }

    bool fill_table(const std::vector<const Node*>& chain, const Grid& grid, TableOp& table) const {
        const Grid& in = table.x.grid;
        const auto function = function_of(chain);
        if (!function) return false;
        std::vector<float> values;
        for (int i = 0; i < 256; ++i) values.push_back(static_cast<float>(i - unsigned_zero_point(in)) * in.scale);
        const std::vector<float> real = (*function)(values);
        for (std::size_t i = 0; i < 256; ++i) {
            table.table[i] = static_cast<std::uint8_t>(
                kernels::quantize_linear(real[i], grid.scale, unsigned_zero_point(grid), 0, 255));
        }
        return true;
    }

    std::optional<Op> match_pixels(ValueId value, const Grid& grid) const {
        Op op;
        if (grid.dtype != DType::uint8 || grid.scale != 1 || grid.zero_point != 0 || shape(value).size() != 4)
            return std::nullopt;
        const std::int64_t channels = shape(value)[1];
        PixelsOp& pixels = op.form.emplace<PixelsOp>();
        pixels.gain.assign(static_cast<std::size_t>(channels), 1.0F);
        pixels.offset.assign(static_cast<std::size_t>(channels), 0.0F);
        ValueId at = value;
        for (const char* kind : {"Add", "Mul"}) {
            const Node* node = producer(at);
            const Tensor* constant = node && node->op == kind ? graph_.constant(node->inputs[1]) : nullptr;
            if (!constant || !(is_scalar(*constant) || is_per_channel(*constant, channels))) continue;
            const auto values = constant->to_float();
            std::vector<float>& into = node->op == "Mul" ? pixels.gain : pixels.offset;
            for (std::size_t c = 0; c < into.size(); ++c) into[c] = values[values.size() == 1 ? 0 : c];
            op.nodes.insert(op.nodes.begin(), node->name);
            at = node->inputs[0];
        }
        if (!is_input(at) || graph_.value(at).dtype != DType::float32 || shape(at) != shape(value)) return std::nullopt;
        pixels.x = at;
        return op;
    }

    // ---- what is emitted, last first

    Result<void> emit_integers(NodeId id) {
        const Node& quantize = graph_.node(id);
        const QuantId y = quant(quantize.outputs[0]);
        const ValueId result = quantize.inputs[0];
        const Grid grid = at_id(y).grid;
        std::string why;
        if (auto op = match(result, grid, why)) {
            set_written(*op, y);
            if (op->name.empty()) op->name = quantize.name;
            if (op->nodes.empty()) op->nodes = {quantize.name};
            const auto refused = backend_.why_not(*op, program_);
            if (!refused) {
                for (const Operand* operand : operands(*op)) demand_integers(*operand);
                if (const auto* pixels = std::get_if<PixelsOp>(&op->form)) {
                    demand(pixels->x).tensor = true;
                    for (Port& port : program_.inputs) port.accepts_pixels |= port.value == pixels->x;
                }
                program_.ops.push_back(std::move(*op));
                return {};
            }
            why = fmt::format("'{}': {}", op->name, *refused);
        }
        Op seam{quantize.name, {quantize.name}, 0, QuantizeOp{result, y, is_input(result)}};
        if (const auto refused = backend_.why_not(seam, program_)) return fail(ErrorCode::unsupported, "{}", *refused);
        demand(result).tensor = true;
        program_.ops.push_back(std::move(seam));
        if (!is_input(result)) why_float_.emplace_back(result, why.empty() ? no_form(result) : why);
        return {};
    }

    void demand_integers(const Operand& operand) { demand(value_of_[index_of(operand.id)]).integers = true; }

    std::optional<Op> match(ValueId result, const Grid& grid, std::string& why) {
        if (auto op = match_weighted(result, why)) return op;
        const Node* node = producer(result);
        if (!node) return match_pixels(result, grid);
        if (auto op = match_concat(*node, grid, why)) return op;
        if (auto op = match_spatial(*node, why)) return op;
        if (auto op = match_binary(result, why)) return op;
        if (auto op = match_dense(*node, why)) return op;
        if (auto op = match_table(result, grid)) return op;
        if (auto op = match_move(result, *node)) return op;
        return match_pixels(result, grid);
    }

    // Why nothing before a QuantizeLinear matched: the first node, looking backwards, that has no integer form there.
    std::string no_form(ValueId result) const {
        ValueId at = result;
        for (const Node* node = producer(at); node; node = producer(at)) {
            const quant::IntegerForm form = quant::integer_form(node->op);
            if (form.kind != FormKind::unary) {
                return fmt::format("{} has no integer form{}", named(*node), at == result ? "" : " there");
            }
            if (!form.fuses) {
                return fmt::format("{} has a form on integers only between a DequantizeLinear and a QuantizeLinear",
                                   named(*node));
            }
            at = node->inputs[0];
        }
        return "it is computed from a network input in float";
    }

    static void set_written(Op& op, QuantId y) {
        std::visit(
            [&](auto& form) {
                if constexpr (requires { form.y = y; }) form.y = y;
            },
            op.form);
    }

    Result<void> emit_tensor(const Node& node) {
        if (node.op == "QuantizeLinear" && quant(node.outputs[0]) == no_quant) {
            why_float_.emplace_back(node.outputs[0],
                                    fmt::format("it leads to '{}': {}", graph_.value(node.outputs[0]).name,
                                                why_no_tensor_.at(node.outputs[0])));
        }
        if (auto op = to_float(node); op && !backend_.why_not(*op, program_)) {
            for (const Operand* operand : operands(*op)) demand_integers(*operand);
            program_.ops.push_back(std::move(*op));
            return {};
        }
        if (node.op == "QuantizeLinear" && graph_.is_output(node.outputs[0])) {
            if (const QuantId x = quant(node.outputs[0]); x != no_quant) {
                Op op{node.name, {node.name}, 0, OutputOp{{x, at_id(x).grid, {}}, node.outputs[0]}};
                if (!backend_.why_not(op, program_)) {
                    demand(node.outputs[0]).integers = true;
                    program_.ops.push_back(std::move(op));
                    return {};
                }
            }
        }
        for (ValueId input : node.inputs) {
            if (input == no_value) continue;
            if (!graph_.constant(input)) demand(input).tensor = true;
        }
        program_.ops.push_back({node.name, {node.name}, macs_of(graph_, node), FloatOp{node, {}, false}});
        return {};
    }

    // The forms that read integers and write float.
    std::optional<Op> to_float(const Node& node) {
        const ValueId y = node.outputs[0];
        const bool border = graph_.is_output(y);
        Op op{node.name, {node.name}, 0, {}};
        if (node.op == "DequantizeLinear") {
            const auto x = source(y);
            if (!x || !x->channel_zero_points.empty()) return std::nullopt;
            op.form = DequantizeOp{*x, y, border};
            return op;
        }
        if (node.op == "Sigmoid") {
            const Node* before = producer(node.inputs[0]);
            const bool rearranged =
                before && before->op == "DepthToSpace" && before->attributes.text("mode", "DCR") == "CRD";
            const auto x = source(rearranged ? before->inputs[0] : node.inputs[0]);
            if (!x || x->grid.dtype != DType::int16) return std::nullopt;
            if (rearranged) op.nodes.insert(op.nodes.begin(), before->name);
            op.form =
                SigmoidOp{*x, y, rearranged ? static_cast<int>(before->attributes.integer("blocksize", 1)) : 1, border};
            return op;
        }
        if (node.op != "Detect") return std::nullopt;
        DetectOp detect;
        const auto strides = node.attributes.reals("strides");
        const auto anchors = node.attributes.reals("anchors");
        const std::size_t per_level = anchors.size() / node.inputs.size();
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            auto x = source(node.inputs[i]);
            if (!x || x->grid.dtype != DType::int16) return std::nullopt;
            detect.levels.push_back(std::move(*x));
            detect.strides.push_back(static_cast<int>(strides[i]));
            const auto first = anchors.begin() + static_cast<std::ptrdiff_t>(i * per_level);
            detect.anchors.emplace_back(first, first + static_cast<std::ptrdiff_t>(per_level));
        }
        detect.classes = static_cast<int>(shape(y)[2]) - 5;
        detect.box_scale = static_cast<double>(node.attributes.real("box_scale", 1.0F));
        detect.y = y;
        detect.border = border;
        op.form = std::move(detect);
        return op;
    }

    // Every FloatOp between integers gets the reason of the QuantizeLinear that it leads to.
    void give_reasons() {
        std::map<std::string, FloatOp*> by_node;
        for (Op& op : program_.ops) {
            if (auto* form = std::get_if<FloatOp>(&op.form)) by_node.emplace(form->node.name, form);
        }
        // Producers first, so that a node which leads to several gets the reason of the nearest.
        std::reverse(why_float_.begin(), why_float_.end());
        for (const auto& [result, why] : why_float_) give_reason(result, why, by_node);
        for (auto& [name, form] : by_node) {
            if (!form->reason.empty()) continue;
            form->reason =
                reads_integers(form->node) ? "its result is not quantized in the file" : "it is float in the file";
        }
    }

    void give_reason(ValueId result, const std::string& why, const std::map<std::string, FloatOp*>& by_node) const {
        std::vector<ValueId> open = {result};
        std::vector<FloatOp*> region;
        std::vector<bool> seen(graph_.value_count(), false);
        bool behind_integers = false;
        while (!open.empty()) {
            const ValueId at = open.back();
            open.pop_back();
            const Node* node = producer(at);
            if (!node || seen[static_cast<std::size_t>(at)]) continue;
            seen[static_cast<std::size_t>(at)] = true;
            const bool ends = node->op == "DequantizeLinear";
            behind_integers |= ends && !graph_.constant(node->inputs[0]);
            if (ends && !unheld(node->inputs[0])) continue;
            if (const auto found = by_node.find(node->name); found != by_node.end()) region.push_back(found->second);
            for (ValueId input : node->inputs) {
                if (input != no_value) open.push_back(input);
            }
        }
        for (FloatOp* form : region) {
            if (!form->reason.empty()) continue;
            form->quantized = behind_integers;
            form->reason = behind_integers ? why : "what it reads is float in the file";
        }
    }

    // A quantized tensor that the backend cannot hold: what makes and reads it runs in float.
    bool unheld(ValueId quantized) const { return why_no_tensor_.contains(quantized); }

    bool reads_integers(const Node& node) const {
        return std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
            const Node* from = input == no_value ? nullptr : producer(input);
            return from && from->op == "DequantizeLinear" && !graph_.constant(from->inputs[0]);
        });
    }

    // Float operators whose inputs are all constant are computed now.
    Result<void> fold_constants() {
        for (ValueId output : graph_.outputs) {
            if (const Tensor* constant = graph_.constant(output)) program_.constants.emplace(output, *constant);
        }
        std::vector<Op> kept;
        for (Op& op : program_.ops) {
            for (ValueId read : tensors_read(op)) {
                if (const Tensor* constant = graph_.constant(read)) program_.constants.emplace(read, *constant);
            }
            const auto* form = std::get_if<FloatOp>(&op.form);
            if (!form) {
                kept.push_back(std::move(op));
                continue;
            }
            bool constant = true;
            std::vector<const Tensor*> arguments;
            for (ValueId input : form->node.inputs) {
                const auto found = program_.constants.find(input);
                arguments.push_back(found == program_.constants.end() ? nullptr : &found->second);
                constant &= input == no_value || arguments.back();
            }
            if (!constant) {
                kept.push_back(std::move(op));
                continue;
            }
            auto results = evaluate_node(form->node, arguments);
            if (!results) return at("node " + named(form->node), std::move(results).error());
            for (std::size_t i = 0; i < results->size(); ++i) {
                if (form->node.outputs[i] != no_value)
                    program_.constants.insert_or_assign(form->node.outputs[i], std::move((*results)[i]));
            }
        }
        program_.ops = std::move(kept);
        return {};
    }

    void describe_tensors() {
        program_.tensors.resize(graph_.value_count());
        const auto describe = [&](ValueId id) {
            if (id == no_value) return;
            const Value& value = graph_.value(id);
            program_.tensors[static_cast<std::size_t>(id)] = {value.name, value.dtype, value.shape.value_or(Shape{})};
        };
        for (const Port& port : program_.inputs) describe(port.value);
        for (const Port& port : program_.outputs) describe(port.value);
        for (const Op& op : program_.ops) {
            for (ValueId id : tensors_read(op)) describe(id);
            for (ValueId id : tensors_written(op)) describe(id);
        }
    }

    // Tensors were described when somebody asked for them; only those that an operator touches stay.
    void keep_used_values() {
        std::vector<QuantId> now(program_.values.size(), no_quant);
        std::vector<QuantValue> kept;
        const auto renumber = [&](QuantId& id) {
            if (id == no_quant) return;
            QuantId& renumbered = now[index_of(id)];
            if (renumbered == no_quant) {
                renumbered = QuantId{static_cast<std::int32_t>(kept.size())};
                kept.push_back(std::move(program_.values[index_of(id)]));
            }
            id = renumbered;
        };
        for (Op& op : program_.ops) {
            for (Operand* operand : operands(op)) renumber(operand->id);
            std::visit(
                [&](auto& form) {
                    if constexpr (requires { renumber(form.y); }) renumber(form.y);
                },
                op.form);
        }
        program_.values = std::move(kept);
    }

    const Graph& graph_;
    const Backend& backend_;
    std::vector<NodeId> order_;
    std::vector<Demand> demand_;
    std::int64_t batch_ = 1;  // of the pictures that the network takes
    Program program_;
    std::map<ValueId, QuantId> ids_;
    std::vector<ValueId> value_of_;  // by QuantId
    std::map<ValueId, std::string> why_no_tensor_;
    std::vector<std::pair<ValueId, std::string>> why_float_;  // what a QuantizeLinear gets from float, and why
};

}  // namespace

Result<Program> recognize(const Graph& graph, const Backend& backend) {
    return Recognizer(graph, backend).run();
}

}  // namespace octet::engine
