#include "engine/npu_emu/backend.h"

#include <algorithm>
#include <chrono>

#include "engine/cpu/backend.h"
#include "engine/npu_emu/rewrite.h"
#include "engine/npu_emu/step.h"

namespace octet::engine::npu_emu {
namespace {

using kernels::Activation;
using Why = std::optional<std::string>;

constexpr const char* quantize_it =
    "; a recipe that quantizes each operator's result puts one there (octet-quantize --recipe npu)";

std::string_view name_of(const ActivationSpec& activation) {
    switch (activation.kind) {
        case Activation::none:
            return "nothing";
        case Activation::relu:
            return "Relu";
        case Activation::leaky:
            return "LeakyRelu";
        case Activation::prelu:
            return "PRelu";
        case Activation::clip:
            return "Clip";
        case Activation::hardswish:
            return "HardSwish";
        case Activation::table:
        case Activation::gated:
            return activation.function_name;
    }
    return "";
}

// What a rule takes of an operator of its kind, apart from scales.
class Judge {
  public:
    Judge(const Profile& profile, const Program& program) : profile_(profile), program_(program) {}

    Why operator()(const ConvOp& conv) const {
        if (!conv.x.channel_zero_points.empty())
            return "its input has a zero point for each channel, where one is taken: quantize the network's input with "
                   "one "
                   "scale and one zero point";
        const bool fused_in_float = profile_.rule("fused_activation") == "dq-float";
        const Activation activation = conv.activation.kind;
        const bool clamps =
            activation == Activation::none || activation == Activation::relu || activation == Activation::clip;
        if (!clamps && !fused_in_float) {
            return fmt::format("there is no quantization between it and the {} behind it, where '{}' stores 8 bits{}",
                               name_of(conv.activation), profile_.name, quantize_it);
        }
        if (conv.residual && !fused_in_float) {
            return fmt::format("there is no quantization between it and the Add behind it, where '{}' stores 8 bits{}",
                               profile_.name, quantize_it);
        }
        if (conv.residual && !conv.residual->channel_zero_points.empty()) return "its shortcut are pixels";
        if (profile_.symmetric_weights) {
            const auto weights = conv.weights.data<std::int8_t>();
            if (std::find(weights.begin(), weights.end(), std::int8_t{-128}) != weights.end())
                return "a weight is -128; its weights have to lie in [-127, 127]";
        }
        if (profile_.one_weight_scale && std::adjacent_find(conv.weight_scales.begin(), conv.weight_scales.end(),
                                                            std::not_equal_to<>()) != conv.weight_scales.end()) {
            return "its weights have a scale for each channel; one for all of them is taken: quantize per tensor";
        }
        const Limits* limits = find(conv.dense                                        ? "fully_connected"
                                    : conv.groups > 1 && conv.weights.shape()[1] == 1 ? "depthwise_conv"
                                                                                      : "conv");
        if (!limits) return std::nullopt;
        const auto channels =
            static_cast<int>(std::max(conv.weights.shape()[0], conv.weights.shape()[1] * conv.groups));
        if (limits->max_channels && channels > *limits->max_channels)
            return fmt::format("it has {} channels; {} are the most", channels, *limits->max_channels);
        return exceeds(*limits, conv.window, value(conv.y));
    }
    Why operator()(const AddOp& sum) const { return clamped("Add", sum.activation); }
    Why operator()(const MulOp& mul) const { return clamped("Mul", mul.activation); }
    Why operator()(const MaxPoolOp& pool) const {
        const Limits* limits = find("max_pool");
        return limits ? exceeds(*limits, pool.window, value(pool.y)) : std::nullopt;
    }
    Why operator()(const AveragePoolOp& pool) const {
        if (pool.reduces) return "there is no rule for a ReduceMean";
        if (pool.counts_padding && (pool.window.pad_top != 0 || pool.window.pad_left != 0 ||
                                    pool.window.pad_bottom != 0 || pool.window.pad_right != 0)) {
            return "it counts its padding, where the mean is of the image alone";
        }
        const Limits* limits = find("average_pool");
        return limits ? exceeds(*limits, pool.window, value(pool.y)) : std::nullopt;
    }
    Why operator()(const ResizeOp& resize) const {
        const Limits* limits = find("resize");
        if (!limits || limits->factors.empty()) return std::nullopt;
        const Shape& from = value(resize.x.id).shape;
        const Shape& to = value(resize.y).shape;
        if (limits->from_one_pixel && from[2] == 1 && from[3] == 1) return std::nullopt;
        // As fractions, which 1 has where an axis is kept: with align_corners one pixel grows by nothing else.
        const std::int64_t less = resize.aligns_corners ? 1 : 0;
        const auto grows_by = [&](std::size_t axis, std::int64_t factor) {
            return to[axis] == from[axis] ? factor == 1 : to[axis] - less == (from[axis] - less) * factor;
        };
        const auto keeps_line = [&](std::size_t axis) {
            return limits->along_one_line && from[axis] == 1 && to[axis] == 1;
        };
        for (int factor : limits->factors) {
            const bool rows = grows_by(2, factor), columns = grows_by(3, factor);
            if ((rows && columns) || (rows && keeps_line(3)) || (columns && keeps_line(2))) return std::nullopt;
        }
        const auto factor_of = [&](std::size_t axis) {
            return to[axis] == from[axis]
                       ? 1.0
                       : static_cast<double>(to[axis] - less) / static_cast<double>(from[axis] - less);
        };
        const double rows = factor_of(2), columns = factor_of(3);
        return fmt::format("it resizes {}x{} to {}x{}, {}; {} {} taken{}", from[2], from[3], to[2], to[3],
                           rows == columns ? fmt::format("by {:.4g}", rows)
                                           : fmt::format("rows by {:.4g} and columns by {:.4g}", rows, columns),
                           fmt::join(limits->factors, ", "), limits->factors.size() == 1 ? "is" : "are",
                           rows == columns ? "" : ", the same for both");
    }
    // Pools and resizes that have no form of their own are computed as moves; the hardware's limits are the same.
    Why operator()(const MoveOp& move) const {
        const QuantValue& y = value(move.y);
        const Attributes& attributes = move.node.attributes;
        if (const Limits* limits = find("max_pool"); limits && move.node.op == "MaxPool") {
            return exceeds(*limits, attributes.integers("kernel_shape"), attributes.integers("strides"),
                           attributes.integers("dilations"), y);
        }
        const Limits* limits = move.node.op == "Resize" ? find("resize") : nullptr;
        if (!limits || limits->factors.empty()) return std::nullopt;
        return fmt::format("it resizes {} to {}; rows and columns of images are taken",
                           to_string(value(move.x.id).shape), to_string(y.shape));
    }
    Why operator()(const TableOp& table) const {
        const bool wide = table.x.grid.dtype == DType::int16 || value(table.y).grid.dtype == DType::int16;
        return wide && !table.steps.empty() ? Why("16 bits have no tables") : std::nullopt;
    }
    template <typename Form>
    Why operator()(const Form&) const {
        return std::nullopt;
    }

  private:
    const QuantValue& value(QuantId id) const { return program_.values[index_of(id)]; }
    const Limits* find(std::string_view operation) const {
        const auto found = profile_.limits.find(operation);
        return found == profile_.limits.end() ? nullptr : &found->second;
    }
    using Sizes = std::vector<std::int64_t>;

    static Why exceeds(const Limits& limits, const Window& window, const QuantValue& y) {
        return exceeds(limits, {window.kernel_h, window.kernel_w}, {window.stride_h, window.stride_w},
                       {window.dilation_h, window.dilation_w}, y);
    }
    static Why exceeds(const Limits& limits, const Sizes& kernel, const Sizes& strides, const Sizes& dilations,
                       const QuantValue& y) {
        const auto over = [](const Sizes& sizes, std::optional<int> most) {
            return most && std::any_of(sizes.begin(), sizes.end(), [&](std::int64_t size) { return size > *most; });
        };
        if (over(kernel, limits.max_kernel))
            return fmt::format("its window is {}; {} is the most", fmt::join(kernel, "x"), *limits.max_kernel);
        if (over(strides, limits.max_stride))
            return fmt::format("its stride is {}; {} is the most", fmt::join(strides, "x"), *limits.max_stride);
        if (over(dilations, limits.max_dilation))
            return fmt::format("its dilation is {}; {} is the most", fmt::join(dilations, "x"), *limits.max_dilation);
        if (limits.max_batch && !y.shape.empty() && y.shape[0] > *limits.max_batch)
            return fmt::format("its batch is {}; {} is the most", y.shape[0], *limits.max_batch);
        return std::nullopt;
    }
    Why clamped(std::string_view op, const ActivationSpec& activation) const {
        if (activation.kind == Activation::none || activation.kind == Activation::relu ||
            activation.kind == Activation::clip) {
            return std::nullopt;
        }
        return fmt::format("there is no quantization between {} and the {} behind it{}", op, name_of(activation),
                           quantize_it);
    }

    const Profile& profile_;
    const Program& program_;
};

class NpuRunner;

struct NpuExecutable final : Executable {
    Program network;
    Profile profile;
    kernels::CpuFeatures features;
    std::vector<std::unique_ptr<Step>> sequence;  // one for each of network.ops
    std::vector<std::string> notes;
    std::vector<std::vector<QuantId>> dead_values;   // after each step
    std::vector<std::vector<ValueId>> dead_tensors;  // the same

    const Program& program() const override { return network; }
    std::string level() const override { return kernels::level_name(features); }
    std::vector<StepInfo> steps() const override {
        std::vector<StepInfo> infos;
        for (const auto& step : sequence) infos.push_back({step->name(), step->rule(), 0, step->macs()});
        return infos;
    }
    bool observable() const override { return true; }
    std::vector<std::string> rewrites() const override { return notes; }
    std::unique_ptr<Runner> make_runner(ThreadPool& pool) const override;

    void find_lifetimes() {
        dead_values.resize(sequence.size());
        dead_tensors.resize(sequence.size());
        std::vector<std::size_t> last(network.values.size(), 0);
        std::map<ValueId, std::size_t> last_tensor;
        for (std::size_t i = 0; i < sequence.size(); ++i) {
            const Op& op = network.ops[i];
            if (const QuantId y = written(op); y != no_quant) last[index_of(y)] = i;
            for (const Operand* x : operands(op)) last[index_of(x->id)] = i;
            for (ValueId id : tensors_read(op)) last_tensor[id] = i;
        }
        for (std::size_t v = 0; v < last.size(); ++v) {
            if (!sequence.empty()) dead_values[last[v]].push_back(QuantId{static_cast<std::int32_t>(v)});
        }
        for (const auto& [id, step] : last_tensor) {
            const bool output = std::any_of(network.outputs.begin(), network.outputs.end(),
                                            [read = id](const Port& port) { return port.value == read; });
            if (id != no_value && !output && !network.constants.contains(id)) dead_tensors[step].push_back(id);
        }
    }
};

class NpuRunner final : public Runner {
  public:
    NpuRunner(const NpuExecutable& executable, ThreadPool& pool) : executable_(executable) {
        state_.pool = &pool;
        state_.values.resize(executable.network.values.size());
        state_.tensors.resize(executable.network.tensors.size());
        for (const auto& [value, tensor] : executable.network.constants) {
            if (static_cast<std::size_t>(value) >= state_.tensors.size())
                state_.tensors.resize(static_cast<std::size_t>(value) + 1);
            state_.tensors[static_cast<std::size_t>(value)] = tensor;
        }
    }

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, const Observer& observer) override {
        const Program& network = executable_.network;
        state_.observer = &observer;
        for (std::size_t i = 0; i < inputs.size(); ++i)
            state_.tensors[static_cast<std::size_t>(network.inputs[i].value)] = inputs[i];
        for (std::size_t i = 0; i < executable_.sequence.size(); ++i) {
            const Step& step = *executable_.sequence[i];
            const auto start = std::chrono::steady_clock::now();
            if (auto done = step.run(state_); !done)
                return at(fmt::format("node '{}'", step.name()), std::move(done).error());
            if (observer.step) {
                const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
                observer.step({step.name(), step.rule(), elapsed.count(), step.macs()});
            }
            if (observer.tensor) show(network.ops[i], observer);
            for (QuantId id : executable_.dead_values[i]) state_.values[index_of(id)] = Tensor();
            for (ValueId id : executable_.dead_tensors[i]) state_.tensors[static_cast<std::size_t>(id)] = Tensor();
        }
        std::vector<Tensor> outputs;
        for (const Port& port : network.outputs) outputs.push_back(state_.tensor(port.value));
        return outputs;
    }

  private:
    void show(const Op& op, const Observer& observer) const {
        const Program& network = executable_.network;
        if (const QuantId y = written(op); y != no_quant) {
            const QuantValue& value = network.values[index_of(y)];
            observer.tensor({value.name, &value.grid, state_[y]});
        }
        for (ValueId id : tensors_written(op)) {
            if (id != no_value && !std::holds_alternative<OutputOp>(op.form))
                observer.tensor({network.tensors[static_cast<std::size_t>(id)].name, nullptr, state_.tensor(id)});
        }
    }

    const NpuExecutable& executable_;
    RunState state_;
};

std::unique_ptr<Runner> NpuExecutable::make_runner(ThreadPool& pool) const {
    return std::make_unique<NpuRunner>(*this, pool);
}

}  // namespace

std::optional<std::string> NpuBackend::why_not(const QuantValue& value) const {
    if (is_octets()) {
        // Of any batch.
        QuantValue one = value;
        one.images = 1;
        if (one.shape.size() == 4) one.shape[0] = 1;
        return cpu::CpuBackend(features_).why_not(one);
    }
    const Grid& grid = value.grid;
    if (grid.dtype != DType::int8 && grid.dtype != DType::uint8 && grid.dtype != DType::int16)
        return fmt::format("its type is {}; int8, uint8 and int16 are taken", dtype_name(grid.dtype));
    if (grid.dtype == DType::int16 && grid.zero_point != 0) return "16-bit tensors need the zero point 0";
    const int middle = grid.dtype == DType::uint8 ? 128 : 0;
    if (profile_.zero_point_zero && grid.zero_point != middle)
        return fmt::format("its zero point is {}; '{}' takes {} alone: quantize symmetrically", grid.zero_point,
                           profile_.name, middle);
    return std::nullopt;
}

std::optional<std::string> NpuBackend::why_not(const Op& op, const Program& program) const {
    const bool bridges = std::holds_alternative<QuantizeOp>(op.form) || std::holds_alternative<DequantizeOp>(op.form);
    if (bridges) return std::nullopt;
    if (std::holds_alternative<PixelsOp>(op.form)) return is_octets() ? std::nullopt : Why("pixels are quantized");
    const bool integer_border = std::holds_alternative<InputOp>(op.form) || std::holds_alternative<OutputOp>(op.form);
    if (integer_border) return is_octets() ? Why("integers are dequantized first") : std::nullopt;
    std::string_view operation = operation_of(op, program);
    if (is_octets() && std::holds_alternative<TableOp>(op.form)) operation = "table";
    const auto rule = profile_.rule(operation);
    if (!rule)
        return fmt::format("'{}' has no rule for \"{}\"; leave it in float, or give the profile one", profile_.name,
                           operation);
    if (is_octets() || rule == "fixed16") return cpu::CpuBackend(features_).why_not(op, program);
    return std::visit(Judge(profile_, program), op.form);
}

Result<std::shared_ptr<const Executable>> NpuBackend::compile(Program program) const {
    std::vector<std::string> refused;
    std::string cure;
    if (!profile_.rule("float")) {
        for (const FloatLayer& layer : program.float_layers())
            refused.push_back(fmt::format("node '{}' ({}): {}", layer.name, layer.op, layer.reason));
        if (!refused.empty()) cure = "\n  A profile whose rules have \"float\": \"run\" runs such nodes in float.";
    }
    auto executable = std::make_shared<NpuExecutable>();
    executable->notes = rewrite(program, profile_);
    executable->network = std::move(program);
    executable->profile = profile_;
    executable->features = features_;
    for (const Op& op : executable->network.ops) {
        auto step = make_step(op, executable->network, profile_, features_);
        if (!step) {
            refused.push_back(fmt::format("node '{}' ({}): {}", op.name, kind_of(op), step.error().message));
            continue;
        }
        executable->sequence.push_back(std::move(*step));
    }
    if (!refused.empty()) {
        return fail(ErrorCode::unsupported, "profile '{}' cannot run {} node{}:\n  {}{}", profile_.name, refused.size(),
                    refused.size() == 1 ? "" : "s", fmt::join(refused, "\n  "), cure);
    }
    executable->find_lifetimes();
    return std::shared_ptr<const Executable>(std::move(executable));
}

}  // namespace octet::engine::npu_emu
