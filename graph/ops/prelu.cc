// y = x < 0 ? slope · x : x; the slope broadcasts to the input's shape.

#include "graph/ops/broadcast.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_prelu(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    OCTET_TRY(expect_same_dtype(ctx, 0, 1));
    OCTET_ASSIGN(const Shape shape, broadcast(ctx.inputs[0]->shape, ctx.inputs[1]->shape));
    if (shape != ctx.inputs[0]->shape) {
        return fail(ErrorCode::invalid_model, "slope {} does not broadcast to {}", to_string(ctx.inputs[1]->shape),
                    to_string(ctx.inputs[0]->shape));
    }
    return infer_same(ctx);
}

Result<void> evaluate_prelu(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    dispatch_floating(y.dtype(), [&]<typename T>() {
        broadcast_binary<T, T, T>(ctx.parallel_for, *ctx.inputs[0], *ctx.inputs[1], y,
                                  [](T x, T slope) { return x < T(0) ? slope * x : x; });
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_prelu = {.name = "PRelu",
                                         .min_inputs = 2,
                                         .max_inputs = 2,
                                         .infer = infer_prelu,
                                         .evaluate = evaluate_prelu,
                                         .quant = QuantRule::unary};

}  // namespace octet::ops
