// All operators but convolutions.

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/cpu/arithmetic.h"
#include "engine/npu_emu/mlas.h"
#include "engine/npu_emu/step.h"
#include "graph/ops/broadcast.h"
#include "graph/ops/evaluator.h"
#include "kernels/detect_decode.h"
#include "kernels/sigmoid.h"

namespace octet::engine::npu_emu {
namespace {

using kernels::Activation;

// Work in pieces on the pool's threads: body(begin, end) of [0, count).
template <typename Body>
void in_pieces(const RunState& state, std::int64_t count, const Body& body) {
    constexpr std::int64_t piece = 1 << 14;
    state.for_each((count + piece - 1) / piece,
                   [&](std::int64_t i) { body(i * piece, std::min(count, (i + 1) * piece)); });
}

// ---- one operand

ByteTable identity(DType type) {
    ByteTable table{};
    for (int i = 0; i < 256; ++i) table[static_cast<std::size_t>(i)] = quant::grid_min(type) + i;
    return table;
}

template <typename In, typename Out>
void look_up(const RunState& state, const In* x, std::int64_t count, const ByteTable& table, Out* out) {
    in_pieces(state, count, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const auto index = static_cast<std::uint8_t>(std::is_signed_v<In> ? x[i] ^ 0x80 : x[i]);
            out[i] = static_cast<Out>(table[index]);
        }
    });
}

// 8 bits by the table, or 16 bits by the requantizer.
struct Mapping {
    bool plain = false;
    ByteTable table{};
    std::optional<Requantizer> wide;
};

template <typename Out>
void map(const RunState& state, const Tensor& x, const Mapping& mapping, int zero_point, Out* out) {
    with_integers(x.dtype(), [&]<typename In>() {
        const In* in = x.data<In>().data();
        if (mapping.plain) {
            std::copy(in, in + x.size(), out);
        } else if constexpr (sizeof(In) == 2) {
            in_pieces(state, x.size(), [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    out[i] = static_cast<Out>(requantize(in[i] - zero_point, *mapping.wide));
            });
        } else {
            look_up(state, in, x.size(), mapping.table, out);
        }
    });
}

class TableStep final : public Step {
  public:
    TableStep(const Op& op, std::string rule, QuantId x, int x_zero, QuantId y, Grid y_grid, Shape shape,
              Mapping mapping)
        : Step(op.name, std::move(rule), 0),
          x_(x),
          x_zero_(x_zero),
          y_(y),
          y_grid_(y_grid),
          shape_(std::move(shape)),
          mapping_(std::move(mapping)) {}

    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(y_grid_.dtype, shape_));
        with_integers(y_grid_.dtype,
                      [&]<typename T>() { map(state, state[x_], mapping_, x_zero_, y.mutable_data<T>().data()); });
        state.values[index_of(y_)] = std::move(y);
        return {};
    }

  private:
    QuantId x_;
    int x_zero_;
    QuantId y_;
    Grid y_grid_;
    Shape shape_;
    Mapping mapping_;
};

// The float table of the program, whose entries are unsigned bytes, on y's type.
ByteTable float_table(const TableOp& op, const Grid& y, Range range) {
    ByteTable table{};
    for (std::size_t i = 0; i < 256; ++i)
        table[i] = std::clamp(op.table[i] + quant::grid_min(y.dtype), range.min, range.max);
    return table;
}

// Of a float32 function between two grids.
template <typename Function>
ByteTable real_table(const Grid& x, const Grid& y, Range range, const Function& f) {
    ByteTable table{};
    for (int i = 0; i < 256; ++i) {
        const float real = static_cast<float>(quant::grid_min(x.dtype) + i - x.zero_point) * x.scale;
        table[static_cast<std::size_t>(i)] =
            kernels::quantize_linear(f(real), y.scale, y.zero_point, range.min, range.max);
    }
    return table;
}

Result<Adder> adder_of(const Profile& profile, std::string_view rule, const Grid& a, const Grid& b, const Grid& y,
                       Range range, bool subtract) {
    const RequantRule steps = requant_rule(profile.rule("add_steps").value_or("double")).value();
    const auto kind = add_rule(rule);
    if (!kind) return fail(ErrorCode::unsupported, "\"{}\" is no rule of a sum with a constant", rule);
    return make_adder(*kind, steps, a, b, y, range, subtract);
}

Result<Multiplication> multiplication_of(const Profile& profile, std::string_view rule, const Grid& a, const Grid& b,
                                         const Grid& y, Range range) {
    const MulRule kind = rule == "ort-mul"    ? MulRule::ort_mul
                         : rule == "dq-float" ? MulRule::dq_float
                                              : MulRule::requant;
    MultiplierForm form = profile.multiplier;
    if (rule == "double-f32") {
        form.from_float32 = true;
        rule = "double";
    }
    return make_multiplication(kind, requant_rule(rule).value_or(RequantRule::fp32), a, b, y, range, form);
}

Result<Mapping> requantization(std::string_view rule, const Grid& x, const Grid& y, Range range,
                               const Profile& profile) {
    Mapping mapping;
    if (x == y && !profile.symmetric_activations) {
        mapping.plain = true;
        return mapping;
    }
    if (rule == "fixed16") {
        OCTET_ASSIGN(const auto params, cpu::copy_params(x, y));
        for (int i = 0; i < 256; ++i) {
            mapping.table[static_cast<std::size_t>(i)] =
                kernels::requantize_copy_u8(static_cast<std::uint8_t>(i), params) + quant::grid_min(y.dtype);
        }
        return mapping;
    }
    if (rule == "tfl-u8") {
        mapping.table = concat_u8_table(x, y);
        return mapping;
    }
    if (rule == "copy") {
        mapping.table = identity(x.dtype);
        return mapping;
    }
    if (rule == "float-table") {
        if (x.dtype == DType::int16) return fail(ErrorCode::unsupported, "16 bits have no tables");
        mapping.table = real_table(x, y, range, [](float v) { return v; });
        return mapping;
    }
    const RequantRule steps = requant_rule(rule).value();
    if (x.dtype == DType::int16) {
        OCTET_ASSIGN(mapping.wide,
                     make_requantizer(steps, x.scale, 1, y.scale, y.zero_point, range, profile.multiplier));
        return mapping;
    }
    OCTET_ASSIGN(mapping.table, requantize_table(steps, x, y, range, profile.multiplier));
    return mapping;
}

// Add, Sub or Mul with one integer.
Result<ByteTable> constant_table(const TableOp& op, const Grid& y, std::string_view operation, std::string_view rule,
                                 const Profile& profile) {
    const UnaryStep& step = op.steps[0];
    const Range range = profile.range(y.dtype);
    const Grid &a = step.other_first ? *step.other : op.x.grid, &b = step.other_first ? op.x.grid : *step.other;
    std::function<std::int32_t(std::int32_t, std::int32_t)> compute;
    if (operation == "mul") {
        OCTET_ASSIGN(const Multiplication multiplication, multiplication_of(profile, rule, a, b, y, range));
        compute = [multiplication](std::int32_t p, std::int32_t q) { return multiply(p, q, multiplication); };
    } else {
        OCTET_ASSIGN(const Adder adder, adder_of(profile, rule, a, b, y, range, operation == "sub"));
        compute = [adder](std::int32_t p, std::int32_t q) { return add(p, q, adder); };
    }
    ByteTable table{};
    for (int i = 0; i < 256; ++i) {
        const int x = quant::grid_min(op.x.grid.dtype) + i;
        table[static_cast<std::size_t>(i)] =
            step.other_first ? compute(step.other_value, x) : compute(x, step.other_value);
    }
    return table;
}

Result<ByteTable> table_of(const TableOp& op, const Grid& y, std::string_view operation, std::string_view rule,
                           const Profile& profile) {
    const Range range = profile.range(y.dtype);
    const Grid& x = op.x.grid;
    if (operation == "hardswish") {
        if (rule == "tfl-hs") return hardswish_table(x, y, range);
        if (!profile.hardswish_sixth) return float_table(op, y, range);
        const auto sixth = static_cast<float>(*profile.hardswish_sixth);
        return real_table(x, y, range, [&](float v) { return v * std::clamp(v + 3.0F, 0.0F, 6.0F) * sixth; });
    }
    if (operation == "leaky_relu" && (profile.leaky_alpha || rule != "float-table")) {
        const auto alpha = static_cast<float>(profile.leaky_alpha.value_or(op.steps[0].alpha));
        if (rule != "float-table")
            return leaky_table(requant_rule(rule).value(), x, y, alpha, range, profile.multiplier);
        return real_table(x, y, range, [&](float v) { return v >= 0 ? v : v * alpha; });
    }
    if (operation == "add" || operation == "sub" || operation == "mul")
        return constant_table(op, y, operation, rule, profile);
    if (rule == "float-table") return float_table(op, y, range);
    ActivationSpec activation;
    if (operation == "relu") activation.kind = Activation::relu;
    if (operation == "clip") {
        activation.kind = Activation::clip;
        activation.clip_lo = op.steps[0].clip_lo;
        activation.clip_hi = op.steps[0].clip_hi;
    }
    return requantize_table(requant_rule(rule).value(), x, y, activated_range(activation, y, range),
                            profile.multiplier);
}

// ---- two operands

template <typename Compute>
class BinaryStep final : public Step {
  public:
    BinaryStep(const Op& op, std::string rule, const Operand& a, const Operand& b, QuantId y, const Program& program,
               Compute compute)
        : Step(op.name, std::move(rule), 0), a_(a.id), b_(b.id), y_(y), compute_(std::move(compute)) {
        const QuantValue& value = program.values[index_of(y)];
        y_grid_ = value.grid;
        shape_ = value.shape;
        const DType a_type = program.values[index_of(a.id)].grid.dtype,
                    b_type = program.values[index_of(b.id)].grid.dtype;
        if (a_type == DType::int16 || b_type == DType::int16) return;
        // All there is to compute for 8 bits; of few elements it is more than that.
        constexpr std::int64_t pairs = 65536;
        if (element_count(shape_).value() < pairs) return;
        table_.resize(pairs);
        for (int i = 0; i < 65536; ++i) {
            table_[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(
                compute_(quant::grid_min(a_type) + i / 256, quant::grid_min(b_type) + i % 256));
        }
    }

    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(y_grid_.dtype, shape_));
        with_integers(state[a_].dtype(), [&]<typename A>() {
            with_integers(state[b_].dtype(), [&]<typename B>() {
                with_integers(y_grid_.dtype, [&]<typename Y>() {
                    ops::broadcast_binary<A, B, Y>(state.parallel_for(), state[a_], state[b_], y,
                                                   [this](A p, B q) { return static_cast<Y>(result(p, q)); });
                });
            });
        });
        state.values[index_of(y_)] = std::move(y);
        return {};
    }

  private:
    template <typename A, typename B>
    std::int32_t result(A p, B q) const {
        if constexpr (sizeof(A) == 1 && sizeof(B) == 1) {
            if (table_.empty()) return compute_(p, q);
            const int i = p - (std::is_signed_v<A> ? -128 : 0), j = q - (std::is_signed_v<B> ? -128 : 0);
            return table_[static_cast<std::size_t>(i * 256 + j)];
        } else {
            return compute_(p, q);
        }
    }

    QuantId a_, b_, y_;
    Compute compute_;
    Grid y_grid_;
    Shape shape_;
    std::vector<std::int16_t> table_;
};

template <typename Compute>
StepResult binary_step(const Op& op, std::string_view rule, const Operand& a, const Operand& b, QuantId y,
                       const Program& program, Compute compute) {
    return std::make_unique<BinaryStep<Compute>>(op, std::string(rule), a, b, y, program, std::move(compute));
}

// ---- movers

class ConcatStep final : public Step {
  public:
    ConcatStep(const Op& op, std::string rule, const Program& program, std::vector<Mapping> mappings)
        : Step(op.name, std::move(rule), 0), concat_(std::get<ConcatOp>(op.form)), mappings_(std::move(mappings)) {
        const QuantValue& value = program.values[index_of(concat_.y)];
        grid_ = value.grid;
        shape_ = value.shape;
        for (const Operand& x : concat_.x) {
            const Shape& shape = program.values[index_of(x.id)].shape;
            std::int64_t block = 1;
            for (std::size_t i = static_cast<std::size_t>(concat_.axis); i < shape.size(); ++i) block *= shape[i];
            blocks_.push_back(block);
        }
    }

    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(grid_.dtype, shape_));
        with_integers(grid_.dtype, [&]<typename T>() {
            std::int64_t whole = 0, first = 0;
            for (std::int64_t block : blocks_) whole += block;
            for (std::size_t k = 0; k < blocks_.size(); ++k) {
                const Tensor& x = state[concat_.x[k].id];
                std::vector<T> mapped(static_cast<std::size_t>(x.size()));
                map(state, x, mappings_[k], concat_.x[k].grid.zero_point, mapped.data());
                T* out = y.mutable_data<T>().data() + first;
                for (std::int64_t i = 0; i * blocks_[k] < x.size(); ++i) {
                    std::copy_n(mapped.begin() + static_cast<std::ptrdiff_t>(i * blocks_[k]), blocks_[k],
                                out + i * whole);
                }
                first += blocks_[k];
            }
        });
        state.values[index_of(concat_.y)] = std::move(y);
        return {};
    }

  private:
    ConcatOp concat_;
    std::vector<Mapping> mappings_;
    std::vector<std::int64_t> blocks_;  // elements of each input from the axis on
    Grid grid_;
    Shape shape_;
};

// What makes a tensor on x's grid, then brings it onto y's.
class ImageStep : public Step {
  public:
    ImageStep(const Op& op, std::string rule, const Operand& x, QuantId y, const Program& program, Mapping mapping)
        : Step(op.name, std::move(rule), 0),
          x_(x),
          y_(y),
          from_(program.values[index_of(x.id)].shape),
          to_(program.values[index_of(y)].shape),
          y_grid_(program.values[index_of(y)].grid),
          mapping_(std::move(mapping)) {
        if (to_.size() != 4) return;
        to_h_ = to_[2];
        to_w_ = to_[3];
    }

    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor moved, move(state));
        if (!mapping_.plain) {
            OCTET_ASSIGN(Tensor y, Tensor::create(y_grid_.dtype, to_));
            with_integers(y_grid_.dtype, [&]<typename T>() {
                map(state, moved, mapping_, x_.grid.zero_point, y.mutable_data<T>().data());
            });
            moved = std::move(y);
        }
        state.values[index_of(y_)] = std::move(moved);
        return {};
    }

  protected:
    virtual Result<Tensor> move(const RunState& state) const = 0;

    // channel(in, out) for each channel of each image.
    template <typename Body>
    Result<Tensor> each_channel(const RunState& state, DType made, const Body& channel) const {
        const Tensor& x = state[x_.id];
        OCTET_ASSIGN(Tensor y, Tensor::create(made, to_));
        with_integers(x.dtype(), [&]<typename In>() {
            with_integers(made, [&]<typename Out>() {
                const In* in = x.data<In>().data();
                Out* out = y.mutable_data<Out>().data();
                state.for_each(from_[0] * from_[1],
                               [&](std::int64_t c) { channel(in + c * from_[2] * from_[3], out + c * to_h_ * to_w_); });
            });
        });
        return y;
    }
    template <typename Body>
    Result<Tensor> each_channel(const RunState& state, const Body& channel) const {
        return each_channel(state, state[x_.id].dtype(), [&]<typename In, typename Out>(const In* in, Out* out) {
            if constexpr (std::is_same_v<In, Out>) channel(in, out);
        });
    }

    Operand x_;
    QuantId y_;
    Shape from_, to_;
    std::int64_t to_h_ = 1, to_w_ = 1;  // of an image
    Grid y_grid_;
    Mapping mapping_;
};

class PoolStep final : public ImageStep {
  public:
    PoolStep(const Op& op, std::string rule, const Operand& x, QuantId y, const Program& program, Mapping mapping,
             const Window& window, bool average, bool counts_padding)
        : ImageStep(op, std::move(rule), x, y, program, std::move(mapping)),
          window_(window),
          average_(average),
          counts_padding_(counts_padding) {}

  protected:
    Result<Tensor> move(const RunState& state) const override {
        return each_channel(state, [&]<typename T>(const T* in, T* out) {
            // TFLite averages int8.
            const int offset = std::is_same_v<T, std::uint8_t> ? 128 : 0;
            for (std::int64_t y = 0; y < to_[2]; ++y) {
                for (std::int64_t x = 0; x < to_[3]; ++x) {
                    std::int64_t sum = 0, count = 0, largest = quant::grid_min(x_.grid.dtype);
                    for (int ky = 0; ky < window_.kernel_h; ++ky) {
                        for (int kx = 0; kx < window_.kernel_w; ++kx) {
                            const std::int64_t iy = y * window_.stride_h - window_.pad_top + ky * window_.dilation_h;
                            const std::int64_t ix = x * window_.stride_w - window_.pad_left + kx * window_.dilation_w;
                            if (iy < 0 || ix < 0 || iy >= from_[2] || ix >= from_[3]) {
                                if (counts_padding_) sum += x_.grid.zero_point - offset, ++count;
                                continue;
                            }
                            const std::int64_t value = in[iy * from_[3] + ix];
                            sum += value - offset;
                            ++count;
                            largest = std::max(largest, value);
                        }
                    }
                    *out++ =
                        static_cast<T>(average_ ? average(sum, std::max<std::int64_t>(count, 1)) + offset : largest);
                }
            }
        });
    }

  private:
    Window window_;
    bool average_, counts_padding_;
};

// kernels/avgpool.h
class Fixed16AveragePoolStep final : public ImageStep {
  public:
    Fixed16AveragePoolStep(const Op& op, std::string rule, const Program& program, kernels::AvgPoolParams params)
        : ImageStep(op, std::move(rule), std::get<AveragePoolOp>(op.form).x, std::get<AveragePoolOp>(op.form).y,
                    program, Mapping{.plain = true, .table = {}, .wide = {}}),
          pool_(std::get<AveragePoolOp>(op.form)),
          params_(params) {}

  protected:
    Result<Tensor> move(const RunState& state) const override {
        const Window& w = pool_.window;
        const int least_x = quant::grid_min(x_.grid.dtype), least_y = quant::grid_min(y_grid_.dtype);
        const auto span = [this](std::int64_t out, int stride, int kernel, int before, int after, std::int64_t size) {
            return kernels::avgpool_span(static_cast<int>(out), stride, kernel, before, after, static_cast<int>(size),
                                         pool_.counts_padding);
        };
        return each_channel(state, y_grid_.dtype, [&](const auto* in, auto* out) {
            for (std::int64_t y = 0; y < to_h_; ++y) {
                const auto rows = span(y, w.stride_h, w.kernel_h, w.pad_top, w.pad_bottom, from_[2]);
                for (std::int64_t x = 0; x < to_w_; ++x) {
                    const auto columns = span(x, w.stride_w, w.kernel_w, w.pad_left, w.pad_right, from_[3]);
                    std::int32_t sum = 0;
                    for (int iy = rows.begin; iy < rows.end; ++iy) {
                        for (int ix = columns.begin; ix < columns.end; ++ix)
                            sum += in[iy * from_[3] + ix] - least_x - params_.in_zero_point;
                    }
                    const int mean =
                        kernels::avgpool_u8(sum, std::int64_t{rows.count} * columns.count, params_) + least_y;
                    *out++ = static_cast<std::decay_t<decltype(*out)>>(mean);
                }
            }
        });
    }

  private:
    AveragePoolOp pool_;
    kernels::AvgPoolParams params_;
};

class ResizeStep final : public ImageStep {
  public:
    ResizeStep(const Op& op, std::string rule, const Program& program, Mapping mapping, bool half_up)
        : ImageStep(op, std::move(rule), std::get<ResizeOp>(op.form).x, std::get<ResizeOp>(op.form).y, program,
                    std::move(mapping)),
          rows_(std::get<ResizeOp>(op.form).source_y),
          columns_(std::get<ResizeOp>(op.form).source_x) {
        if (!half_up || !std::get<ResizeOp>(op.form).asymmetric) return;
        round_half_up(rows_, from_[2]);
        round_half_up(columns_, from_[3]);
    }

  protected:
    Result<Tensor> move(const RunState& state) const override {
        return each_channel(state, [&]<typename T>(const T* in, T* out) {
            for (std::int32_t row : rows_) {
                for (std::int32_t column : columns_) *out++ = in[std::int64_t{row} * from_[3] + column];
            }
        });
    }

  private:
    // floor(o * in / out + 1/2)
    static void round_half_up(std::vector<std::int32_t>& sources, std::int64_t in) {
        const auto out = static_cast<std::int64_t>(sources.size());
        for (std::int64_t o = 0; o < out; ++o)
            sources[static_cast<std::size_t>(o)] =
                static_cast<std::int32_t>(std::min(in - 1, (2 * o * in + out) / (2 * out)));
    }

    std::vector<std::int32_t> rows_, columns_;
};

// kernels/resize_linear.h
class Fixed16ResizeLinearStep final : public ImageStep {
  public:
    Fixed16ResizeLinearStep(const Op& op, std::string rule, const Program& program, Mapping mapping)
        : ImageStep(op, std::move(rule), std::get<ResizeLinearOp>(op.form).x, std::get<ResizeLinearOp>(op.form).y,
                    program, std::move(mapping)),
          rows_(std::get<ResizeLinearOp>(op.form).rows),
          columns_(std::get<ResizeLinearOp>(op.form).columns) {}

  protected:
    Result<Tensor> move(const RunState& state) const override {
        return each_channel(state, [&]<typename T>(const T* in, T* out) {
            for (const kernels::LinearTap& row : rows_) {
                const T* upper = in + row.first * from_[3];
                const T* lower = in + row.second * from_[3];
                for (const kernels::LinearTap& column : columns_) {
                    const std::int32_t corners[] = {upper[column.first], upper[column.second], lower[column.first],
                                                    lower[column.second]};
                    *out++ =
                        static_cast<T>(kernels::interpolate(corners, row.weight, column.weight, x_.grid.zero_point));
                }
            }
        });
    }

  private:
    std::vector<kernels::LinearTap> rows_, columns_;
};

class MoveStep final : public ImageStep {
  public:
    MoveStep(const Op& op, std::string rule, const Program& program, Mapping mapping)
        : ImageStep(op, std::move(rule), std::get<MoveOp>(op.form).x, std::get<MoveOp>(op.form).y, program,
                    std::move(mapping)),
          move_(std::get<MoveOp>(op.form)) {
        if (move_.node.op != "Pad") return;
        // What stands for 0.
        const Tensor zero = Tensor::scalar(x_.grid.zero_point).cast(x_.grid.dtype);
        while (move_.parameters.size() < 2) move_.parameters.emplace_back();
        move_.parameters[1] = zero;
        move_.node.inputs.resize(std::max<std::size_t>(move_.node.inputs.size(), 3), no_value);
        move_.node.inputs[2] = move_.node.inputs[0];
    }

  protected:
    Result<Tensor> move(const RunState& state) const override {
        std::vector<const Tensor*> arguments = {&state[x_.id]};
        for (const auto& parameter : move_.parameters) arguments.push_back(parameter ? &*parameter : nullptr);
        OCTET_ASSIGN(auto results, evaluate_node(move_.node, arguments));
        return std::move(results[move_.output]);
    }

  private:
    MoveOp move_;
};

// ---- borders and float

class InputStep final : public Step {
  public:
    InputStep(const Op& op, ValueId x, QuantId y) : Step(op.name, "input", 0), x_(x), y_(y) {}
    Result<void> run(RunState& state) const override {
        state.values[index_of(y_)] = state.tensor(x_);
        return {};
    }

  private:
    ValueId x_;
    QuantId y_;
};

class OutputStep final : public Step {
  public:
    OutputStep(const Op& op, QuantId x, ValueId y) : Step(op.name, "output", 0), x_(x), y_(y) {}
    Result<void> run(RunState& state) const override {
        state.tensors[static_cast<std::size_t>(y_)] = state[x_];
        return {};
    }

  private:
    QuantId x_;
    ValueId y_;
};

class QuantizeStep final : public Step {
  public:
    QuantizeStep(const Op& op, ValueId x, QuantId y, const Grid& grid, const Shape& shape, Range range)
        : Step(op.name, "quantize", 0), x_(x), y_(y), grid_(grid), shape_(shape), range_(range) {}
    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(grid_.dtype, shape_));
        const float* x = state.tensor(x_).data<float>().data();
        with_integers(grid_.dtype, [&]<typename T>() {
            T* out = y.mutable_data<T>().data();
            in_pieces(state, y.size(), [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    out[i] = static_cast<T>(
                        kernels::quantize_linear(x[i], grid_.scale, grid_.zero_point, range_.min, range_.max));
            });
        });
        state.values[index_of(y_)] = std::move(y);
        return {};
    }

  private:
    ValueId x_;
    QuantId y_;
    Grid grid_;
    Shape shape_;
    Range range_;
};

class PixelsStep final : public Step {
  public:
    PixelsStep(const Op& op, const PixelsOp& pixels, const Shape& shape)
        : Step(op.name, "quantize", 0), pixels_(pixels), shape_(shape) {}
    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(DType::uint8, shape_));
        const Tensor& given = state.tensor(pixels_.x);
        const std::int64_t channels = shape_[1], plane = shape_[2] * shape_[3];
        std::uint8_t* out = y.mutable_data<std::uint8_t>().data();
        state.for_each(shape_[0] * channels, [&](std::int64_t image_channel) {
            const std::int64_t c = image_channel % channels, image = image_channel / channels;
            for (std::int64_t i = 0; i < plane; ++i) {
                const std::int64_t at = image_channel * plane + i;
                if (given.dtype() == DType::uint8) {
                    out[at] = given.data<std::uint8_t>()[static_cast<std::size_t>((image * plane + i) * channels + c)];
                } else {
                    const float value =
                        given.data<float>()[static_cast<std::size_t>(at)] * pixels_.gain[static_cast<std::size_t>(c)] +
                        pixels_.offset[static_cast<std::size_t>(c)];
                    out[at] = static_cast<std::uint8_t>(kernels::quantize_linear(value, 1, 0, 0, 255));
                }
            }
        });
        state.values[index_of(pixels_.y)] = std::move(y);
        return {};
    }

  private:
    PixelsOp pixels_;
    Shape shape_;
};

class DequantizeStep final : public Step {
  public:
    DequantizeStep(const Op& op, const Operand& x, ValueId y, const Shape& shape)
        : Step(op.name, "dequantize", 0), x_(x), y_(y), shape_(shape) {}
    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(DType::float32, shape_));
        float* out = y.mutable_data<float>().data();
        with_integers(state[x_.id].dtype(), [&]<typename T>() {
            const T* in = state[x_.id].data<T>().data();
            in_pieces(state, y.size(), [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    out[i] = static_cast<float>(in[i] - x_.grid.zero_point) * x_.grid.scale;
            });
        });
        state.tensors[static_cast<std::size_t>(y_)] = std::move(y);
        return {};
    }

  private:
    Operand x_;
    ValueId y_;
    Shape shape_;
};

class BatchNormStep final : public Step {
  public:
    BatchNormStep(const Op& op, const BatchNormOp& norm, const Grid& y, const Shape& shape,
                  cpu::IntegerBatchNorm integers)
        : Step(op.name, "fixed16", 0), norm_(norm), y_(y), shape_(shape), integers_(std::move(integers)) {}
    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(y_.dtype, shape_));
        const Tensor& x = state[norm_.x.id];
        const std::int64_t channels = shape_[1], plane = shape_[2] * shape_[3];
        const int flip = norm_.x.grid.dtype == DType::int8 ? 0x80 : 0, out_flip = y_.dtype == DType::int8 ? 0x80 : 0;
        const kernels::Fixed16 epilogue = integers_.epilogue.view();
        auto* out = reinterpret_cast<std::uint8_t*>(y.mutable_raw());
        const auto* in = reinterpret_cast<const std::uint8_t*>(x.raw());
        state.for_each(shape_[0] * channels, [&](std::int64_t image_channel) {
            const auto c = static_cast<int>(image_channel % channels);
            const int weight = integers_.weights[static_cast<std::size_t>(c)];
            for (std::int64_t i = image_channel * plane; i < (image_channel + 1) * plane; ++i)
                out[i] =
                    static_cast<std::uint8_t>(kernels::fixed16_u8((in[i] ^ flip) * weight, c, epilogue) ^ out_flip);
        });
        state.values[index_of(norm_.y)] = std::move(y);
        return {};
    }

  private:
    BatchNormOp norm_;
    Grid y_;
    Shape shape_;
    cpu::IntegerBatchNorm integers_;
};

class SigmoidStep final : public Step {
  public:
    SigmoidStep(const Op& op, const SigmoidOp& sigmoid, const Shape& from, const Shape& to)
        : Step(op.name, "fixed16", 0), sigmoid_(sigmoid), from_(from), to_(to) {}
    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(DType::float32, to_));
        const std::int16_t* in = state[sigmoid_.x.id].data<std::int16_t>().data();
        float* out = y.mutable_data<float>().data();
        const int f = cpu::fraction_bits(sigmoid_.x.grid);
        const std::int64_t b = sigmoid_.block, h = from_[2], w = from_[3];
        state.for_each(from_[0] * from_[1], [&](std::int64_t channel) {
            const std::int64_t image = channel / from_[1], k = channel % from_[1];
            const std::int64_t c = image * (from_[1] / (b * b)) + k / (b * b), i = k / b % b, j = k % b;
            for (std::int64_t row = 0; row < h; ++row) {
                for (std::int64_t x = 0; x < w; ++x) {
                    const auto q16 = kernels::sigmoid_q16(in[(channel * h + row) * w + x], f, kernels::sigmoid_table);
                    out[(c * h * b + row * b + i) * w * b + x * b + j] = static_cast<float>(q16) * (1.0F / 65536);
                }
            }
        });
        state.tensors[static_cast<std::size_t>(sigmoid_.y)] = std::move(y);
        return {};
    }

  private:
    SigmoidOp sigmoid_;
    Shape from_, to_;
};

class DetectStep final : public Step {
  public:
    DetectStep(const Op& op, const DetectOp& detect, const Program& program)
        : Step(op.name, "fixed16", 0),
          detect_(detect),
          shape_(program.tensors[static_cast<std::size_t>(detect.y)].shape) {
        for (const Operand& level : detect.levels) levels_.push_back(program.values[index_of(level.id)].shape);
    }
    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(DType::float32, shape_));
        const auto& kernel = kernels::select(kernels::detect_decode_kernels(), kernels::needs::reference);
        const int columns = 5 + detect_.classes;
        std::vector<std::int32_t> rows(static_cast<std::size_t>(y.size() / levels_[0][0]));
        for (std::int64_t image = 0; image < levels_[0][0]; ++image) {
            std::int64_t first = 0;
            for (std::size_t i = 0; i < levels_.size(); ++i) {
                const Shape& shape = levels_[i];
                const auto c = static_cast<int>(shape[1]), h = static_cast<int>(shape[2]),
                           w = static_cast<int>(shape[3]);
                const auto layout = kernels::plane_layout(h, w, c, 0, 2);
                std::vector<std::int16_t> plane(static_cast<std::size_t>(layout.elements));
                const auto view = kernels::view_of(plane.data(), layout);
                const std::int16_t* in =
                    state[detect_.levels[i].id].data<std::int16_t>().data() + image * shape[1] * shape[2] * shape[3];
                for (int k = 0; k < c; ++k) {
                    for (int p = 0; p < h * w; ++p) view.pixel(p / w, p % w)[k] = *in++;
                }
                kernels::DetectDecodeCall call;
                call.logits = view.as_const();
                call.f = cpu::fraction_bits(detect_.levels[i].grid);
                call.stride = detect_.strides[i];
                call.anchors = static_cast<int>(detect_.anchors[i].size() / 2);
                call.classes = detect_.classes;
                for (int a = 0; a < call.anchors; ++a) {
                    const double* anchor = detect_.anchors[i].data() + std::ptrdiff_t{2} * a;
                    call.anchor_w[a] = static_cast<std::int32_t>(std::lround(anchor[0] * 1024));
                    call.anchor_h[a] = static_cast<std::int32_t>(std::lround(anchor[1] * 1024));
                }
                call.out = rows.data() + first * columns;
                kernel.run(call, 0, h);
                first += std::int64_t{call.anchors} * h * w;
            }
            float* out = y.mutable_data<float>().data() + image * first * columns;
            kernels::detections_to_float(rows.data(), first, detect_.classes, out);
            const auto box_scale = static_cast<float>(detect_.box_scale);
            for (std::int64_t i = 0; i < first && box_scale != 1.0F; ++i) {
                for (int k = 0; k < 4; ++k) out[i * columns + k] *= box_scale;
            }
        }
        state.tensors[static_cast<std::size_t>(detect_.y)] = std::move(y);
        return {};
    }

  private:
    DetectOp detect_;
    Shape shape_;
    std::vector<Shape> levels_;
};

// In MLAS's order of roundings.
class FloatBatchNormStep final : public Step {
  public:
    explicit FloatBatchNormStep(const Op& op)
        : Step(op.name, "mlas", op.macs), node_(std::get<FloatOp>(op.form).node) {}
    Result<void> run(RunState& state) const override {
        const auto floats = [&](std::size_t i) { return state.tensor(node_.inputs[i]).data<float>(); };
        const Tensor& x = state.tensor(node_.inputs[0]);
        Tensor y(DType::float32, x.shape());
        std::int64_t plane = 1;
        for (int i = 2; i < x.rank(); ++i) plane *= x.shape()[static_cast<std::size_t>(i)];
        mlas_batch_normalization(floats(0), plane, floats(1), floats(2), floats(3), floats(4),
                                 node_.attributes.real("epsilon", 1e-5F), y.mutable_data<float>());
        state.tensors[static_cast<std::size_t>(node_.outputs[0])] = std::move(y);
        return {};
    }

  private:
    Node node_;
};

class FloatStep final : public Step {
  public:
    FloatStep(const Op& op, kernels::CpuFeatures features)
        : Step(op.name, "float", op.macs), node_(std::get<FloatOp>(op.form).node), features_(features) {}
    Result<void> run(RunState& state) const override {
        std::vector<const Tensor*> arguments;
        for (ValueId id : node_.inputs) arguments.push_back(id == no_value ? nullptr : &state.tensor(id));
        OCTET_ASSIGN(auto results, evaluate_node(node_, arguments, state.parallel_for(), features_));
        for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
            if (node_.outputs[i] != no_value)
                state.tensors[static_cast<std::size_t>(node_.outputs[i])] = std::move(results[i]);
        }
        return {};
    }

  private:
    Node node_;
    kernels::CpuFeatures features_;
};

class Maker {
  public:
    Maker(const Op& op, const Program& program, const Profile& profile, kernels::CpuFeatures features)
        : op_(op), program_(program), profile_(profile), features_(features) {
        operation_ = operation_of(op, program);
        const bool binary = operation_ == "add" || operation_ == "sub" || operation_ == "mul";
        const bool octets = profile.rule("conv") == "fixed16";
        // The cpu backend has a table of float for a sum with a constant.
        if (octets && binary && std::holds_alternative<TableOp>(op.form)) operation_ = "table";
        rule_ = profile.rule(operation_).value_or("");
    }

    StepResult operator()(const ConvOp&) const { return make_conv_step(op_, program_, profile_, features_); }
    StepResult operator()(const BatchNormOp& norm) const {
        OCTET_ASSIGN(auto integers, cpu::integer_batchnorm(norm, grid(norm.y)));
        return std::make_unique<BatchNormStep>(op_, norm, grid(norm.y), shape(norm.y), std::move(integers));
    }
    StepResult operator()(const AddOp& sum) const {
        if (rule_ == "fixed16") {
            OCTET_ASSIGN(const auto params, cpu::add_params(sum, grid(sum.y)));
            return bytes_step(sum.a, sum.b, sum.y,
                              [params](std::uint8_t p, std::uint8_t q) { return kernels::add_u8(p, q, params); });
        }
        const Range range = activated_range(sum.activation, grid(sum.y), profile_.range(grid(sum.y).dtype));
        OCTET_ASSIGN(const Adder adder,
                     adder_of(profile_, rule_, sum.a.grid, sum.b.grid, grid(sum.y), range, sum.subtract));
        return binary_step(op_, rule_, sum.a, sum.b, sum.y, program_,
                           [adder](std::int32_t p, std::int32_t q) { return add(p, q, adder); });
    }
    StepResult operator()(const MulOp& mul) const {
        if (rule_ == "fixed16") {
            OCTET_ASSIGN(const auto params, cpu::mul_params(mul, grid(mul.y)));
            return bytes_step(mul.a, mul.b, mul.y,
                              [params](std::uint8_t p, std::uint8_t q) { return kernels::mul_u8(p, q, params); });
        }
        const Range range = activated_range(mul.activation, grid(mul.y), profile_.range(grid(mul.y).dtype));
        OCTET_ASSIGN(const Multiplication multiplication,
                     multiplication_of(profile_, rule_, mul.a.grid, mul.b.grid, grid(mul.y), range));
        return binary_step(op_, rule_, mul.a, mul.b, mul.y, program_,
                           [multiplication](std::int32_t p, std::int32_t q) { return multiply(p, q, multiplication); });
    }
    StepResult operator()(const ConcatOp& concat) const {
        std::vector<Mapping> mappings;
        for (const Operand& x : concat.x) {
            OCTET_ASSIGN(Mapping mapping, rule_ == "requantize" ? requantized(x, concat.y) : by(rule_, x, concat.y));
            mappings.push_back(std::move(mapping));
        }
        return std::make_unique<ConcatStep>(op_, std::string(rule_), program_, std::move(mappings));
    }
    StepResult operator()(const MaxPoolOp& pool) const {
        OCTET_ASSIGN(Mapping mapping, requantized(pool.x, pool.y));
        return std::make_unique<PoolStep>(op_, std::string(rule_), pool.x, pool.y, program_, std::move(mapping),
                                          pool.window, false, false);
    }
    StepResult operator()(const AveragePoolOp& pool) const {
        if (rule_ == "fixed16") {
            OCTET_ASSIGN(const auto params, cpu::avgpool_params(pool, grid(pool.y)));
            return std::make_unique<Fixed16AveragePoolStep>(op_, std::string(rule_), program_, params);
        }
        OCTET_ASSIGN(Mapping mapping, requantized(pool.x, pool.y));
        return std::make_unique<PoolStep>(op_, std::string(rule_), pool.x, pool.y, program_, std::move(mapping),
                                          pool.window, true, pool.counts_padding);
    }
    StepResult operator()(const ResizeOp& resize) const {
        OCTET_ASSIGN(Mapping mapping, requantized(resize.x, resize.y));
        return std::make_unique<ResizeStep>(op_, std::string(rule_), program_, std::move(mapping), rule_ == "half-up");
    }
    StepResult operator()(const ResizeLinearOp& resize) const {
        OCTET_ASSIGN(Mapping mapping, requantized(resize.x, resize.y));
        return std::make_unique<Fixed16ResizeLinearStep>(op_, std::string(rule_), program_, std::move(mapping));
    }
    StepResult operator()(const MoveOp& move) const {
        OCTET_ASSIGN(Mapping mapping, requantized(move.x, move.y));
        return std::make_unique<MoveStep>(op_, std::string(rule_), program_, std::move(mapping));
    }
    StepResult operator()(const TableOp& table) const {
        const Grid& y = grid(table.y);
        Mapping mapping;
        if (operation_ == "requantize") {
            OCTET_ASSIGN(mapping, requantized(table.x, table.y));
        } else {
            OCTET_ASSIGN(mapping.table, table_of(table, y, operation_, rule_, profile_));
        }
        return std::make_unique<TableStep>(op_, std::string(rule_), table.x.id, table.x.grid.zero_point, table.y, y,
                                           shape(table.y), std::move(mapping));
    }
    StepResult operator()(const PixelsOp& pixels) const {
        return std::make_unique<PixelsStep>(op_, pixels, shape(pixels.y));
    }
    StepResult operator()(const QuantizeOp& quantize) const {
        const Grid& y = grid(quantize.y);
        return std::make_unique<QuantizeStep>(op_, quantize.x, quantize.y, y, shape(quantize.y),
                                              profile_.range(y.dtype));
    }
    StepResult operator()(const DequantizeOp& dequantize) const {
        return std::make_unique<DequantizeStep>(op_, dequantize.x, dequantize.y, shape(dequantize.x.id));
    }
    StepResult operator()(const InputOp& input) const { return std::make_unique<InputStep>(op_, input.x, input.y); }
    StepResult operator()(const OutputOp& output) const {
        return std::make_unique<OutputStep>(op_, output.x.id, output.y);
    }
    StepResult operator()(const SigmoidOp& sigmoid) const {
        return std::make_unique<SigmoidStep>(op_, sigmoid, shape(sigmoid.x.id),
                                             program_.tensors[static_cast<std::size_t>(sigmoid.y)].shape);
    }
    StepResult operator()(const DetectOp& detect) const { return std::make_unique<DetectStep>(op_, detect, program_); }
    StepResult operator()(const FloatOp& layer) const {
        const bool mlas = profile_.rule("float") == "mlas" && layer.node.op == "BatchNormalization" &&
                          program_.tensors[static_cast<std::size_t>(layer.node.inputs[0])].dtype == DType::float32;
        if (mlas) return std::make_unique<FloatBatchNormStep>(op_);
        return std::make_unique<FloatStep>(op_, features_);
    }

  private:
    const Grid& grid(QuantId id) const { return program_.values[index_of(id)].grid; }
    const Shape& shape(QuantId id) const { return program_.values[index_of(id)].shape; }
    // A function of two unsigned bytes, on whatever 8-bit types.
    template <typename Compute>
    StepResult bytes_step(const Operand& a, const Operand& b, QuantId y, Compute compute) const {
        const int least_a = quant::grid_min(grid(a.id).dtype), least_b = quant::grid_min(grid(b.id).dtype),
                  least_y = quant::grid_min(grid(y).dtype);
        return binary_step(op_, rule_, a, b, y, program_, [=](std::int32_t p, std::int32_t q) {
            return compute(static_cast<std::uint8_t>(p - least_a), static_cast<std::uint8_t>(q - least_b)) + least_y;
        });
    }
    Result<Mapping> by(std::string_view rule, const Operand& x, QuantId y) const {
        return requantization(rule, x.grid, grid(y), profile_.range(grid(y).dtype), profile_);
    }
    Result<Mapping> requantized(const Operand& x, QuantId y) const {
        if (x.grid == grid(y)) return by("copy", x, y);
        const auto rule = profile_.rule("requantize");
        if (!rule)
            return fail(ErrorCode::unsupported,
                        "its input and its output are on different grids, and there is no rule "
                        "\"requantize\"");
        return by(*rule, x, y);
    }

    const Op& op_;
    const Program& program_;
    const Profile& profile_;
    kernels::CpuFeatures features_;
    std::string_view operation_, rule_;
};

}  // namespace

Range activated_range(const ActivationSpec& activation, const Grid& y, Range range) {
    const auto on_grid = [&](double real) {
        const double steps = std::round(static_cast<double>(static_cast<float>(real) / y.scale));
        return static_cast<int>(std::clamp(steps + y.zero_point, -1e6, 1e6));
    };
    if (activation.kind == Activation::relu) range.min = std::max(range.min, y.zero_point);
    if (activation.kind == Activation::clip) {
        const Range whole = range;
        range.min = std::clamp(on_grid(activation.clip_lo), whole.min, whole.max);
        range.max = std::clamp(on_grid(activation.clip_hi), range.min, whole.max);
    }
    return range;
}

std::string_view operation_of(const Op& op, const Program& program) {
    if (const auto* conv = std::get_if<ConvOp>(&op.form)) {
        if (conv->x.grid.dtype == DType::int16) return "conv16";
        if (program.values[index_of(conv->y)].grid.dtype == DType::int16) return "conv16";
        if (conv->dense) return "fully_connected";
        return conv->groups > 1 && conv->weights.shape()[1] == 1 ? "depthwise_conv" : "conv";
    }
    if (const auto* table = std::get_if<TableOp>(&op.form)) {
        if (table->steps.empty()) return "requantize";
        if (table->steps.size() > 1) return "table";
        const std::string& name = table->steps[0].op;
        if (name == "Relu") return "relu";
        if (name == "Clip") return "clip";
        if (name == "LeakyRelu") return "leaky_relu";
        if (name == "HardSwish") return "hardswish";
        if (name == "Sigmoid") return "sigmoid";
        if (table->steps[0].other && name == "Add") return "add";
        if (table->steps[0].other && name == "Sub") return "sub";
        if (table->steps[0].other && name == "Mul") return "mul";
        return name == "Tanh" ? "tanh" : "table";
    }
    if (const auto* sum = std::get_if<AddOp>(&op.form)) return sum->subtract ? "sub" : "add";
    if (std::holds_alternative<MulOp>(op.form)) return "mul";
    if (std::holds_alternative<ConcatOp>(op.form)) return "concat";
    if (std::holds_alternative<MaxPoolOp>(op.form)) return "max_pool";
    if (std::holds_alternative<AveragePoolOp>(op.form)) return "average_pool";
    if (std::holds_alternative<ResizeOp>(op.form)) return "resize";
    if (std::holds_alternative<ResizeLinearOp>(op.form)) return "resize_linear";
    if (std::holds_alternative<MoveOp>(op.form)) return "move";
    if (std::holds_alternative<BatchNormOp>(op.form)) return "batch_normalization";
    if (std::holds_alternative<SigmoidOp>(op.form) || std::holds_alternative<DetectOp>(op.form)) return "logits";
    return {};
}

StepResult make_step(const Op& op, const Program& program, const Profile& profile, kernels::CpuFeatures features) {
    return std::visit(Maker(op, program, profile, features), op.form);
}

}  // namespace octet::engine::npu_emu
