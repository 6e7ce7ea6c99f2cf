// Resampling along each axis on its own:  y[o] = Σ_t weight[o][t] · x[index[o][t]], as resize_plan.h says.

#include "graph/ir/arithmetic.h"
#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/resize_plan.h"

namespace octet::ops {
namespace {

Result<void> infer_resize(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    OCTET_ASSIGN(const ResizeAttributes attributes, resize_attributes(ctx.node));
    if (attributes.mode != ResizeMode::nearest) OCTET_TRY(expect_floating(ctx, 0));
    const bool needs_roi = attributes.transform == ResizeTransform::tf_crop_and_resize;
    ResizeInputs given;
    for (std::size_t i = needs_roi ? 1 : 2; i < 4; ++i) {
        if (!ctx.input(i)) continue;
        if (i < 3) {
            OCTET_TRY(expect_floating(ctx, i));
            if (!ctx.constant(i)) return fail(ErrorCode::unsupported, "dynamic shape: input {} is not known", i);
            (i == 1 ? given.roi : given.scales) = ctx.constant(i)->to_float();
        } else {
            OCTET_ASSIGN(given.sizes, known_integers(ctx, i, "the sizes"));
        }
    }
    OCTET_ASSIGN(const auto plan, resize_axes(ctx.node, ctx.inputs[0]->shape, given));
    Shape shape;
    for (const ResizeAxis& axis : plan) shape.push_back(axis.out);
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

// out[o] = Σ_t weight[o][t] · in[index[o][t]], where an element is a run of `inner` values.
template <typename T>
void interpolate(const std::vector<std::vector<ResizeTap>>& taps, T extrapolation, std::int64_t inner, const T* in,
                 T* out) {
    for (const std::vector<ResizeTap>& reads : taps) {
        if (reads.empty()) std::fill_n(out, inner, extrapolation);
        for (const ResizeTap& tap : reads) {
            const auto weight = static_cast<T>(tap.weight);
            const T* from = in + tap.index * inner;
            for (std::int64_t i = 0; i < inner; ++i) out[i] = static_cast<T>(out[i] + weight * from[i]);
        }
        out += inner;
    }
}

// out[o] = in[source[o]]; -1 stands for the extrapolation value.
template <typename T>
void pick(const std::vector<std::int64_t>& source, T extrapolation, std::int64_t inner, const T* in, T* out) {
    if (inner == 1) {
        for (std::int64_t index : source) *out++ = index < 0 ? extrapolation : in[index];
        return;
    }
    for (std::int64_t index : source) {
        if (index < 0) {
            std::fill_n(out, inner, extrapolation);
        } else {
            std::copy_n(in + index * inner, inner, out);
        }
        out += inner;
    }
}

// `in` is [outer, axis.in, inner], `out` [outer, axis.out, inner] and zero.
template <typename T>
void resize_axis(const ParallelFor& parallel_for, const ResizeAttributes& attributes, const ResizeAxis& axis,
                 AxisView view, const T* in, T* out) {
    const bool nearest = attributes.mode == ResizeMode::nearest;
    std::vector<std::vector<ResizeTap>> taps;
    std::vector<std::int64_t> source;
    for (std::int64_t o = 0; o < axis.out; ++o) {
        if (nearest) {
            source.push_back(nearest_source(attributes, axis, o));
        } else {
            taps.push_back(resize_taps(attributes, axis, o));
        }
    }
    const auto extrapolation = convert<T>(attributes.extrapolation);
    parallel_ranges(parallel_for, view.outer, row_grain(axis.out * view.inner),
                    [&](std::int64_t begin, std::int64_t end) {
                        for (std::int64_t row = begin; row < end; ++row) {
                            const T* from = in + row * axis.in * view.inner;
                            T* to = out + row * axis.out * view.inner;
                            if (nearest) {
                                pick(source, extrapolation, view.inner, from, to);
                            } else {
                                interpolate(taps, extrapolation, view.inner, from, to);
                            }
                        }
                    });
}

Result<void> evaluate_resize(EvalContext& ctx) {
    OCTET_ASSIGN(const ResizeAttributes attributes, resize_attributes(ctx.node));
    ResizeInputs given;
    if (ctx.input(1)) given.roi = ctx.input(1)->to_float();
    if (ctx.input(2)) given.scales = ctx.input(2)->to_float();
    if (ctx.input(3)) given.sizes = ctx.input(3)->to_int64();
    Tensor current = *ctx.inputs[0];
    OCTET_ASSIGN(const auto plan, resize_axes(ctx.node, current.shape(), given));
    // From the last axis on, so that enlarging copies whole rows in the larger passes.
    for (std::size_t d = plan.size(); d-- > 0;) {
        if (plan[d].is_copied() || current.size() == 0) continue;
        Shape shape = current.shape();
        const AxisView view = around(shape, static_cast<std::int64_t>(d));
        shape[d] = plan[d].out;
        OCTET_ASSIGN(Tensor next, Tensor::create(current.dtype(), shape));
        dispatch_numeric(current.dtype(), [&]<typename T>() {
            resize_axis<T>(ctx.parallel_for, attributes, plan[d], view, elements<T>(current),
                           mutable_elements<T>(next));
        });
        current = std::move(next);
    }
    ctx.outputs[0] = current.reshaped(ctx.types[0].shape);
    return {};
}

}  // namespace

extern constinit const OpDef op_resize = {.name = "Resize",
                                          .min_inputs = 1,
                                          .max_inputs = 4,
                                          .infer = infer_resize,
                                          .evaluate = evaluate_resize,
                                          .quant = QuantRule::pass_through};

}  // namespace octet::ops
