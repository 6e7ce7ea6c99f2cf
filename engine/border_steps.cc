#include "engine/border_steps.h"

#include <limits>

#include "engine/step_common.h"
#include "kernels/dequantize.h"
#include "kernels/detect_decode.h"
#include "kernels/quantize.h"
#include "kernels/sigmoid.h"

namespace octet::engine {
namespace {

using kernels::CpuFeatures;

// Float to int16: only behind float operators, so plain code.
class QuantizeWideStep final : public Step {
  public:
    QuantizeWideStep(std::string name, ValueId in, double scale, PlaneRef out)
        : Step(std::move(name), "quantize_f32_s16", Arithmetic::floating, 0),
          in_(in),
          scale_(static_cast<float>(scale)),
          out_(out) {}

    Result<void> run(RunState& state) const override {
        const auto values = state.tensors[static_cast<std::size_t>(in_)].data<float>();
        const auto out = state.view<std::int16_t>(out_);
        const float* x = values.data();
        for (int c = 0; c < out.c; ++c) {
            for (int y = 0; y < out.h; ++y) {
                for (int i = 0; i < out.w; ++i) {
                    out.pixel(y, i)[c] =
                        static_cast<std::int16_t>(kernels::quantize_linear(*x++, scale_, 0, -32768, 32767));
                }
            }
        }
        return {};
    }
    std::vector<PlaneRef> planes() const override { return {out_}; }
    std::vector<ValueId> tensors_read() const override { return {in_}; }

  private:
    ValueId in_;
    float scale_;
    PlaneRef out_;
};

class PixelsStep final : public Step {
  public:
    PixelsStep(CpuFeatures features, std::string name, ValueId in, std::vector<float> gain, std::vector<float> offset,
               PlaneRef out)
        : Step(std::move(name), kernels::select(kernels::pixels_kernels(), features).name, Arithmetic::border, 0),
          copy_(kernels::select(kernels::pixels_kernels(), features).run),
          quantize_(kernels::select(kernels::quantize_kernels(), features).run),
          in_(in),
          gain_(std::move(gain)),
          offset_(std::move(offset)),
          out_(out) {}

    Result<void> run(RunState& state) const override {
        const Tensor& given = state.tensors[static_cast<std::size_t>(in_)];
        const auto out = state.view<std::uint8_t>(out_);
        if (given.dtype() == DType::uint8) {
            const kernels::PixelsCall call{given.data<std::uint8_t>().data(), std::int64_t{out.w} * out.c, out};
            run_rows(state, [&](int begin, int end) { copy_(call, begin, end); });
            return {};
        }
        const kernels::QuantizeCall call{given.data<float>().data(), 1.0F, 0, out, gain_.data(), offset_.data()};
        run_rows(state, [&](int begin, int end) { quantize_(call, begin, end); });
        return {};
    }
    std::vector<PlaneRef> planes() const override { return {out_}; }
    std::vector<ValueId> tensors_read() const override { return {in_}; }

  private:
    template <typename Body>
    void run_rows(RunState& state, Body body) const {
        const int rows = (*state.planes)[static_cast<std::size_t>(out_.plane)].layout.h;
        state.pool->run(rows, grain_of(rows, *state.pool), [&](std::int64_t begin, std::int64_t end, int) {
            body(static_cast<int>(begin), static_cast<int>(end));
        });
    }

    kernels::PixelsFunction* copy_;
    kernels::QuantizeFunction* quantize_;
    ValueId in_;
    std::vector<float> gain_, offset_;
    PlaneRef out_;
};

class SigmoidStep final : public Step {
  public:
    SigmoidStep(CpuFeatures features, std::string name, Arithmetic arithmetic, int f, PlaneRef in, ValueId out,
                Shape shape, int block)
        : Step(std::move(name), kernels::select(kernels::sigmoid_kernels(), features).name, arithmetic, 0),
          run_(kernels::select(kernels::sigmoid_kernels(), features).run),
          f_(f),
          block_(block),
          floats_(kernels::sigmoid_floats),
          in_(in),
          out_(out),
          shape_(std::move(shape)) {
        kernels::make_sigmoid_floats(f, floats_.data());
    }

    Result<void> run(RunState& state) const override {
        const auto in = state.view<std::int16_t>(in_).as_const();
        const kernels::SigmoidCall call{in, f_, floats_.data(), state.output<float>(out_, shape_), block_};
        state.pool->run(in.h, grain_of(in.h, *state.pool), [&](std::int64_t begin, std::int64_t end, int) {
            run_(call, static_cast<int>(begin), static_cast<int>(end));
        });
        return {};
    }
    std::vector<PlaneRef> planes() const override { return {in_}; }

  private:
    kernels::SigmoidFunction* run_;
    int f_, block_;
    std::vector<float> floats_;
    PlaneRef in_;
    ValueId out_;
    Shape shape_;
};

class DetectStep final : public Step {
  public:
    DetectStep(CpuFeatures features, std::string name, Arithmetic arithmetic, std::vector<DetectLevel> levels,
               int classes, double box_scale, ValueId out, Shape shape)
        : Step(std::move(name), kernels::select(kernels::detect_decode_kernels(), features).name, arithmetic, 0),
          run_(kernels::select(kernels::detect_decode_kernels(), features).run),
          levels_(std::move(levels)),
          classes_(classes),
          box_scale_(static_cast<float>(box_scale)),
          out_(out),
          shape_(std::move(shape)) {}

    Result<void> run(RunState& state) const override {
        auto* rows = reinterpret_cast<std::int32_t*>(state.scratch[0]);
        std::int64_t first = 0;
        for (const DetectLevel& level : levels_) {
            kernels::DetectDecodeCall call;
            call.logits = state.view<std::int16_t>(level.logits).as_const();
            call.f = fraction_bits(level.grid);
            call.stride = level.stride;
            call.anchors = static_cast<int>(level.anchors.size() / 2);
            call.classes = classes_;
            for (int a = 0; a < call.anchors; ++a) {
                const double* anchor = level.anchors.data() + std::ptrdiff_t{2} * a;
                call.anchor_w[a] = static_cast<std::int32_t>(std::lround(anchor[0] * 1024));
                call.anchor_h[a] = static_cast<std::int32_t>(std::lround(anchor[1] * 1024));
            }
            call.out = rows + first * columns();
            state.pool->run(level.h, grain_of(level.h, *state.pool), [&](std::int64_t begin, std::int64_t end, int) {
                run_(call, static_cast<int>(begin), static_cast<int>(end));
            });
            first += std::int64_t{call.anchors} * level.h * level.w;
        }
        float* out = state.output<float>(out_, shape_);
        kernels::detections_to_float(rows, first, classes_, out);
        if (box_scale_ != 1.0F) {
            for (std::int64_t i = 0; i < first; ++i) {
                for (int k = 0; k < 4; ++k) out[i * columns() + k] *= box_scale_;
            }
        }
        return {};
    }
    std::vector<PlaneRef> planes() const override {
        std::vector<PlaneRef> planes;
        for (const DetectLevel& level : levels_) planes.push_back(level.logits);
        return planes;
    }
    std::size_t scratch_bytes(const std::vector<Plane>&) const override {
        std::size_t rows = 0;
        for (const DetectLevel& level : levels_)
            rows += level.anchors.size() / 2 * static_cast<std::size_t>(level.h * level.w);
        return rows * static_cast<std::size_t>(columns()) * sizeof(std::int32_t);
    }

  private:
    int columns() const { return 5 + classes_; }

    kernels::DetectDecodeFunction* run_;
    std::vector<DetectLevel> levels_;
    int classes_;
    float box_scale_;
    ValueId out_;
    Shape shape_;
};

}  // namespace

StepResult make_quantize_step(CpuFeatures features, std::string name, ValueId in, const QuantGrid& grid, PlaneRef out,
                              const Shape& shape, Arithmetic arithmetic) {
    if (grid.dtype == DType::int16) return std::make_unique<QuantizeWideStep>(std::move(name), in, grid.scale, out);
    return row_step(std::move(name), kernels::select(kernels::quantize_kernels(), features), arithmetic,
                    static_cast<int>(shape[2]), {out},
                    [=](const RunState& state) {
                        return kernels::QuantizeCall{state.tensors[static_cast<std::size_t>(in)].data<float>().data(),
                                                     static_cast<float>(grid.scale), plane_zero_point(grid),
                                                     state.view<std::uint8_t>(out)};
                    },
                    {in});
}

StepResult make_dequantize_step(CpuFeatures features, std::string name, const QuantGrid& grid, PlaneRef in, ValueId out,
                                const Shape& shape, Arithmetic arithmetic) {
    if (!grid.channel_zero_points.empty()) {
        return fail(ErrorCode::unsupported, "pixels with a zero point for each channel feed only convolutions");
    }
    return row_step(std::move(name), kernels::select(kernels::dequantize_kernels(), features), arithmetic,
                    static_cast<int>(shape[2]), {in}, [=](RunState& state) {
                        kernels::DequantizeCall call;
                        if (grid.dtype == DType::int16) {
                            call.in_s16 = state.view<std::int16_t>(in).as_const();
                        } else {
                            call.in_u8 = state.view<std::uint8_t>(in).as_const();
                        }
                        call.scale = static_cast<float>(grid.scale);
                        call.zero_point = plane_zero_point(grid);
                        call.out = state.output<float>(out, shape);
                        return call;
                    });
}

StepResult make_pixels_step(CpuFeatures features, std::string name, ValueId in, std::vector<float> gain,
                            std::vector<float> offset, PlaneRef out) {
    return std::make_unique<PixelsStep>(features, std::move(name), in, std::move(gain), std::move(offset), out);
}

StepResult make_sigmoid_step(CpuFeatures features, std::string name, const QuantGrid& grid, PlaneRef in, ValueId out,
                             const Shape& shape, Arithmetic arithmetic, int block) {
    return std::make_unique<SigmoidStep>(features, std::move(name), arithmetic, fraction_bits(grid), in, out, shape,
                                         block);
}

StepResult make_detect_step(CpuFeatures features, std::string name, std::vector<DetectLevel> levels, int classes,
                            double box_scale, ValueId out, const Shape& shape, Arithmetic arithmetic) {
    for (const DetectLevel& level : levels) {
        const bool fits =
            std::all_of(level.anchors.begin(), level.anchors.end(), [](double a) { return a > 0 && a < 1024; });
        if (!fits || level.anchors.size() / 2 > kernels::max_detect_anchors) {
            return fail(ErrorCode::unsupported, "box decode takes {} anchors of up to 1024 pixels",
                        kernels::max_detect_anchors);
        }
    }
    return std::make_unique<DetectStep>(features, std::move(name), arithmetic, std::move(levels), classes, box_scale,
                                        out, shape);
}

}  // namespace octet::engine
