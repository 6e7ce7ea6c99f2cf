// Convolutions: accumulators by the fast kernels where 32 bits hold them exactly, by loops in the profile's order of
// additions where they do not or where an addition may saturate; then the profile's rule.

#include <algorithm>
#include <limits>
#include <mutex>

#include "engine/cpu/arithmetic.h"
#include "engine/cpu/integer_steps.h"
#include "engine/npu_emu/accumulators.h"
#include "engine/npu_emu/mlas.h"
#include "engine/npu_emu/step.h"
#include "kernels/conv.h"

namespace octet::engine::npu_emu {
namespace {

using kernels::Activation;

// What comes behind the accumulator.
enum class Finish {
    rule,      // a Requantizer a channel
    in_float,  // dequantized, activation and shortcut in float32, quantized
    fixed16,   // kernels/requantize.h
};

float activate(float x, const ActivationSpec& activation, std::size_t channel) {
    switch (activation.kind) {
        case Activation::none:
            return x;
        case Activation::relu:
            return std::max(x, 0.0F);
        case Activation::leaky:
            return x >= 0 ? x : x * static_cast<float>(activation.alpha);
        case Activation::prelu:
            return x >= 0 ? x : x * static_cast<float>(activation.channel_alpha[channel]);
        case Activation::clip:
            return std::min(std::max(x, static_cast<float>(activation.clip_lo)),
                            static_cast<float>(activation.clip_hi));
        case Activation::hardswish:
            return x * std::max(0.0F, std::min(1.0F, x * (1.0F / 6.0F) + 0.5F));
        case Activation::table: {
            const auto real = static_cast<double>(x);
            const auto y = static_cast<float>(activation.function({&real, 1}).front());
            return activation.channel_gain.empty() ? y : y * static_cast<float>(activation.channel_gain[channel]);
        }
        case Activation::gated:
            break;  // a form of table
    }
    return x;
}

float real_of(const Tensor& x, const Grid& grid, std::int64_t at) {
    return with_integers(grid.dtype, [&]<typename T>() {
        return static_cast<float>(x.data<T>()[static_cast<std::size_t>(at)] - grid.zero_point) * grid.scale;
    });
}

class ConvStep final : public Step {
  public:
    ConvStep(const Op& op, const Program& program, const Profile& profile, std::string rule, Finish finish)
        : Step(op.name, std::move(rule), op.macs),
          conv_(std::get<ConvOp>(op.form)),
          finish_(finish),
          accumulator_(profile.accumulator),
          y_grid_(program.values[index_of(conv_.y)].grid),
          y_shape_(program.values[index_of(conv_.y)].shape),
          range_(activated_range(conv_.activation, y_grid_, profile.range(y_grid_.dtype))) {
        const Shape& x = program.values[index_of(conv_.x.id)].shape;
        cin_ = static_cast<int>(conv_.weights.shape()[1]) * conv_.groups;
        cout_ = static_cast<int>(conv_.weights.shape()[0]);
        if (conv_.dense) {
            images_ = element_count(x).value() / cin_;
        } else {
            images_ = x[0];
            h_ = static_cast<int>(x[2]), w_ = static_cast<int>(x[3]);
            out_h_ = static_cast<int>(y_shape_[2]), out_w_ = static_cast<int>(y_shape_[3]);
        }
        wide_ = conv_.x.grid.dtype == DType::int16;
        offset_ = conv_.x.grid.dtype == DType::int8 ? 128 : 0;
        padding_ = profile.padding(conv_.x.grid);
    }

    Result<void> prepare(const Profile& profile, kernels::CpuFeatures features, std::optional<RequantRule> rule) {
        params_ = cpu::conv_params(conv_);
        const auto weights = cpu::kernel_weights(conv_.weights);
        kernel_ = &kernels::select_conv(features, params_, weights.data());
        packed_ = aligned_bytes(std::max<std::size_t>(1, kernel_->packed_bytes(params_, weights.data())));
        kernel_->pack(params_, weights.data(), packed_.get());
        kernels::Fixed16Spec unrounded;
        const std::vector<double> any_scale(static_cast<std::size_t>(cout_), 1.0);
        unrounded.acc_scale = any_scale;
        unrounded.output = kernels::OutputKind::s32;
        auto sums = kernels::make_fixed16(unrounded);
        if (!sums) return fail(ErrorCode::unsupported, "{}", sums.error());
        unrounded_ = std::move(*sums);
        if (finish_ == Finish::fixed16) {
            OCTET_ASSIGN(fixed16_, cpu::conv_epilogue(conv_, y_grid_));
        }
        find_bounds();
        if (finish_ == Finish::fixed16 && !fast_)
            return fail(ErrorCode::unsupported, "its accumulators can exceed 32 bits");
        if (finish_ == Finish::rule) {
            for (int o = 0; o < cout_; ++o) {
                auto r = make_requantizer(*rule, conv_.x.grid.scale, weight_scale(o), y_grid_.scale, y_grid_.zero_point,
                                          range_, profile.multiplier);
                if (!r) return fail(r.error().code, "channel {}: {}", o, r.error().message);
                requantizers_.push_back(*r);
            }
        }
        return {};
    }

    Result<void> run(RunState& state) const override {
        OCTET_ASSIGN(Tensor y, Tensor::create(y_grid_.dtype, y_shape_));
        for (std::int64_t image = 0; image < images_; ++image) {
            if (fast_) {
                accumulate(state, image);
                finish_fast(state, image, y);
            } else {
                run_exactly(state, image, y);
            }
        }
        state.values[index_of(conv_.y)] = std::move(y);
        return {};
    }

  private:
    float weight_scale(int o) const { return static_cast<float>(conv_.weight_scales[static_cast<std::size_t>(o)]); }

    // Which channels' sums fit the kernel's 32 bits and the profile's accumulator, whatever the input.
    void find_bounds() {
        bias_ = accumulator_bias(conv_);
        const std::vector<SumRange> ranges = sum_ranges(conv_, padding_);
        const auto weights = conv_.weights.data<std::int8_t>();
        const std::size_t taps = weights.size() / ranges.size();
        const bool saturates_inside = accumulator_.overflow == Overflow::saturate && accumulator_.each_addition;
        fast_ = !wide_ || conv_.x.grid.zero_point == 0;
        for (std::size_t o = 0; o < ranges.size(); ++o) {
            std::int64_t sum = 0, magnitude = 0;
            for (std::size_t t = 0; t < taps; ++t) {
                const int w = weights[o * taps + t];
                sum += w;
                magnitude += std::abs(w);
            }
            weight_sum_.push_back(sum);
            fits_.push_back(ranges[o].min >= accumulator_.min() && ranges[o].max <= accumulator_.max());
            constexpr std::int64_t kernel_bound = std::numeric_limits<std::int32_t>::max();
            if (magnitude * (wide_ ? 32768 : 255) > kernel_bound || (!fits_.back() && saturates_inside)) fast_ = false;
        }
    }

    // With what the accumulator does to a sum that it cannot hold.
    std::int64_t with_bias(std::int64_t sum, int o) const {
        const std::int64_t bias = bias_[static_cast<std::size_t>(o)];
        return fits_[static_cast<std::size_t>(o)] ? sum + bias : npu_emu::with_bias(sum, bias, accumulator_);
    }

    // The input as the kernels want it, NHWC with the padding around it, and the sums over its raw bytes.
    void accumulate(RunState& state, std::int64_t image) const {
        const int halo = kernels::conv_halo(params_, h_, w_, out_h_, out_w_);
        const int element = wide_ ? 2 : 1;
        const auto layout = kernels::plane_layout(h_, w_, cin_, halo, element);
        std::byte* memory = state.plane.at_least(static_cast<std::size_t>(layout.elements * element));
        const Tensor& x = state[conv_.x.id];
        if (wide_) {
            const auto view = kernels::view_of(reinterpret_cast<std::int16_t*>(memory), layout);
            kernels::fill_halo(kernels::bytes_of<std::uint8_t>(view), 0);
            copy_in(state, x.data<std::int16_t>().data() + image * cin_ * h_ * w_, view, 0);
        } else {
            const auto view = kernels::view_of(reinterpret_cast<std::uint8_t*>(memory), layout);
            if (const auto& channels = conv_.x.channel_zero_points; !channels.empty()) {
                const std::vector<std::uint8_t> values(channels.begin(), channels.end());
                kernels::fill_halo_per_channel(view, values.data());
            } else {
                kernels::fill_halo(view, static_cast<std::uint8_t>(padding_ + offset_));
            }
            copy_in(state, reinterpret_cast<const std::uint8_t*>(x.raw()) + image * cin_ * h_ * w_, view,
                    offset_ != 0 ? 0x80 : 0);
        }
        const auto sums = kernels::plane_layout(out_h_, out_w_, cout_, 0, 4);
        kernels::ConvCall call;
        call.params = params_;
        call.packed = packed_.get();
        call.in =
            wide_ ? kernels::bytes_of<std::uint8_t>(kernels::view_of(reinterpret_cast<std::int16_t*>(memory), layout))
                        .as_const()
                  : kernels::view_of(reinterpret_cast<std::uint8_t*>(memory), layout).as_const();
        call.epilogue = unrounded_.view();
        call.out_s32 = kernels::view_of(
            reinterpret_cast<std::int32_t*>(state.sums.at_least(static_cast<std::size_t>(sums.elements) * 4)), sums);
        const std::size_t scratch = kernel_->scratch_bytes(call);
        state.scratch.resize(static_cast<std::size_t>(state.pool->size()));
        for (Buffer& buffer : state.scratch) buffer.at_least(std::max<std::size_t>(scratch, 1));
        const int units = kernel_->units(call);
        const std::int64_t grain = std::max(1, units / (6 * state.pool->size()));
        state.pool->run(units, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
            kernel_->run(call, static_cast<int>(begin), static_cast<int>(end),
                         state.scratch[static_cast<std::size_t>(thread)].at_least(1));
        });
    }

    template <typename T>
    void copy_in(const RunState& state, const T* from, const kernels::TensorView<T>& view, int flip) const {
        state.for_each(h_, [&](std::int64_t y) {
            T* row = view.pixel(y, 0);
            for (int c = 0; c < cin_; ++c) {
                const T* in = from + (std::int64_t{c} * h_ + y) * w_;
                for (int x = 0; x < w_; ++x) row[x * view.pixel_stride + c] = static_cast<T>(in[x] ^ flip);
            }
        });
    }

    void finish_fast(RunState& state, std::int64_t image, Tensor& y) const {
        const auto layout = kernels::plane_layout(out_h_, out_w_, cout_, 0, 4);
        const auto sums = kernels::view_of(reinterpret_cast<const std::int32_t*>(state.sums.at_least(1)), layout);
        AccumulatorRange seen = empty();
        std::mutex mutex;
        with_integers(y_grid_.dtype, [&]<typename T>() {
            T* out = y.mutable_data<T>().data() + image * cout_ * out_h_ * out_w_;
            state.for_each(out_h_, [&](std::int64_t row) {
                std::vector<std::int32_t> acc(static_cast<std::size_t>(out_w_)), rounded(acc.size());
                AccumulatorRange here = empty();
                for (int o = 0; o < cout_; ++o) {
                    const std::int32_t* in = sums.pixel(row, 0) + o;
                    const std::int64_t at = (std::int64_t{o} * out_h_ + row) * out_w_;
                    T* to = out + at;
                    if (finish_ == Finish::fixed16) {
                        finish_fixed16(state, in, sums.pixel_stride, o, image * cout_ * out_h_ * out_w_ + at, to);
                        continue;
                    }
                    const std::int64_t zero = conv_.x.grid.zero_point + offset_;
                    const std::int64_t correction = -zero * weight_sum_[static_cast<std::size_t>(o)];
                    const bool plain = fits_[static_cast<std::size_t>(o)] && finish_ == Finish::rule &&
                                       std::abs(bias_[static_cast<std::size_t>(o)]) < (std::int64_t{1} << 30);
                    if (plain && accumulator_.bits <= 32) {
                        // Modulo 2^32, which holds the sum if not its parts.
                        const auto add = static_cast<std::uint32_t>(correction + bias_[static_cast<std::size_t>(o)]);
                        for (int i = 0; i < out_w_; ++i)
                            acc[static_cast<std::size_t>(i)] =
                                static_cast<std::int32_t>(static_cast<std::uint32_t>(in[i * sums.pixel_stride]) + add);
                        if (state.observer->accumulators) note(acc, here);
                        requantize(acc, requantizers_[static_cast<std::size_t>(o)], rounded);
                        for (int i = 0; i < out_w_; ++i) to[i] = static_cast<T>(rounded[static_cast<std::size_t>(i)]);
                        continue;
                    }
                    for (int i = 0; i < out_w_; ++i) {
                        const std::int64_t exact = std::int64_t{in[i * sums.pixel_stride]} + correction;
                        note(exact + bias_[static_cast<std::size_t>(o)], here);
                        to[i] = static_cast<T>(
                            finished(state, with_bias(exact, o), o, image * cout_ * out_h_ * out_w_ + at + i));
                    }
                }
                if (state.observer->accumulators) {
                    const std::scoped_lock lock(mutex);
                    seen.min = std::min(seen.min, here.min);
                    seen.max = std::max(seen.max, here.max);
                }
            });
        });
        if (state.observer->accumulators && finish_ != Finish::fixed16) {
            seen.name = name();
            state.observer->accumulators(seen);
        }
    }

    static AccumulatorRange empty() {
        return {{}, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()};
    }
    static void note(std::int64_t acc, AccumulatorRange& range) {
        range.min = std::min(range.min, acc);
        range.max = std::max(range.max, acc);
    }
    static void note(std::span<const std::int32_t> acc, AccumulatorRange& range) {
        const auto [low, high] = std::minmax_element(acc.begin(), acc.end());
        note(*low, range);
        note(*high, range);
    }

    // `at`: of the output element.
    std::int32_t finished(const RunState& state, std::int64_t acc, int o, std::int64_t at) const {
        if (finish_ == Finish::rule) return requantize(acc, requantizers_[static_cast<std::size_t>(o)]);
        float real = static_cast<float>(acc) * (conv_.x.grid.scale * weight_scale(o));
        real = activate(real, conv_.activation, static_cast<std::size_t>(o));
        if (conv_.residual) real += real_of(state[conv_.residual->id], conv_.residual->grid, at);
        if (conv_.relu_behind_residual) real = std::max(real, 0.0F);
        const Range range = range_;
        return kernels::quantize_linear(real, y_grid_.scale, y_grid_.zero_point, range.min, range.max);
    }

    template <typename T>
    void finish_fixed16(const RunState& state, const std::int32_t* in, std::int64_t stride, int o, std::int64_t at,
                        T* out) const {
        const kernels::Fixed16 epilogue = fixed16_.view();
        const int out_offset = y_grid_.dtype == DType::int8 ? 128 : 0;
        for (int i = 0; i < out_w_; ++i) {
            const std::int32_t acc = in[i * stride];
            if constexpr (sizeof(T) == 2) {
                out[i] = kernels::fixed16_s16(acc, o, epilogue);
            } else if (conv_.residual) {
                const Tensor& residual = state[conv_.residual->id];
                const int flip = conv_.residual->grid.dtype == DType::int8 ? 0x80 : 0;
                const auto byte = static_cast<std::uint8_t>(static_cast<int>(residual.raw()[at + i]) ^ flip);
                out[i] = static_cast<T>(kernels::fixed16_u8(acc, o, epilogue, byte) - out_offset);
            } else {
                out[i] = static_cast<T>(kernels::fixed16_u8(acc, o, epilogue) - out_offset);
            }
        }
    }

    // Every product on its own, in 64 bits.
    void run_exactly(RunState& state, std::int64_t image, Tensor& y) const {
        with_integers(conv_.x.grid.dtype, [&]<typename In>() {
            const Image<In> x{state[conv_.x.id].data<In>().data() + image * cin_ * h_ * w_, h_, w_, padding_};
            with_integers(y_grid_.dtype, [&]<typename Out>() {
                Out* out = y.mutable_data<Out>().data() + image * cout_ * out_h_ * out_w_;
                state.for_each(std::int64_t{cout_} * out_h_, [&](std::int64_t line) {
                    const auto o = static_cast<int>(line / out_h_), row = static_cast<int>(line % out_h_);
                    for (int column = 0; column < out_w_; ++column) {
                        const std::int64_t at = line * out_w_ + column;
                        out[at] = static_cast<Out>(finished(
                            state,
                            exact_sum(conv_, bias_[static_cast<std::size_t>(o)], accumulator_, x, o, row, column), o,
                            image * cout_ * out_h_ * out_w_ + at));
                    }
                });
            });
        });
    }

    ConvOp conv_;
    Finish finish_;
    Accumulator accumulator_;
    Grid y_grid_;
    Shape y_shape_;
    Range range_;
    std::int64_t images_ = 1;
    int cin_ = 0, cout_ = 0, h_ = 1, w_ = 1, out_h_ = 1, out_w_ = 1;
    bool wide_ = false, fast_ = false;
    int offset_ = 0;   // from int8 to the kernels' bytes
    int padding_ = 0;  // what is read outside of the image
    kernels::ConvParams params_;
    const kernels::ConvKernel* kernel_ = nullptr;
    AlignedBytes packed_;
    kernels::Fixed16Storage unrounded_, fixed16_;
    std::vector<std::int64_t> bias_, weight_sum_;
    std::vector<char> fits_;  // of each channel: no sum exceeds the profile's accumulator
    std::vector<Requantizer> requantizers_;
};

// Everything in float32, in the order of MLAS.
class FloatConvStep final : public Step {
  public:
    FloatConvStep(const Op& op, const Program& program, const Profile& profile, kernels::CpuFeatures features)
        : Step(op.name, "mlas-float", op.macs),
          conv_(std::get<ConvOp>(op.form)),
          features_(features),
          y_grid_(program.values[index_of(conv_.y)].grid),
          y_shape_(program.values[index_of(conv_.y)].shape),
          range_(profile.range(y_grid_.dtype)) {
        padding_ = real(profile.padding(conv_.x.grid));
        const auto weights = conv_.weights.data<std::int8_t>();
        const std::size_t taps = weights.size() / conv_.weight_scales.size();
        for (std::size_t i = 0; i < weights.size(); ++i)
            weights_.push_back(static_cast<float>(weights[i]) * static_cast<float>(conv_.weight_scales[i / taps]));
        for (double b : conv_.bias) bias_.push_back(static_cast<float>(b));
    }

    Result<void> run(RunState& state) const override {
        const Tensor& x = state[conv_.x.id];
        Tensor real_x(DType::float32, x.shape()), sums(DType::float32, y_shape_);
        with_integers(x.dtype(), [&]<typename T>() {
            const auto in = x.data<T>();
            const auto out = real_x.mutable_data<float>();
            for (std::size_t i = 0; i < in.size(); ++i) out[i] = real(in[i]);
        });
        const Shape &from = x.shape(), &w = conv_.weights.shape();
        MlasConv call;
        call.groups = conv_.groups;
        call.cin = static_cast<int>(from[1]), call.h = static_cast<int>(from[2]), call.w = static_cast<int>(from[3]);
        call.cout = static_cast<int>(w[0]);
        call.out_h = static_cast<int>(y_shape_[2]), call.out_w = static_cast<int>(y_shape_[3]);
        call.window = conv_.window;
        call.padding = padding_;
        call.weights = weights_.data();
        call.bias = bias_.empty() ? nullptr : bias_.data();
        const std::int64_t plane = y_shape_[2] * y_shape_[3];
        for (std::int64_t image = 0; image < from[0]; ++image) {
            call.x = real_x.data<float>().data() + image * from[1] * from[2] * from[3];
            call.y = sums.mutable_data<float>().data() + image * y_shape_[1] * plane;
            mlas_conv(call, state.parallel_for(), features_);
        }
        OCTET_ASSIGN(Tensor y, Tensor::create(y_grid_.dtype, y_shape_));
        with_integers(y_grid_.dtype, [&]<typename T>() {
            const float* in = sums.data<float>().data();
            T* out = y.mutable_data<T>().data();
            state.for_each(y_shape_[0] * y_shape_[1], [&](std::int64_t image_channel) {
                const auto channel = static_cast<std::size_t>(image_channel % y_shape_[1]);
                for (std::int64_t i = image_channel * plane; i < (image_channel + 1) * plane; ++i) {
                    float value = activate(in[i], conv_.activation, channel);
                    if (conv_.residual) value += real_of(state[conv_.residual->id], conv_.residual->grid, i);
                    if (conv_.relu_behind_residual) value = std::max(value, 0.0F);
                    out[i] = static_cast<T>(
                        kernels::quantize_linear(value, y_grid_.scale, y_grid_.zero_point, range_.min, range_.max));
                }
            });
        });
        state.values[index_of(conv_.y)] = std::move(y);
        return {};
    }

  private:
    float real(int q) const { return static_cast<float>(q - conv_.x.grid.zero_point) * conv_.x.grid.scale; }

    ConvOp conv_;
    kernels::CpuFeatures features_;
    Grid y_grid_;
    Shape y_shape_;
    Range range_;
    float padding_ = 0;
    std::vector<float> weights_, bias_;
};

}  // namespace

StepResult make_conv_step(const Op& op, const Program& program, const Profile& profile, kernels::CpuFeatures features) {
    const auto& conv = std::get<ConvOp>(op.form);
    const std::string_view name = *profile.rule(operation_of(op, program));
    if (name == "mlas-float" && conv.dense) {
        return fail(ErrorCode::unsupported,
                    "\"mlas-float\" is for convolutions; give the profile another rule \"fully_connected\"");
    }
    if (name == "mlas-float") return std::make_unique<FloatConvStep>(op, program, profile, features);
    const bool simple = conv.activation.kind == Activation::none || conv.activation.kind == Activation::relu ||
                        conv.activation.kind == Activation::clip;
    const auto rule = requant_rule(name);
    const Finish finish = name == "fixed16"                      ? Finish::fixed16
                          : !simple || conv.residual.has_value() ? Finish::in_float
                                                                 : Finish::rule;
    auto step = std::make_unique<ConvStep>(op, program, profile,
                                           finish == Finish::in_float ? "dq-float" : std::string(name), finish);
    OCTET_TRY(step->prepare(profile, features, rule));
    return step;
}

}  // namespace octet::engine::npu_emu
