// y = condition ? a : b, with broadcasting of all three.

#include "graph/ops/broadcast.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_where(InferContext& ctx) {
    OCTET_TRY(expect_dtype(ctx, 0, DType::boolean));
    OCTET_TRY(expect_same_dtype(ctx, 1, 2));
    OCTET_ASSIGN(Shape shape, broadcast(ctx.inputs[1]->shape, ctx.inputs[2]->shape));
    OCTET_ASSIGN(shape, broadcast(shape, ctx.inputs[0]->shape));
    ctx.outputs[0] = {ctx.inputs[1]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_where(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    const std::array shapes = {ctx.inputs[0]->shape(), ctx.inputs[1]->shape(), ctx.inputs[2]->shape()};
    const BroadcastPlan plan = plan_broadcast(y.shape(), shapes);
    const std::int64_t length = plan.run();
    dispatch_size(y.dtype(), [&]<typename T>() {
        const auto* condition = elements<bool>(*ctx.inputs[0]);
        const T* a = elements<T>(*ctx.inputs[1]);
        const T* b = elements<T>(*ctx.inputs[2]);
        T* out = mutable_elements<T>(y);
        parallel_ranges(ctx.parallel_for, plan.rows(), row_grain(length), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                const bool* c = condition + plan.offset(0, row);
                const T* x = a + plan.offset(1, row);
                const T* z = b + plan.offset(2, row);
                const std::int64_t sc = plan.strides[0].back(), sx = plan.strides[1].back(),
                                   sz = plan.strides[2].back();
                for (std::int64_t i = 0; i < length; ++i) out[row * length + i] = c[i * sc] ? x[i * sx] : z[i * sz];
            }
        });
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_where = {
    .name = "Where", .min_inputs = 3, .max_inputs = 3, .infer = infer_where, .evaluate = evaluate_where};

}  // namespace octet::ops
