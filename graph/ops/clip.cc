// y = min(max(x, low), high), which is high where low is larger; either bound may be omitted.

#include <limits>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_clip(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    for (std::size_t i = 1; i < ctx.inputs.size(); ++i) {
        if (!ctx.inputs[i]) continue;
        OCTET_TRY(expect_same_dtype(ctx, 0, i));
        if (element_count(ctx.inputs[i]->shape).value_or(0) != 1) {
            return fail(ErrorCode::invalid_model, "bound (input {}) has shape {}, but has to be a scalar", i,
                        to_string(ctx.inputs[i]->shape));
        }
    }
    return infer_same(ctx);
}

Result<void> evaluate_clip(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    Tensor& y = ctx.make_output();
    dispatch_numeric(x.dtype(), [&]<typename T>() {
        using Limits = std::numeric_limits<T>;
        const T low = ctx.input(1) ? elements<T>(*ctx.input(1))[0] : Limits::lowest();
        const T high = ctx.input(2) ? elements<T>(*ctx.input(2))[0] : Limits::max();
        const T* from = elements<T>(x);
        T* to = mutable_elements<T>(y);
        parallel_ranges(ctx.parallel_for, x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) to[i] = std::min(std::max(from[i], low), high);
        });
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_clip = {.name = "Clip",
                                        .min_inputs = 1,
                                        .max_inputs = 3,
                                        .infer = infer_clip,
                                        .evaluate = evaluate_clip,
                                        .quant = QuantRule::unary};

}  // namespace octet::ops
