// Repeats the input by broadcasting it with a shape.

#include "graph/ops/check.h"
#include "graph/ops/op_def.h"
#include "graph/ops/strided_copy.h"

namespace octet::ops {
namespace {

Result<void> infer_expand(InferContext& ctx) {
    OCTET_ASSIGN(const Shape wanted, known_integers(ctx, 1, "the shape"));
    OCTET_TRY(element_count(wanted));
    OCTET_ASSIGN(Shape shape, broadcast(ctx.inputs[0]->shape, wanted));
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_expand(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    Tensor& y = ctx.make_output();
    const std::vector<std::int64_t> strides = strides_of(x.shape());
    StridedView view;
    view.strides.assign(y.shape().size(), 0);
    const std::size_t lead = y.shape().size() - x.shape().size();
    for (std::size_t d = 0; d < x.shape().size(); ++d) {
        if (x.shape()[d] != 1) view.strides[lead + d] = strides[d];
    }
    strided_copy(ctx.parallel_for, x, view, y);
    return {};
}

}  // namespace

extern constinit const OpDef op_expand = {.name = "Expand",
                                          .min_inputs = 2,
                                          .max_inputs = 2,
                                          .infer = infer_expand,
                                          .evaluate = evaluate_expand,
                                          .quant = QuantRule::pass_through};

}  // namespace octet::ops
