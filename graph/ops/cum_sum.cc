// Running sums along an axis, without the own element (exclusive) or from the end (reverse) on request.

#include "graph/ir/arithmetic.h"
#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_cum_sum(InferContext& ctx) {
    OCTET_TRY(expect_integer(ctx, 1));
    if (element_count(ctx.inputs[1]->shape).value_or(0) != 1) {
        return fail(ErrorCode::invalid_model, "the axis has shape {}, but has to be a scalar",
                    to_string(ctx.inputs[1]->shape));
    }
    return infer_same_numeric(ctx);
}

Result<void> evaluate_cum_sum(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, normalize_axis(ctx.inputs[1]->to_int64()[0], x.rank()));
    const bool exclusive = ctx.node.attributes.integer("exclusive", 0) != 0;
    const bool reverse = ctx.node.attributes.integer("reverse", 0) != 0;
    const AxisView view = around(x.shape(), axis);
    Tensor& y = ctx.make_output();
    dispatch_numeric(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        for (std::int64_t i = 0; i < view.outer * view.inner; ++i) {
            const std::int64_t start = i / view.inner * view.extent * view.inner + i % view.inner;
            T sum = 0;
            for (std::int64_t k = 0; k < view.extent; ++k) {
                const std::int64_t at = start + (reverse ? view.extent - 1 - k : k) * view.inner;
                const T next = static_cast<T>(static_cast<Wrapping<T>>(sum) + static_cast<Wrapping<T>>(in[at]));
                out[at] = exclusive ? sum : next;
                sum = next;
            }
        }
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_cum_sum = {
    .name = "CumSum", .min_inputs = 2, .max_inputs = 2, .infer = infer_cum_sum, .evaluate = evaluate_cum_sum};

}  // namespace octet::ops
