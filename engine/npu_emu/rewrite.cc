#include "engine/npu_emu/rewrite.h"

#include <algorithm>

#include "engine/npu_emu/step.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/same_padding.h"
#include "kernels/requantize.h"

namespace octet::engine::npu_emu {
namespace {

class Rewriter {
  public:
    Rewriter(Program& program, const Profile& profile) : program_(program), profile_(profile) {}

    std::vector<std::string> run() {
        if (profile_.fixed_sigmoid) fix_sigmoids();
        for (Op& op : program_.ops) {
            std::visit([&](auto& form) { before(op, form); }, op.form);
            after_ = std::nullopt;
            std::visit([&](auto& form) { behind(op, form); }, op.form);
            ops_.push_back(std::move(op));
            if (after_) ops_.push_back(std::move(*after_));
        }
        program_.ops = std::move(ops_);
        return std::move(notes_);
    }

  private:
    QuantValue& value(QuantId id) { return program_.values[index_of(id)]; }

    QuantId add_value(const std::string& name, const Shape& shape, const Grid& grid) {
        program_.values.push_back({name, "", shape, grid});
        return QuantId{static_cast<std::int32_t>(program_.values.size()) - 1};
    }

    template <typename... Args>
    void note(fmt::format_string<Args...> format, Args&&... args) {
        notes_.push_back(fmt::format(format, std::forward<Args>(args)...));
    }

    static Op requantization(const std::string& name, const Operand& x, QuantId y) {
        TableOp table;
        table.x = x;
        table.y = y;
        return {name, {name}, 0, std::move(table)};
    }

    // ---- Sigmoid

    void fix_sigmoids() {
        for (Op& op : program_.ops) {
            auto* table = std::get_if<TableOp>(&op.form);
            if (!table || table->steps.size() != 1) continue;
            if (table->steps[0].op != "Sigmoid") continue;
            const Grid old = value(table->y).grid;
            const Grid fixed{old.dtype, 0x1p-8F, quant::grid_min(old.dtype)};
            if (old == fixed || old.dtype == DType::int16) continue;
            value(table->y).grid = fixed;
            for (Op& reader : program_.ops) {
                for (Operand* x : operands(reader)) {
                    if (x->id == table->y && x->grid == old) x->grid = fixed;
                }
            }
            fill(*table, fixed);
            note("'{}' (Sigmoid): its result is stored at 1/256, zero point {}, instead of {:.9g} and {}", op.name,
                 fixed.zero_point, old.scale, old.zero_point);
        }
    }

    static void fill(TableOp& table, const Grid& y) {
        const Grid& x = table.x.grid;
        Tensor real(DType::float32, {1, 1, 16, 16});
        for (int i = 0; i < 256; ++i) {
            real.mutable_data<float>()[static_cast<std::size_t>(i)] =
                static_cast<float>(i - unsigned_zero_point(x)) * x.scale;
        }
        Node node;
        node.op = "Sigmoid";
        node.inputs = {0};
        node.outputs = {1};
        const Tensor* argument = &real;
        auto result = evaluate_node(node, {&argument, 1});
        if (!result) return;
        for (std::size_t i = 0; i < 256; ++i) {
            table.table[i] = static_cast<std::uint8_t>(
                kernels::quantize_linear(result->front().data<float>()[i], y.scale, unsigned_zero_point(y), 0, 255));
        }
    }

    // ---- in front

    void before(const Op& op, ConcatOp& concat) {
        if (!profile_.demands_equal_scales("concat")) return;
        const Grid y = value(concat.y).grid;
        for (std::size_t i = 0; i < concat.x.size(); ++i) {
            if (concat.x[i].grid == y) continue;
            const std::string name = fmt::format("{}_in{}", op.name, i);
            const QuantId requantized = add_value(name, value(concat.x[i].id).shape, y);
            ops_.push_back(requantization(name, concat.x[i], requantized));
            concat.x[i] = Operand{requantized, y, {}};
            note("'{}' (Concat): input {} is requantized in front of it", op.name, i);
        }
    }

    void before(const Op& op, ConvOp& conv) {
        if (!profile_.uneven_padding_is_operator || conv.dense) return;
        Window& w = conv.window;
        if (w.pad_top == 0 && w.pad_left == 0 && w.pad_bottom == 0 && w.pad_right == 0) return;
        const Shape from = value(conv.x.id).shape;
        if (ops::is_same_padding(from[2], w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom) &&
            ops::is_same_padding(from[3], w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right)) {
            return;
        }
        const Shape to = {from[0], from[1], from[2] + w.pad_top + w.pad_bottom, from[3] + w.pad_left + w.pad_right};
        const std::string name = op.name + "/pad";
        const QuantId padded = add_value(name, to, conv.x.grid);
        MoveOp pad;
        pad.x = conv.x;
        pad.y = padded;
        pad.node.op = "Pad";
        pad.node.name = name;
        pad.node.inputs = {0, 1};
        pad.node.outputs = {2};
        pad.parameters.emplace_back(
            Tensor::from<std::int64_t>({8}, {0, 0, w.pad_top, w.pad_left, 0, 0, w.pad_bottom, w.pad_right}));
        ops_.push_back({name, {name}, 0, std::move(pad)});
        conv.x.id = padded;
        w.pad_top = w.pad_left = w.pad_bottom = w.pad_right = 0;
        note("'{}' (Conv): its padding is a Pad in front of it", op.name);
    }
    template <typename Form>
    void before(const Op&, Form&) {}

    // ---- behind

    template <typename Form>
    void behind(const Op& op, Form& form) {
        if constexpr (std::is_same_v<Form, MaxPoolOp> || std::is_same_v<Form, AveragePoolOp> ||
                      std::is_same_v<Form, ResizeOp> || std::is_same_v<Form, MoveOp>) {
            if (!profile_.demands_equal_scales(operation_of(op, program_))) return;
            const QuantId y = form.y;
            if (form.x.grid == value(y).grid) return;
            const std::string name = op.name + "/input_scale";
            const QuantId moved = add_value(name, value(y).shape, form.x.grid);
            form.y = moved;
            after_ = requantization(op.name + "/requantize", Operand{moved, form.x.grid, {}}, y);
            note("'{}' ({}): it keeps its input's grid and is requantized behind it", op.name, kind_of(op));
        }
    }

    Program& program_;
    const Profile& profile_;
    std::vector<Op> ops_;
    std::optional<Op> after_;
    std::vector<std::string> notes_;
};

}  // namespace

std::vector<std::string> rewrite(Program& program, const Profile& profile) {
    return Rewriter(program, profile).run();
}

}  // namespace octet::engine::npu_emu
