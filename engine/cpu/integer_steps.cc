#include "engine/cpu/integer_steps.h"

#include "base/aligned_memory.h"
#include "engine/cpu/arithmetic.h"
#include "engine/cpu/step_common.h"
#include "kernels/avgpool.h"
#include "kernels/batchnorm.h"
#include "kernels/concat.h"
#include "kernels/lut.h"
#include "kernels/maxpool.h"
#include "kernels/mul.h"
#include "kernels/resize_linear.h"
#include "kernels/resize_nearest.h"

namespace octet::engine::cpu {
namespace {

using kernels::CpuFeatures;

struct ConvPlanes {
    PlaneRef in, out, residual, partial;
};

class ConvStep final : public Step {
  public:
    ConvStep(CpuFeatures features, const std::string& name, const kernels::ConvParams& params,
             std::span<const std::int8_t> weights, kernels::Fixed16Storage epilogue, const ConvPlanes& planes,
             std::int64_t macs)
        : ConvStep(kernels::select_conv(features, params, weights.data()), name, params, weights, std::move(epilogue),
                   planes, macs) {}

    Result<void> run(RunState& state) const override {
        const kernels::ConvCall call = make_call(state);
        const int units = kernel_.units(call);
        state.pool->run(units, grain_of(units, *state.pool), [&](std::int64_t begin, std::int64_t end, int thread) {
            kernel_.run(call, static_cast<int>(begin), static_cast<int>(end),
                        state.scratch[static_cast<std::size_t>(thread)]);
        });
        return {};
    }

    std::vector<PlaneRef> planes() const override {
        std::vector<PlaneRef> planes = {planes_.in, planes_.out};
        for (const PlaneRef& added : {planes_.residual, planes_.partial}) {
            if (added.plane >= 0) planes.push_back(added);
        }
        return planes;
    }
    std::size_t constant_bytes() const override { return packed_size_; }

    std::size_t scratch_bytes(const std::vector<Plane>& planes) const override {
        // Views of no memory: the kernel looks at their shapes only.
        RunState state;
        state.planes = &planes;
        alignas(kernels::buffer_alignment) std::byte origin{};
        state.arena = &origin;
        return kernel_.scratch_bytes(make_call(state));
    }

  private:
    ConvStep(const kernels::ConvKernel& kernel, const std::string& name, const kernels::ConvParams& params,
             std::span<const std::int8_t> weights, kernels::Fixed16Storage epilogue, const ConvPlanes& planes,
             std::int64_t macs)
        : Step(name, kernel.name, macs),
          kernel_(kernel),
          params_(params),
          epilogue_(std::move(epilogue)),
          planes_(planes),
          packed_size_(kernel.packed_bytes(params, weights.data())),
          packed_(aligned_bytes(packed_size_)) {
        kernel.pack(params, weights.data(), packed_.get());
    }

    kernels::ConvCall make_call(const RunState& state) const {
        kernels::ConvCall call;
        call.params = params_;
        call.packed = packed_.get();
        call.in = state.bytes(planes_.in).as_const();
        call.epilogue = epilogue_.view();
        switch (call.epilogue.output) {
            case kernels::OutputKind::u8:
                call.out_u8 = state.view<std::uint8_t>(planes_.out);
                break;
            case kernels::OutputKind::s16:
                call.out_s16 = state.view<std::int16_t>(planes_.out);
                break;
            case kernels::OutputKind::s32:
                call.out_s32 = state.view<std::int32_t>(planes_.out);
                break;
        }
        if (planes_.residual.plane >= 0) call.residual = state.view<std::uint8_t>(planes_.residual).as_const();
        if (planes_.partial.plane >= 0) call.partial = state.view<std::int32_t>(planes_.partial).as_const();
        return call;
    }

    const kernels::ConvKernel& kernel_;
    kernels::ConvParams params_;
    kernels::Fixed16Storage epilogue_;
    ConvPlanes planes_;
    std::size_t packed_size_;
    AlignedBytes packed_;
};

// A 1x1 convolution over the channels from first_channel on, as many as planes.in has, of what `conv` reads;
// `shared_by`: how many pixels of the result share one of its outputs.
std::unique_ptr<Step> part_of(CpuFeatures features, const Op& op, const ConvOp& conv, int first_channel,
                              const ConvPlanes& planes, int shared_by, kernels::Fixed16Storage epilogue) {
    kernels::ConvParams params = conv_params(conv);
    const int cin = params.cin;
    params.cin = planes.in.channels;
    params.adds_partial = planes.partial.plane >= 0;
    const auto whole = conv.weights.data<std::int8_t>();  // [cout][cin]: the kernel is 1x1
    std::vector<std::int8_t> weights;
    for (int o = 0; o < params.cout; ++o) {
        const auto row = whole.begin() + std::ptrdiff_t{o} * cin + first_channel;
        weights.insert(weights.end(), row, row + params.cin);
    }
    const std::int64_t macs = op.macs / cin * params.cin / shared_by;
    return std::make_unique<ConvStep>(features, op.name, params, weights, std::move(epilogue), planes, macs);
}

}  // namespace

kernels::ConvParams conv_params(const ConvOp& conv, bool upsampled) {
    const Window& window = conv.window;
    kernels::ConvParams params;
    params.kernel_h = window.kernel_h;
    params.kernel_w = window.kernel_w;
    params.stride_h = window.stride_h;
    params.stride_w = window.stride_w;
    params.pad_top = window.pad_top;
    params.pad_left = window.pad_left;
    params.dilation_h = window.dilation_h;
    params.dilation_w = window.dilation_w;
    params.groups = conv.groups;
    params.cin = static_cast<int>(conv.weights.shape()[1]) * conv.groups;
    params.cout = static_cast<int>(conv.weights.shape()[0]);
    params.input = conv.x.grid.dtype == DType::int16 ? kernels::ConvInput::s16 : kernels::ConvInput::u8;
    params.upsampled = upsampled;
    return params;
}

std::vector<std::int8_t> kernel_weights(const Tensor& oihw) {
    const Shape& shape = oihw.shape();
    const auto from = oihw.data<std::int8_t>();
    const std::int64_t taps = shape[2] * shape[3];
    std::vector<std::int8_t> weights(from.size());
    for (std::int64_t o = 0; o < shape[0]; ++o) {
        for (std::int64_t i = 0; i < shape[1]; ++i) {
            for (std::int64_t t = 0; t < taps; ++t) {
                weights[static_cast<std::size_t>((o * taps + t) * shape[1] + i)] =
                    from[static_cast<std::size_t>((o * shape[1] + i) * taps + t)];
            }
        }
    }
    return weights;
}

Result<std::vector<std::unique_ptr<Step>>> make_conv_steps(CpuFeatures features, const Op& op, const Grid& y,
                                                           const ConvPlacement& placement) {
    const auto& conv = std::get<ConvOp>(op.form);
    OCTET_ASSIGN(auto epilogue, conv_epilogue(conv, y));
    std::vector<std::unique_ptr<Step>> steps;
    if (!placement.upsampled_part) {
        steps.push_back(std::make_unique<ConvStep>(
            features, op.name, conv_params(conv, placement.upsampled), kernel_weights(conv.weights),
            std::move(epilogue), ConvPlanes{placement.in, placement.out, placement.residual, {}}, op.macs));
        return steps;
    }
    const std::vector<double> any_scale(static_cast<std::size_t>(conv.weights.shape()[0]), 1.0);
    kernels::Fixed16Spec unrounded;
    unrounded.acc_scale = any_scale;
    unrounded.output = kernels::OutputKind::s32;
    auto sums = kernels::make_fixed16(unrounded);
    if (!sums) return fail(ErrorCode::unsupported, "{}", sums.error());
    const ConvPlacement::UpsampledPart& up = *placement.upsampled_part;
    const int beside = up.first_channel == 0 ? up.in.channels : 0;
    steps.push_back(part_of(features, op, conv, up.first_channel, {up.in, up.sums, {}, {}}, 4, std::move(*sums)));
    steps.push_back(part_of(features, op, conv, beside, {placement.in, placement.out, placement.residual, up.sums}, 1,
                            std::move(epilogue)));
    return steps;
}

StepResult make_batchnorm_step(CpuFeatures features, const std::string& name, const BatchNormOp& norm, const Grid& y,
                               int rows, PlaneRef in, PlaneRef out) {
    OCTET_ASSIGN(IntegerBatchNorm integers, integer_batchnorm(norm, y));
    return row_step(name, kernels::select(kernels::batchnorm_kernels(), features), rows, {in, out},
                    [in, out, integers = std::move(integers)](const RunState& state) {
                        kernels::BatchNormCall call;
                        call.in = state.view<std::uint8_t>(in).as_const();
                        call.weights = integers.weights.data();
                        call.epilogue = integers.epilogue.view();
                        call.out = state.view<std::uint8_t>(out);
                        return call;
                    });
}

StepResult make_add_step(CpuFeatures features, const std::string& name, const AddOp& add, const Grid& y, int rows,
                         PlaneRef a, PlaneRef b, PlaneRef out) {
    OCTET_ASSIGN(const kernels::AddParams params, add_params(add, y));
    return row_step(
        name, kernels::select(kernels::add_kernels(), features), rows, {a, b, out}, [=](const RunState& state) {
            return kernels::AddCall{state.view<std::uint8_t>(a).as_const(), state.view<std::uint8_t>(b).as_const(),
                                    params, state.view<std::uint8_t>(out)};
        });
}

StepResult make_mul_step(CpuFeatures features, const std::string& name, const MulOp& mul, const Grid& y, int rows,
                         PlaneRef a, PlaneRef b, PlaneRef out) {
    OCTET_ASSIGN(const kernels::MulParams params, mul_params(mul, y));
    return row_step(
        name, kernels::select(kernels::mul_kernels(), features), rows, {a, b, out}, [=](const RunState& state) {
            return kernels::MulCall{state.view<std::uint8_t>(a).as_const(), state.view<std::uint8_t>(b).as_const(),
                                    params, state.view<std::uint8_t>(out)};
        });
}

StepResult make_copy_step(CpuFeatures features, const std::string& name, const Grid& x, const Grid& y, int rows,
                          PlaneRef in, PlaneRef out, int first_row, int first_column) {
    OCTET_ASSIGN(const kernels::RequantizeCopyParams params, copy_params(x, y));
    return row_step(name, kernels::select(kernels::concat_kernels(), features), rows, {in, out},
                    [=](const RunState& state) {
                        const kernels::ConstU8View from = state.bytes(in).as_const();
                        kernels::U8View to = state.bytes(out);
                        to.data = to.pixel(first_row, first_column);
                        to.h = from.h;
                        to.w = from.w;
                        return kernels::ConcatCall{from, params, to};
                    });
}

StepResult make_move_step(CpuFeatures features, const std::string& name, MoveTables tables, const Grid& y, int rows,
                          PlaneRef in, PlaneRef out) {
    const std::uint8_t fill = zero_byte(y);
    return row_step(name, kernels::select(kernels::move_kernels(), features), rows, {in, out},
                    [=, tables = std::move(tables)](const RunState& state) {
                        kernels::MoveCall call;
                        call.row = tables.row.data();
                        call.column = tables.column.data();
                        call.channel = tables.channel.data();
                        call.element = tables.element.empty() ? nullptr : tables.element.data();
                        call.blocks = tables.blocks.blocks.data();
                        call.parts = tables.blocks.parts.data();
                        call.fill = fill;
                        call.in = state.bytes(in).as_const();
                        call.out = state.bytes(out);
                        return call;
                    });
}

StepResult make_avgpool_step(CpuFeatures features, const std::string& name, const AveragePoolOp& pool, const Grid& y,
                             int rows, PlaneRef in, PlaneRef out) {
    OCTET_ASSIGN(const kernels::AvgPoolParams params, avgpool_params(pool, y));
    return row_step(name, kernels::select(kernels::avgpool_kernels(), features), rows, {in, out},
                    [=, window = pool.window, counts_padding = pool.counts_padding](const RunState& state) {
                        return kernels::AvgPoolCall{window.kernel_h,
                                                    window.kernel_w,
                                                    window.stride_h,
                                                    window.stride_w,
                                                    window.pad_top,
                                                    window.pad_left,
                                                    window.pad_bottom,
                                                    window.pad_right,
                                                    counts_padding,
                                                    params,
                                                    state.view<std::uint8_t>(in).as_const(),
                                                    state.view<std::uint8_t>(out)};
                    });
}

StepResult make_maxpool_step(CpuFeatures features, const std::string& name, const Window& window, int rows, PlaneRef in,
                             PlaneRef out) {
    return row_step(name, kernels::select(kernels::maxpool_kernels(), features), rows, {in, out},
                    [=](const RunState& state) {
                        return kernels::MaxPoolCall{window.kernel_h,
                                                    window.kernel_w,
                                                    window.stride_h,
                                                    window.stride_w,
                                                    window.pad_top,
                                                    window.pad_left,
                                                    state.view<std::uint8_t>(in).as_const(),
                                                    state.view<std::uint8_t>(out)};
                    });
}

StepResult make_resize_step(CpuFeatures features, const std::string& name, const ResizeOp& resize, PlaneRef in,
                            PlaneRef out) {
    const auto rows = static_cast<int>(resize.source_y.size());
    return row_step(name, kernels::select(kernels::resize_nearest_kernels(), features), rows, {in, out},
                    [in, out, source_y = resize.source_y, source_x = resize.source_x](const RunState& state) {
                        return kernels::ResizeNearestCall{source_y.data(), source_x.data(), state.bytes(in).as_const(),
                                                          state.bytes(out)};
                    });
}

StepResult make_resize_linear_step(CpuFeatures features, const std::string& name, const ResizeLinearOp& resize,
                                   PlaneRef in, PlaneRef out) {
    const auto rows = static_cast<int>(resize.rows.size());
    return row_step(name, kernels::select(kernels::resize_linear_kernels(), features), rows, {in, out},
                    [in, out, resize](const RunState& state) {
                        return kernels::ResizeLinearCall{resize.rows.data(), resize.columns.data(),
                                                         resize.x.grid.zero_point, state.bytes(in).as_const(),
                                                         state.bytes(out)};
                    });
}

StepResult make_table_step(CpuFeatures features, const std::string& name, const TableOp& table, int rows, PlaneRef in,
                           PlaneRef out) {
    return row_step(name, kernels::select(kernels::lut_kernels(), features), rows, {in, out},
                    [in, out, table = table.table](const RunState& state) {
                        return kernels::LutCall{table.data(), state.view<std::uint8_t>(in).as_const(),
                                                state.view<std::uint8_t>(out)};
                    });
}

namespace {

class HaloStep final : public Step {
  public:
    HaloStep(const std::string& name, PlaneRef plane) : Step(name, "fill_halo", 0), plane_(plane) {}

    Result<void> run(RunState& state) const override {
        const auto& values = (*state.planes)[static_cast<std::size_t>(plane_.plane)].halo_values;
        const auto view = state.bytes(plane_);  // int16 planes hold 0 there
        if (values.size() == 1) {
            kernels::fill_halo(view, values[0]);
        } else {
            kernels::fill_halo_per_channel(view, values.data());
        }
        return {};
    }
    std::vector<PlaneRef> planes() const override { return {plane_}; }

  private:
    PlaneRef plane_;
};

}  // namespace

std::unique_ptr<Step> make_halo_step(const std::string& name, PlaneRef plane) {
    return std::make_unique<HaloStep>(name, plane);
}

}  // namespace octet::engine::cpu
