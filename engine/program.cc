#include "engine/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <type_traits>

namespace octet::engine {
namespace {

template <typename... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

// The operands of a form, const or not, in the order of the graph's inputs.
template <typename Form, typename Visitor>
void each_operand(Form& form, Visitor visit) {
    if constexpr (requires { form.levels; }) {
        for (auto& level : form.levels) visit(level);
    } else if constexpr (requires { form.a; }) {
        visit(form.a);
        visit(form.b);
    } else if constexpr (requires { form.x.size(); }) {
        for (auto& x : form.x) visit(x);
    } else if constexpr (requires { form.x.id; }) {
        visit(form.x);
    }
    if constexpr (requires { form.residual; }) {
        if (form.residual) visit(*form.residual);
    }
}

std::string text_of(const Grid& grid) {
    return fmt::format("{}, scale {:.6g}, zero point {}", dtype_name(grid.dtype), grid.scale, grid.zero_point);
}

bool is_seam(const Op& op) {
    return std::visit(
        [](const auto& form) {
            if constexpr (requires { form.border; }) {
                return !form.border;
            } else {
                return std::is_same_v<std::decay_t<decltype(form)>, FloatOp>;
            }
        },
        op.form);
}

}  // namespace

std::string kind_of(const Op& op) {
    const auto name = Overloaded{
        [](const ConvOp&) { return std::string("Conv"); },
        [](const BatchNormOp&) { return std::string("BatchNormalization"); },
        [](const AddOp& form) { return std::string(form.subtract ? "Sub" : "Add"); },
        [](const MulOp&) { return std::string("Mul"); },
        [](const ConcatOp&) { return std::string("Concat"); },
        [](const MaxPoolOp&) { return std::string("MaxPool"); },
        [](const AveragePoolOp&) { return std::string("AveragePool"); },
        [](const ResizeOp&) { return std::string("Resize"); },
        [](const ResizeLinearOp&) { return std::string("Resize"); },
        [](const MoveOp& form) { return form.node.op; },
        [](const TableOp&) { return std::string("Table"); },
        [](const PixelsOp&) { return std::string("Pixels"); },
        [](const QuantizeOp&) { return std::string("Quantize"); },
        [](const DequantizeOp&) { return std::string("Dequantize"); },
        [](const InputOp&) { return std::string("Input"); },
        [](const OutputOp&) { return std::string("Output"); },
        [](const SigmoidOp&) { return std::string("Sigmoid"); },
        [](const DetectOp&) { return std::string("Detect"); },
        [](const FloatOp& form) { return form.node.op; },
    };
    return std::visit(name, op.form);
}

std::vector<Operand*> operands(Op& op) {
    std::vector<Operand*> found;
    std::visit([&](auto& form) { each_operand(form, [&](Operand& x) { found.push_back(&x); }); }, op.form);
    return found;
}

std::vector<const Operand*> operands(const Op& op) {
    std::vector<const Operand*> found;
    std::visit([&](const auto& form) { each_operand(form, [&](const Operand& x) { found.push_back(&x); }); }, op.form);
    return found;
}

QuantId written(const Op& op) {
    return std::visit(
        [](const auto& form) {
            if constexpr (requires { requires std::is_same_v<decltype(form.y), QuantId>; }) return form.y;
            return no_quant;
        },
        op.form);
}

std::vector<ValueId> tensors_read(const Op& op) {
    return std::visit(
        [](const auto& form) -> std::vector<ValueId> {
            if constexpr (std::is_same_v<std::decay_t<decltype(form)>, FloatOp>) return form.node.inputs;
            if constexpr (requires { ValueId{form.x}; }) return {form.x};
            return {};
        },
        op.form);
}

std::vector<ValueId> tensors_written(const Op& op) {
    return std::visit(
        [](const auto& form) -> std::vector<ValueId> {
            if constexpr (std::is_same_v<std::decay_t<decltype(form)>, FloatOp>) return form.node.outputs;
            if constexpr (requires { ValueId{form.y}; }) return {form.y};
            return {};
        },
        op.form);
}

std::vector<FloatLayer> Program::float_layers() const {
    std::vector<FloatLayer> layers;
    for (const Op& op : ops) {
        const auto* form = std::get_if<FloatOp>(&op.form);
        if (form && form->quantized) layers.push_back({op.name, form->node.op, form->reason});
    }
    return layers;
}

std::vector<std::string> Program::float_seams() const {
    std::vector<std::string> names;
    for (const Op& op : ops) {
        if (is_seam(op)) names.push_back(op.name);
    }
    return names;
}

std::string to_text(const Program& program) {
    std::string text;
    const auto value = [&](QuantId id) {
        const QuantValue& v = program.values[index_of(id)];
        return fmt::format("{} {} [{}]", v.name, to_string(v.shape), text_of(v.grid));
    };
    const auto tensor = [&](ValueId id) {
        const FloatTensor& t = program.tensors[static_cast<std::size_t>(id)];
        return fmt::format("{} {} [{}]", t.name, to_string(t.shape), dtype_name(t.dtype));
    };
    for (const Op& op : program.ops) {
        const auto* form = std::get_if<FloatOp>(&op.form);
        fmt::format_to(std::back_inserter(text), "{}{} {}", form ? "float " : "", kind_of(op), op.name);
        if (op.nodes.size() > 1) fmt::format_to(std::back_inserter(text), " ({})", fmt::join(op.nodes, " + "));
        text += '\n';
        for (const Operand* x : operands(op)) {
            const bool as_written = x->same_grid(program.values[index_of(x->id)].grid);
            fmt::format_to(std::back_inserter(text), "    reads  {}{}\n", value(x->id),
                           as_written                        ? std::string()
                           : !x->channel_zero_points.empty() ? " as pixels with a zero point a channel"
                                                             : " as [" + text_of(x->grid) + "]");
        }
        for (ValueId id : tensors_read(op)) {
            if (id != no_value && !program.constants.contains(id))
                fmt::format_to(std::back_inserter(text), "    reads  {}\n", tensor(id));
        }
        if (written(op) != no_quant) fmt::format_to(std::back_inserter(text), "    writes {}\n", value(written(op)));
        for (ValueId id : tensors_written(op)) {
            if (id != no_value) fmt::format_to(std::back_inserter(text), "    writes {}\n", tensor(id));
        }
        if (form) fmt::format_to(std::back_inserter(text), "    because {}\n", form->reason);
    }
    return text;
}

}  // namespace octet::engine
