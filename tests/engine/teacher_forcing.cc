#include "tests/engine/teacher_forcing.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/compile.h"
#include "engine/cpu/arithmetic.h"
#include "engine/session.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "graph/passes/pass.h"

namespace octet::test {
namespace {

using engine::AddOp;
using engine::AveragePoolOp;
using engine::BatchNormOp;
using engine::ConcatOp;
using engine::ConvOp;
using engine::MulOp;
using engine::Op;
using engine::Program;
using engine::ResizeLinearOp;
using kernels::Activation;

// ---- bounds in steps of y: how far from the real value an operator's result may be

// As kernels/requantize.h states it.
double fixed16_bound(const kernels::Fixed16& e, const Grid& y, double residual_scale, double gain = 1) {
    const double post = e.activation == Activation::hardswish ? 4.0 / 3 : 1;
    // Curves are drawn to half a step, with a grid of p that is finer than that.
    const double r = e.activation == Activation::table ? 0.5 / 3 : std::ldexp(post, -e.f) / y.scale;
    double u = 255, residual = 0;  // steps that the activation and the shortcut may come to
    if (residual_scale > 0) {
        const double most = 255 * residual_scale / y.scale;
        u += most;
        residual = most * (e.residual_mult > 0 ? 0.5 / e.residual_mult : 1);
    }
    const double gate = e.activation == Activation::gated ? gain * std::ldexp(1.0, -9) / y.scale : 0;
    return 0.5 + 3 * r + u * std::ldexp(1.0, -14) + gate + residual;
}

double largest_gain(const ConvOp& conv) {
    const auto& gains = conv.activation.channel_gain;
    return gains.empty() ? 1 : *std::ranges::max_element(gains);
}

struct Bound {
    const Grid& y;

    double operator()(const ConvOp& conv) const {
        const auto epilogue = engine::cpu::conv_epilogue(conv, y);
        const double acc_scale = conv.x.grid.scale * *std::ranges::max_element(conv.weight_scales) * largest_gain(conv);
        // A bias in float is rounded to an accumulator's step.
        return fixed16_bound(epilogue->view(), y, conv.residual ? conv.residual->grid.scale : 0, largest_gain(conv)) +
               0.5 * acc_scale / y.scale;
    }
    double operator()(const BatchNormOp& norm) const {
        const auto integers = engine::cpu::integer_batchnorm(norm, y);
        // Gains in float are rounded to 1/32767 of the largest, and the bias as above.
        const double largest = std::abs(
            *std::ranges::max_element(norm.gain, [](double a, double b) { return std::abs(a) < std::abs(b); }));
        const double acc_scale = norm.x.grid.scale * (norm.weights.empty() ? largest / 32767 : norm.weight_scale);
        return fixed16_bound(integers->epilogue.view(), y, 0) + 128 * acc_scale / y.scale;
    }
    double operator()(const AddOp& add) const {
        const auto params = engine::cpu::add_params(add, y);
        return 0.5 + std::ldexp(params->leaky ? 3 : 2, -params->shift);
    }
    double operator()(const MulOp&) const { return 0.5; }
    double operator()(const AveragePoolOp&) const { return 0.5; }
    double operator()(const ResizeLinearOp&) const { return 0.5 + 0.125; }
    double operator()(const ConcatOp& concat) const {
        double most = 0;
        for (const auto& x : concat.x) {
            const auto params = engine::cpu::copy_params(x.grid, y);
            if (!params->plain) most = std::max(most, 0.5 + std::ldexp(1.0, -params->shift));
        }
        return most;
    }
    // Moved, looked up, or computed in float: exact.
    template <typename Form>
    double operator()(const Form&) const {
        return 0;
    }
};

// 16 bits behind a convolution, as kernels/requantize.h and make_fixed16.h state it: 2 steps and 2^-14 of the value, a
// curve's also 2^-10 of the largest;
// the pre-activation saturates somewhere beyond 16383 steps, half as many behind hardswish.
bool is_right_16_bit(const ConvOp& conv, double x, double y, double step) {
    const Activation kind = conv.activation.kind;
    double reach = (kind == Activation::hardswish ? 8191 : 16383) * step;
    // What a saturated pre-activation surely comes to, below 0 and above: there a negative slope may have made it.
    double below = 1, above = 1;
    std::vector<double> slopes;
    if (kind == Activation::leaky) slopes = {conv.activation.alpha};
    if (kind == Activation::prelu) slopes = conv.activation.channel_alpha;
    for (const double slope : slopes)
        (slope < 0 ? above : below) = std::min(slope < 0 ? above : below, std::abs(slope));
    const double least = -reach * below;
    reach *= above;
    const double acc_scale = conv.x.grid.scale * *std::ranges::max_element(conv.weight_scales) * largest_gain(conv);
    double off = 2 * step + std::abs(x) * std::ldexp(1.0, -14) + acc_scale;
    if (kind == Activation::table) {
        const auto storage = engine::cpu::conv_epilogue(conv, {DType::int16, static_cast<float>(step), 0});
        const kernels::Fixed16 e = storage->view();
        double largest = 0;
        for (int i = 0; i <= kernels::table_segments; ++i)
            largest = std::max(largest, std::abs(static_cast<double>(e.nodes[i])));
        off += e.activation == Activation::gated ? largest_gain(conv) * std::ldexp(1.0, -9)
                                                 : largest * step * std::ldexp(1.0, -10);
    }
    return y >= std::min(x, reach) - off && y <= std::max(x, least) + off;
}

struct Observed {
    const Op* op;
    Grid grid;
    Tensor integers;
    bool folded = false;  // a constant, computed at another level than the float semantics: last bits may differ
};

class TeacherForcing {
  public:
    TeacherForcing(const Graph& graph, const std::multimap<std::string, Observed>& observed,
                   const std::vector<Tensor>& outputs, kernels::CpuFeatures features)
        : graph_(graph), observed_(observed), outputs_(outputs), features_(features), values_(graph.value_count()) {}

    Result<std::optional<std::string>> run(const std::vector<Tensor>& inputs) {
        for (std::size_t v = 0; v < values_.size(); ++v) {
            const Value& known = graph_.value(static_cast<ValueId>(v));
            if (known.constant) values_[v] = *known.constant;
        }
        for (std::size_t i = 0; i < inputs.size(); ++i) value(graph_.inputs[i]) = inputs[i];
        for (NodeId id : graph_.topological_order()) {
            const Node& node = graph_.node(id);
            std::vector<const Tensor*> arguments;
            for (ValueId input : node.inputs) arguments.push_back(input == no_value ? nullptr : &value(input));
            OCTET_ASSIGN(auto results, evaluate_node(node, arguments, serial_for, features_));
            if (node.op == "QuantizeLinear") {
                if (auto different = compare(node, results[0])) return different;
            }
            for (std::size_t k = 0; k < results.size(); ++k) {
                if (node.outputs[k] != no_value) value(node.outputs[k]) = std::move(results[k]);
            }
        }
        return compare_outputs();
    }

  private:
    Tensor& value(ValueId id) { return values_[static_cast<std::size_t>(id)]; }

    const Observed* observed(const Node& quantize, DType type) const {
        const auto [first, last] = observed_.equal_range(graph_.value(quantize.inputs[0]).name);
        for (auto it = first; it != last; ++it) {
            const Grid& grid = it->second.grid;
            const Tensor* zero = quantize.inputs.size() > 2 ? graph_.constant(quantize.inputs[2]) : nullptr;
            const float scale = graph_.constant(quantize.inputs[1])->to_float()[0];
            if (grid == Grid{type, scale, zero ? static_cast<int>(zero->to_int64()[0]) : 0}) return &it->second;
        }
        return nullptr;
    }

    // `integers`, from float semantics, against the engine's, which it becomes.
    std::optional<std::string> compare(const Node& quantize, Tensor& integers) {
        const Observed* found = observed(quantize, integers.dtype());
        if (!found) return std::nullopt;
        const auto* wide_conv = found->grid.dtype == DType::int16 ? std::get_if<ConvOp>(&found->op->form) : nullptr;
        const double allowed = wide_conv ? 0
                                         : std::floor(std::visit(Bound{found->grid}, found->op->form) + 0.5 + 1e-3) +
                                               (found->folded ? 1 : 0);
        const auto expected = integers.to_int64(), made = found->integers.to_int64();
        const auto real = value(quantize.inputs[0]).to_float();
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const double x = real[i], step = found->grid.scale;
            const bool right =
                wide_conv ? std::isnan(x) || is_right_16_bit(*wide_conv, x, static_cast<double>(made[i]) * step, step)
                          : std::abs(static_cast<double>(made[i] - expected[i])) <= allowed;
            if (right) continue;
            return fmt::format("{}: {} of '{}': element {} is {} where float semantics give {} (allowed: {})",
                               quantize.name, kind_of(*found->op), found->op->name, i, made[i], expected[i],
                               wide_conv ? "the bound of 16 bits" : fmt::format("{}", allowed));
        }
        integers = found->integers;
        return std::nullopt;
    }

    std::optional<std::string> compare_outputs() {
        for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
            const ValueId id = graph_.outputs[i];
            const Tensor& expected = value(id);
            if (identical(outputs_[i], expected)) continue;
            const NodeId from = graph_.producer(id);
            // In fixed point on 16-bit logits (kernels/sigmoid.h).
            const double allowed =
                from != no_node && graph_.node(from).op == "Sigmoid" ? 1.1 * std::ldexp(1.0, -15) : 0;
            const auto made = outputs_[i].to_float(), wanted = expected.to_float();
            for (std::size_t k = 0; k < made.size(); ++k) {
                if (std::isnan(made[k]) && std::isnan(wanted[k])) continue;
                if (std::abs(static_cast<double>(made[k] - wanted[k])) <= allowed) continue;
                return fmt::format("output '{}': element {} is {} where float semantics give {}", graph_.value(id).name,
                                   k, made[k], wanted[k]);
            }
        }
        return std::nullopt;
    }

    const Graph& graph_;
    const std::multimap<std::string, Observed>& observed_;
    const std::vector<Tensor>& outputs_;
    kernels::CpuFeatures features_;
    std::vector<Tensor> values_;
};

// The last bits of these depend on the instruction set (kernels/gemm_f32.h).
bool multiplies_in_float(const Program& program) {
    return std::ranges::any_of(program.ops, [](const Op& op) {
        const auto* form = std::get_if<engine::FloatOp>(&op.form);
        return form && (form->node.op == "Conv" || form->node.op == "ConvTranspose" || form->node.op == "Gemm" ||
                        form->node.op == "MatMul");
    });
}

// Runs the network at this level, and again with every tensor observed.
Result<std::optional<std::string>> find_difference_at(const kernels::Level& level, const Graph& graph,
                                                      const std::vector<Tensor>& inputs,
                                                      std::vector<Tensor>& specification) {
    const int threads = level.features == kernels::needs::reference ? 1 : 2;
    OCTET_ASSIGN(const auto executable, engine::compile(graph, {.features = level.features}));
    OCTET_ASSIGN(auto unobserved, engine::Session::create(executable, {.threads = threads}));
    OCTET_ASSIGN(auto outputs, unobserved.run(inputs));
    const auto first_other = [&](const std::vector<Tensor>& others) -> std::optional<std::string> {
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            if (!identical(outputs[i], others[i])) return graph.value(graph.outputs[i]).name;
        }
        return std::nullopt;
    };
    const Program& program = executable->program();
    if (!specification.empty() && !multiplies_in_float(program)) {
        if (const auto other = first_other(specification)) {
            return fmt::format("{} gives other bytes than the reference: output '{}'", level.name, *other);
        }
        return std::nullopt;
    }

    OCTET_ASSIGN(const auto observable, engine::compile(graph, {.features = level.features, .observable = true}));
    OCTET_ASSIGN(auto session, engine::Session::create(observable, {.threads = threads}));
    std::multimap<std::string, Observed> observed;
    session.set_observer({.tensor = [&](const engine::TensorInfo& info) {
        if (!info.grid) return;
        for (const Op& op : program.ops) {
            const engine::QuantId id = engine::written(op);
            if (id == engine::no_quant) continue;
            const engine::QuantValue& value = program.values[engine::index_of(id)];
            if (value.name == info.name && value.grid == *info.grid) {
                const auto* quantize = std::get_if<engine::QuantizeOp>(&op.form);
                const bool folded = quantize && program.constants.contains(quantize->x);
                observed.emplace(info.name, Observed{&op, value.grid, info.values, folded});
            }
        }
    }});
    OCTET_ASSIGN(const auto shown, session.run(inputs));
    if (const auto other = first_other(shown)) {
        return fmt::format("{} gives other bytes when it is observed: output '{}'", level.name, *other);
    }
    OCTET_ASSIGN(auto different, TeacherForcing(graph, observed, outputs, level.features).run(inputs));
    if (specification.empty()) specification = std::move(outputs);
    return different;
}

}  // namespace

Result<std::optional<std::string>> find_difference(const RandomNetwork& network) {
    // The passes of compile(), so that its program is that of this graph.
    Graph graph = network.graph;
    OCTET_TRY(optimize(graph));
    while (hoist_quantize(graph) > 0) OCTET_TRY(infer_shapes(graph));
    std::vector<Tensor> specification;
    for (const kernels::Level& level : kernels::levels()) {
        if (!kernels::available(level)) continue;
        OCTET_ASSIGN(auto different, find_difference_at(level, graph, network.inputs, specification));
        if (different) return different;
    }
    return std::nullopt;
}

}  // namespace octet::test
