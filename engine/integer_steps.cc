#include "engine/integer_steps.h"

#include <limits>
#include <numeric>

#include "base/aligned_memory.h"
#include "engine/step_common.h"
#include "kernels/batchnorm.h"
#include "kernels/concat.h"
#include "kernels/lut.h"
#include "kernels/maxpool.h"
#include "kernels/resize_nearest.h"

namespace octet::engine {
namespace {

using kernels::CpuFeatures;

kernels::Grid kernel_grid(const QuantGrid& grid) {
    return {grid.scale, plane_zero_point(grid)};
}

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
        : Step(name, kernel.name, Arithmetic::integer, macs),
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

// A 1x1 convolution over the channels from first_channel on, as many as planes.in has, of what `spec` reads;
// `shared_by`: how many pixels of the result share one of its outputs.
std::unique_ptr<Step> part_of(CpuFeatures features, const ConvSpec& spec, int first_channel, const ConvPlanes& planes,
                              int shared_by, kernels::Fixed16Storage epilogue) {
    kernels::ConvParams params = spec.params;
    params.cin = planes.in.channels;
    params.adds_partial = planes.partial.plane >= 0;
    std::vector<std::int8_t> weights;
    for (int o = 0; o < params.cout; ++o) {
        const auto row = spec.weights.begin() + std::ptrdiff_t{o} * spec.params.cin + first_channel;
        weights.insert(weights.end(), row, row + params.cin);
    }
    const std::int64_t macs = spec.macs / spec.params.cin * params.cin / shared_by;
    return std::make_unique<ConvStep>(features, spec.name, params, weights, std::move(epilogue), planes, macs);
}

// What convolution and batch normalization have in common. `spec` refers to the arrays of the caller.
void describe_output(const QuantGrid& grid, const ActivationSpec& activation, kernels::Fixed16Spec& spec) {
    spec.activation = activation.kind;
    spec.alpha = activation.alpha;
    spec.prelu_alpha = activation.channel_alpha;
    spec.clip_lo = activation.clip_lo;
    spec.clip_hi = activation.clip_hi;
    if (grid.dtype == DType::int16) {
        spec.output = kernels::OutputKind::s16;
        spec.out_scale = grid.scale;
        spec.max_f = 12;
    } else {
        spec.out_scale = grid.scale;
        spec.out_zero_point = plane_zero_point(grid);
    }
}

// bias[c] / scale[c] as int32, or which channel does not fit.
Result<std::vector<std::int32_t>> integer_bias(const std::vector<double>& bias, const std::vector<double>& scale) {
    std::vector<std::int32_t> out;
    for (std::size_t c = 0; c < bias.size(); ++c) {
        const double value = std::nearbyint(bias[c] / scale[c]);
        if (!(std::abs(value) <= 2147483647.0)) {
            return fail(ErrorCode::unsupported,
                        "the bias of channel {} does not fit 32 bits on the accumulator's scale", c);
        }
        out.push_back(static_cast<std::int32_t>(value));
    }
    return out;
}

}  // namespace

Result<ConvStepResult> make_conv_step(CpuFeatures features, const ConvSpec& spec) {
    const auto cout = static_cast<std::size_t>(spec.params.cout);
    const std::size_t per_channel = spec.weights.size() / cout;
    const std::size_t group_cin = static_cast<std::size_t>(spec.params.cin / spec.params.groups);
    const std::size_t couts_per_group = cout / static_cast<std::size_t>(spec.params.groups);

    std::vector<double> acc_scale(cout);
    std::vector<std::int32_t> zero_point_sum(cout);  // sum of weight * zero point of its input channel
    std::vector<std::int64_t> abs_sum(cout);
    for (std::size_t o = 0; o < cout; ++o) {
        acc_scale[o] = spec.in_grid.scale * spec.weight_scales[o];
        const std::int8_t* w = spec.weights.data() + o * per_channel;
        const std::size_t first_input = o / couts_per_group * group_cin;
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < per_channel; ++i) {
            const auto& channels = spec.in_grid.channel_zero_points;
            const int zero_point =
                channels.empty() ? plane_zero_point(spec.in_grid) : channels[first_input + i % group_cin];
            sum += std::int64_t{w[i]} * zero_point;
            abs_sum[o] += std::abs(int{w[i]});
        }
        if (std::abs(sum) > std::numeric_limits<std::int32_t>::max()) {
            return fail(ErrorCode::unsupported, "the accumulator of channel {} can exceed 32 bits", o);
        }
        zero_point_sum[o] = static_cast<std::int32_t>(sum);
    }
    OCTET_ASSIGN(const std::vector<std::int32_t> bias, integer_bias(spec.bias, acc_scale));

    kernels::Fixed16Spec epilogue;
    epilogue.acc_scale = acc_scale;
    epilogue.bias = bias;
    epilogue.weight_sum = zero_point_sum;
    epilogue.in_zero_point = 1;  // weight_sum holds the zero points already
    epilogue.weight_abs_sum = abs_sum;
    if (spec.in_grid.dtype == DType::int16) epilogue.in_max = 32768;
    describe_output(spec.out_grid, spec.activation, epilogue);
    if (spec.residual_grid) {
        epilogue.residual = {spec.residual_grid->scale, plane_zero_point(*spec.residual_grid)};
    }
    auto storage = kernels::make_fixed16(epilogue);
    if (!storage) return fail(ErrorCode::unsupported, "{}", storage.error());

    ConvStepResult result;
    result.grid = spec.out_grid;
    if (spec.out_grid.dtype == DType::int16) result.grid.scale = storage->s16_scale();
    if (!spec.upsampled_part) {
        result.step = std::make_unique<ConvStep>(features, spec.name, spec.params, spec.weights, std::move(*storage),
                                                 ConvPlanes{spec.in, spec.out, spec.residual, {}}, spec.macs);
        return result;
    }
    kernels::Fixed16Spec unrounded;
    unrounded.acc_scale = acc_scale;
    unrounded.output = kernels::OutputKind::s32;
    auto sums = kernels::make_fixed16(unrounded);
    if (!sums) return fail(ErrorCode::unsupported, "{}", sums.error());
    const ConvSpec::UpsampledPart& up = *spec.upsampled_part;
    const int beside = up.first_channel == 0 ? up.in.channels : 0;
    result.upsampled_part = part_of(features, spec, up.first_channel, {up.in, up.sums, {}, {}}, 4, std::move(*sums));
    result.step = part_of(features, spec, beside, {spec.in, spec.out, spec.residual, up.sums}, 1, std::move(*storage));
    return result;
}

StepResult make_batchnorm_step(CpuFeatures features, const BatchNormSpec& spec) {
    const std::size_t channels = spec.weights.size();
    const std::vector<double> acc_scale(channels, spec.in_grid.scale * spec.weight_scale);
    std::vector<std::int32_t> weight_sum(spec.weights.begin(), spec.weights.end());
    std::vector<std::int64_t> abs_sum;
    for (std::int16_t w : spec.weights) abs_sum.push_back(std::abs(int{w}));
    OCTET_ASSIGN(const std::vector<std::int32_t> bias, integer_bias(spec.bias, acc_scale));

    kernels::Fixed16Spec epilogue;
    epilogue.acc_scale = acc_scale;
    epilogue.bias = bias;
    epilogue.weight_sum = weight_sum;
    epilogue.in_zero_point = plane_zero_point(spec.in_grid);
    epilogue.weight_abs_sum = abs_sum;
    describe_output(spec.out_grid, spec.activation, epilogue);
    auto storage = kernels::make_fixed16(epilogue);
    if (!storage) return fail(ErrorCode::unsupported, "{}", storage.error());

    std::vector<std::int16_t> weights = spec.weights;
    weights.resize((channels + kernels::fixed16_padding - 1) / kernels::fixed16_padding * kernels::fixed16_padding);
    const auto& entry = kernels::select(kernels::batchnorm_kernels(), features);
    return row_step(spec.name, entry, Arithmetic::integer, spec.rows, {spec.in, spec.out},
                    [in = spec.in, out = spec.out, weights = std::move(weights),
                     epilogue = std::move(*storage)](const RunState& state) {
                        kernels::BatchNormCall call;
                        call.in = state.view<std::uint8_t>(in).as_const();
                        call.weights = weights.data();
                        call.epilogue = epilogue.view();
                        call.out = state.view<std::uint8_t>(out);
                        return call;
                    });
}

StepResult make_add_step(CpuFeatures features, std::string name, int rows, const QuantGrid& a_grid, PlaneRef a,
                         const QuantGrid& b_grid, PlaneRef b, const QuantGrid& out_grid, PlaneRef out,
                         const ActivationSpec& activation) {
    auto params = kernels::make_add(kernel_grid(a_grid), kernel_grid(b_grid), kernel_grid(out_grid), activation.kind,
                                    activation.alpha);
    if (!params) return fail(ErrorCode::unsupported, "{}", params.error());
    return row_step(std::move(name), kernels::select(kernels::add_kernels(), features), Arithmetic::integer, rows,
                    {a, b, out}, [=, params = *params](const RunState& state) {
                        return kernels::AddCall{state.view<std::uint8_t>(a).as_const(),
                                                state.view<std::uint8_t>(b).as_const(), params,
                                                state.view<std::uint8_t>(out)};
                    });
}

StepResult make_copy_step(CpuFeatures features, std::string name, int rows, const QuantGrid& in_grid, PlaneRef in,
                          const QuantGrid& out_grid, PlaneRef out) {
    auto params = kernels::make_requantize_copy(kernel_grid(in_grid), kernel_grid(out_grid));
    if (!params) return fail(ErrorCode::unsupported, "{}", params.error());
    return row_step(std::move(name), kernels::select(kernels::concat_kernels(), features), Arithmetic::integer, rows,
                    {in, out}, [=, params = *params](const RunState& state) {
                        return kernels::ConcatCall{state.bytes(in).as_const(), params, state.bytes(out)};
                    });
}

StepResult make_maxpool_step(CpuFeatures features, std::string name, int rows, const PoolSpec& spec, PlaneRef in,
                             PlaneRef out) {
    return row_step(std::move(name), kernels::select(kernels::maxpool_kernels(), features), Arithmetic::integer, rows,
                    {in, out}, [=](const RunState& state) {
                        return kernels::MaxPoolCall{spec.kernel_h,
                                                    spec.kernel_w,
                                                    spec.stride_h,
                                                    spec.stride_w,
                                                    spec.pad_top,
                                                    spec.pad_left,
                                                    state.view<std::uint8_t>(in).as_const(),
                                                    state.view<std::uint8_t>(out)};
                    });
}

StepResult make_resize_step(CpuFeatures features, std::string name, std::vector<std::int32_t> source_y,
                            std::vector<std::int32_t> source_x, PlaneRef in, PlaneRef out) {
    const auto rows = static_cast<int>(source_y.size());
    return row_step(std::move(name), kernels::select(kernels::resize_nearest_kernels(), features), Arithmetic::integer,
                    rows, {in, out},
                    [=, source_y = std::move(source_y), source_x = std::move(source_x)](const RunState& state) {
                        return kernels::ResizeNearestCall{source_y.data(), source_x.data(), state.bytes(in).as_const(),
                                                          state.bytes(out)};
                    });
}

StepResult make_lut_step(CpuFeatures features, std::string name, int rows, std::vector<std::uint8_t> table, PlaneRef in,
                         PlaneRef out) {
    return row_step(std::move(name), kernels::select(kernels::lut_kernels(), features), Arithmetic::integer, rows,
                    {in, out}, [=, table = std::move(table)](const RunState& state) {
                        return kernels::LutCall{table.data(), state.view<std::uint8_t>(in).as_const(),
                                                state.view<std::uint8_t>(out)};
                    });
}

namespace {

class HaloStep final : public Step {
  public:
    HaloStep(std::string name, PlaneRef plane)
        : Step(std::move(name), "fill_halo", Arithmetic::integer, 0), plane_(plane) {}

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

std::unique_ptr<Step> make_halo_step(std::string name, PlaneRef plane) {
    return std::make_unique<HaloStep>(std::move(name), plane);
}

}  // namespace octet::engine
