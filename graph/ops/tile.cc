// The input repeated along each dimension.

#include "graph/ops/check.h"
#include "graph/ops/op_def.h"
#include "graph/ops/strided_copy.h"

namespace octet::ops {
namespace {

Result<void> infer_tile(InferContext& ctx) {
    const TensorType& x = *ctx.inputs[0];
    OCTET_ASSIGN(const auto repeats, known_integers(ctx, 1, "the repeats"));
    if (repeats.size() != x.shape.size()) {
        return fail(ErrorCode::invalid_model, "{} repeats are given for {}", repeats.size(), to_string(x.shape));
    }
    Shape shape = x.shape;
    for (std::size_t d = 0; d < shape.size(); ++d) {
        OCTET_ASSIGN(shape[d], element_count({shape[d], repeats[d]}));
    }
    ctx.outputs[0] = {x.dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_tile(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    Tensor& y = ctx.make_output();
    // Every dimension becomes two: the repetition, which stands still in the input, and the input's own.
    const std::vector<std::int64_t> strides = strides_of(x.shape());
    Shape split;
    StridedView view;
    for (std::size_t d = 0; d < strides.size(); ++d) {
        split.insert(split.end(), {x.shape()[d] == 0 ? 0 : y.shape()[d] / x.shape()[d], x.shape()[d]});
        view.strides.insert(view.strides.end(), {0, strides[d]});
    }
    Tensor out(y.dtype(), split);
    strided_copy(ctx.parallel_for, x, view, out);
    y = out.reshaped(y.shape());
    return {};
}

}  // namespace

extern constinit const OpDef op_tile = {.name = "Tile",
                                        .min_inputs = 2,
                                        .max_inputs = 2,
                                        .infer = infer_tile,
                                        .evaluate = evaluate_tile,
                                        .quant = QuantRule::pass_through};

}  // namespace octet::ops
