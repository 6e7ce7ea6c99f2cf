// Mean of each window, over the taps inside of the input or, with count_include_pad, of the padded input.
// GlobalAveragePool, GlobalMaxPool: one window that covers everything.

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/window.h"

namespace octet::ops {
namespace {

Result<void> infer_average_pool(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    const Shape& x = ctx.inputs[0]->shape;
    OCTET_ASSIGN(const Window window, pool_window(ctx.node, x));
    ctx.outputs[0] = {ctx.inputs[0]->dtype, window.output_shape(x, x[1])};
    return {};
}

template <typename T>
T window_mean(const Window& w, const T* in, const Extent& out, bool include_pad) {
    T sum = 0;
    std::int64_t count = 0;
    for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
        const Extent t = {tap / w.kernel[2] / w.kernel[1], tap / w.kernel[2] % w.kernel[1], tap % w.kernel[2]};
        bool inside = true, padded = true;
        Extent at;
        for (std::size_t d = 0; d < 3; ++d) {
            at[d] = out[d] * w.stride[d] - w.pad_begin[d] + t[d] * w.dilation[d];
            inside = inside && at[d] >= 0 && at[d] < w.in[d];
            padded = padded && at[d] < w.in[d] + w.pad_end[d];  // a rounded-up window may reach beyond the padding
        }
        if (inside) sum += in[(at[0] * w.in[1] + at[1]) * w.in[2] + at[2]];
        count += include_pad ? padded : inside;
    }
    return count == 0 ? T(0) : sum / static_cast<T>(count);
}

Result<void> evaluate_average_pool(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const Window w, pool_window(ctx.node, x.shape()));
    const bool include_pad = ctx.node.attributes.integer("count_include_pad", 0) != 0;
    Tensor& y = ctx.make_output();
    dispatch_floating(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        ctx.parallel_for(x.shape()[0] * x.shape()[1], [&](std::int64_t plane) {
            T* to = out + plane * w.out_size();
            for (std::int64_t d = 0; d < w.out[0]; ++d) {
                for (std::int64_t h = 0; h < w.out[1]; ++h) {
                    for (std::int64_t i = 0; i < w.out[2]; ++i) {
                        *to++ = window_mean(w, in + plane * w.in_size(), {d, h, i}, include_pad);
                    }
                }
            }
        });
    });
    return {};
}

Result<void> infer_global(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    const Shape& x = ctx.inputs[0]->shape;
    if (x.size() < 3) {
        return fail(ErrorCode::invalid_model, "input 0 has shape {}, but has to be [N, C, …]", to_string(x));
    }
    OCTET_TRY(element_count(x));
    if (product(x, 2, x.size()) == 0) return fail(ErrorCode::invalid_model, "input 0 is empty: {}", to_string(x));
    Shape shape(x.size(), 1);
    shape[0] = x[0];
    shape[1] = x[1];
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

// reduce(begin, end) of each plane
template <typename Reduce>
Result<void> evaluate_global(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    Tensor& y = ctx.make_output();
    const std::int64_t plane = product(x.shape(), 2, x.shape().size());
    dispatch_floating(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        ctx.parallel_for(y.size(), [&](std::int64_t i) { out[i] = Reduce()(in + i * plane, in + (i + 1) * plane); });
    });
    return {};
}

struct Average {
    template <typename T>
    T operator()(const T* begin, const T* end) const {
        double sum = 0;
        for (const T* p = begin; p != end; ++p) sum += static_cast<double>(*p);
        return static_cast<T>(sum / static_cast<double>(end - begin));
    }
};

struct Largest {
    template <typename T>
    T operator()(const T* begin, const T* end) const {
        return *std::max_element(begin, end);
    }
};

constexpr OpDef global_pool(std::string_view name, Result<void> (*evaluate)(EvalContext&), QuantRule quant) {
    return {
        .name = name, .min_inputs = 1, .max_inputs = 1, .infer = infer_global, .evaluate = evaluate, .quant = quant};
}

}  // namespace

extern constinit const OpDef op_average_pool = {.name = "AveragePool",
                                                .min_inputs = 1,
                                                .max_inputs = 1,
                                                .infer = infer_average_pool,
                                                .resolve = resolve_pool,
                                                .evaluate = evaluate_average_pool,
                                                .quant = QuantRule::none};
extern constinit const OpDef op_global_average_pool =
    global_pool("GlobalAveragePool", evaluate_global<Average>, QuantRule::none);
extern constinit const OpDef op_global_max_pool =
    global_pool("GlobalMaxPool", evaluate_global<Largest>, QuantRule::pass_through);

}  // namespace octet::ops
