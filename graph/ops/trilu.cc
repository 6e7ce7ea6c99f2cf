// The upper or lower triangle of the last two dimensions, from diagonal k on; the rest is 0.

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_trilu(InferContext& ctx) {
    if (ctx.inputs[0]->shape.size() < 2) {
        return fail(ErrorCode::invalid_model, "input 0 has shape {}, but has to be a matrix",
                    to_string(ctx.inputs[0]->shape));
    }
    if (ctx.input(1)) {
        OCTET_TRY(expect_dtype(ctx, 1, DType::int64));
        if (element_count(ctx.inputs[1]->shape).value_or(0) != 1) {
            return fail(ErrorCode::invalid_model, "k has shape {}, but has to be a scalar",
                        to_string(ctx.inputs[1]->shape));
        }
    }
    return infer_same(ctx);
}

Result<void> evaluate_trilu(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const bool upper = ctx.node.attributes.integer("upper", 1) != 0;
    const std::int64_t rows = x.shape()[x.shape().size() - 2], columns = x.shape().back();
    const std::int64_t given = ctx.input(1) ? ctx.input(1)->data<std::int64_t>()[0] : 0;
    const std::int64_t k = std::clamp(given, -rows - 1, columns + 1);
    Tensor& y = ctx.make_output();
    dispatch_size(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        for (std::int64_t i = 0; i < x.size(); ++i) {
            const std::int64_t diagonal = i % columns - i / columns % rows;
            if (upper ? diagonal >= k : diagonal <= k) out[i] = in[i];
        }
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_trilu = {
    .name = "Trilu", .min_inputs = 1, .max_inputs = 2, .infer = infer_trilu, .evaluate = evaluate_trilu};

}  // namespace octet::ops
