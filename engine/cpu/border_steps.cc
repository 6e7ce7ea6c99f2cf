#include "engine/cpu/border_steps.h"

#include <limits>

#include "engine/cpu/arithmetic.h"
#include "engine/cpu/step_common.h"
#include "graph/ops/evaluator.h"
#include "kernels/dequantize.h"
#include "kernels/detect_decode.h"
#include "kernels/quantize.h"
#include "kernels/sigmoid.h"

namespace octet::engine::cpu {
namespace {

using kernels::CpuFeatures;

// Float to int16: only behind float operators, so plain code.
class QuantizeWideStep final : public Step {
  public:
    QuantizeWideStep(std::string name, ValueId in, float scale, PlaneRef out)
        : Step(std::move(name), "quantize_f32_s16", 0), in_(in), scale_(scale), out_(out) {}

    Result<void> run(RunState& state) const override {
        const auto values = state.tensors[static_cast<std::size_t>(in_)].data<float>();
        const auto out = state.view<std::int16_t>(out_);
        const float* x = state.image_of(values.data(), out);
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
    PixelsStep(CpuFeatures features, const std::string& name, const PixelsOp& pixels, PlaneRef out)
        : Step(name, kernels::select(kernels::pixels_kernels(), features).name, 0),
          copy_(kernels::select(kernels::pixels_kernels(), features).run),
          quantize_(kernels::select(kernels::quantize_kernels(), features).run),
          in_(pixels.x),
          gain_(pixels.gain),
          offset_(pixels.offset),
          out_(out) {}

    Result<void> run(RunState& state) const override {
        const Tensor& given = state.tensors[static_cast<std::size_t>(in_)];
        const auto out = state.view<std::uint8_t>(out_);
        if (given.dtype() == DType::uint8) {
            const kernels::PixelsCall call{state.image_of(given.data<std::uint8_t>().data(), out),
                                           std::int64_t{out.w} * out.c, out};
            run_rows(state, [&](int begin, int end) { copy_(call, begin, end); });
            return {};
        }
        const kernels::QuantizeCall call{
            state.image_of(given.data<float>().data(), out), 1.0F, 0, out, gain_.data(), offset_.data()};
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
    SigmoidStep(CpuFeatures features, const std::string& name, const SigmoidOp& sigmoid, PlaneRef in, Shape shape)
        : Step(name, kernels::select(kernels::sigmoid_kernels(), features).name, 0),
          run_(kernels::select(kernels::sigmoid_kernels(), features).run),
          f_(fraction_bits(sigmoid.x.grid)),
          block_(sigmoid.block),
          floats_(kernels::sigmoid_floats),
          in_(in),
          out_(sigmoid.y),
          shape_(std::move(shape)) {
        kernels::make_sigmoid_floats(f_, floats_.data());
    }

    Result<void> run(RunState& state) const override {
        const auto in = state.view<std::int16_t>(in_).as_const();
        const kernels::SigmoidCall call{in, f_, floats_.data(), state.image_of(state.output<float>(out_, shape_), in),
                                        block_};
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
    DetectStep(CpuFeatures features, const std::string& name, DetectOp detect, std::vector<PlaneRef> levels,
               Shape shape)
        : Step(name, kernels::select(kernels::detect_decode_kernels(), features).name, 0),
          run_(kernels::select(kernels::detect_decode_kernels(), features).run),
          detect_(std::move(detect)),
          levels_(std::move(levels)),
          shape_(std::move(shape)) {}

    Result<void> run(RunState& state) const override {
        auto* rows = reinterpret_cast<std::int32_t*>(state.scratch[0]);
        std::int64_t first = 0;
        for (std::size_t i = 0; i < levels_.size(); ++i) {
            kernels::DetectDecodeCall call;
            call.logits = state.view<std::int16_t>(levels_[i]).as_const();
            call.f = fraction_bits(detect_.levels[i].grid);
            call.stride = detect_.strides[i];
            call.anchors = anchors(i);
            call.classes = detect_.classes;
            for (int a = 0; a < call.anchors; ++a) {
                const double* anchor = detect_.anchors[i].data() + std::ptrdiff_t{2} * a;
                call.anchor_w[a] = static_cast<std::int32_t>(std::lround(anchor[0] * 1024));
                call.anchor_h[a] = static_cast<std::int32_t>(std::lround(anchor[1] * 1024));
            }
            call.out = rows + first * columns();
            const int h = call.logits.h;
            state.pool->run(h, grain_of(h, *state.pool), [&](std::int64_t begin, std::int64_t end, int) {
                run_(call, static_cast<int>(begin), static_cast<int>(end));
            });
            first += std::int64_t{call.anchors} * h * call.logits.w;
        }
        float* out = state.output<float>(detect_.y, shape_) + state.image * first * columns();
        kernels::detections_to_float(rows, first, detect_.classes, out);
        const auto box_scale = static_cast<float>(detect_.box_scale);
        if (box_scale != 1.0F) {
            for (std::int64_t i = 0; i < first; ++i) {
                for (int k = 0; k < 4; ++k) out[i * columns() + k] *= box_scale;
            }
        }
        return {};
    }
    std::vector<PlaneRef> planes() const override { return levels_; }
    std::size_t scratch_bytes(const std::vector<Plane>& planes) const override {
        std::size_t rows = 0;
        for (std::size_t i = 0; i < levels_.size(); ++i) {
            const kernels::PlaneLayout& layout = planes[static_cast<std::size_t>(levels_[i].plane)].layout;
            rows += static_cast<std::size_t>(anchors(i)) * static_cast<std::size_t>(layout.h * layout.w);
        }
        return rows * static_cast<std::size_t>(columns()) * sizeof(std::int32_t);
    }

  private:
    int columns() const { return 5 + detect_.classes; }
    int anchors(std::size_t level) const { return static_cast<int>(detect_.anchors[level].size() / 2); }

    kernels::DetectDecodeFunction* run_;
    DetectOp detect_;
    std::vector<PlaneRef> levels_;
    Shape shape_;
};

class FloatStep final : public Step {
  public:
    FloatStep(CpuFeatures features, const Op& op)
        : Step(op.name, std::get<FloatOp>(op.form).node.op + "_float", op.macs),
          node_(std::get<FloatOp>(op.form).node),
          features_(features) {}

    Result<void> run(RunState& state) const override {
        std::vector<const Tensor*> arguments;
        for (ValueId id : node_.inputs) {
            arguments.push_back(id == no_value ? nullptr : &state.tensors[static_cast<std::size_t>(id)]);
        }
        const ParallelFor parallel = [&](std::int64_t count, const std::function<void(std::int64_t)>& body) {
            state.pool->for_each(count, body);
        };
        OCTET_ASSIGN(auto results, evaluate_node(node_, arguments, parallel, features_));
        for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
            if (node_.outputs[i] != no_value)
                state.tensors[static_cast<std::size_t>(node_.outputs[i])] = std::move(results[i]);
        }
        return {};
    }
    std::vector<ValueId> tensors_read() const override { return node_.inputs; }

  private:
    Node node_;
    CpuFeatures features_;
};

}  // namespace

StepResult make_quantize_step(CpuFeatures features, const std::string& name, ValueId in, const Grid& grid, int rows,
                              PlaneRef out) {
    if (grid.dtype == DType::int16) return std::make_unique<QuantizeWideStep>(name, in, grid.scale, out);
    return row_step(
        name, kernels::select(kernels::quantize_kernels(), features), rows, {out},
        [=](const RunState& state) {
            const auto view = state.view<std::uint8_t>(out);
            const float* values = state.tensors[static_cast<std::size_t>(in)].data<float>().data();
            return kernels::QuantizeCall{state.image_of(values, view), grid.scale, unsigned_zero_point(grid), view};
        },
        {in});
}

StepResult make_dequantize_step(CpuFeatures features, const std::string& name, const Grid& grid, int rows, PlaneRef in,
                                ValueId out, const Shape& shape) {
    return row_step(name, kernels::select(kernels::dequantize_kernels(), features), rows, {in}, [=](RunState& state) {
        kernels::DequantizeCall call;
        if (grid.dtype == DType::int16) {
            call.in_s16 = state.view<std::int16_t>(in).as_const();
        } else {
            call.in_u8 = state.view<std::uint8_t>(in).as_const();
        }
        call.scale = grid.scale;
        call.zero_point = unsigned_zero_point(grid);
        call.out = state.image_of(state.output<float>(out, shape), state.view<std::uint8_t>(in));
        return call;
    });
}

StepResult make_pixels_step(CpuFeatures features, const std::string& name, const PixelsOp& pixels, PlaneRef out) {
    return std::make_unique<PixelsStep>(features, name, pixels, out);
}

StepResult make_sigmoid_step(CpuFeatures features, const std::string& name, const SigmoidOp& sigmoid, PlaneRef in,
                             const Shape& shape) {
    return std::make_unique<SigmoidStep>(features, name, sigmoid, in, shape);
}

StepResult make_detect_step(CpuFeatures features, const std::string& name, const DetectOp& detect,
                            std::vector<PlaneRef> levels, const Shape& shape) {
    return std::make_unique<DetectStep>(features, name, detect, std::move(levels), shape);
}

std::unique_ptr<Step> make_float_step(CpuFeatures features, const Op& op) {
    return std::make_unique<FloatStep>(features, op);
}

}  // namespace octet::engine::cpu
