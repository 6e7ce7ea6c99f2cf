#include "graph/ops/check.h"
#include "graph/ops/op_def.h"
#include "graph/ops/strided_copy.h"

namespace octet::ops {
namespace {

// Dimension d of the result is dimension permutation[d] of the input; reversed by default.
Result<std::vector<std::int64_t>> permutation(const Node& node, std::size_t rank) {
    std::vector<std::int64_t> perm = node.attributes.integers("perm");
    if (!node.attributes.has("perm")) {
        for (std::size_t d = rank; d-- > 0;) perm.push_back(static_cast<std::int64_t>(d));
    }
    if (perm.size() != rank) {
        return fail(ErrorCode::invalid_model, "attribute perm has {} elements, but the input has {} dimensions",
                    perm.size(), rank);
    }
    return normalize_axes(perm, static_cast<std::int64_t>(rank));
}

Result<void> infer_transpose(InferContext& ctx) {
    const Shape& in = ctx.inputs[0]->shape;
    OCTET_ASSIGN(const auto perm, permutation(ctx.node, in.size()));
    Shape shape;
    for (std::int64_t d : perm) shape.push_back(in[static_cast<std::size_t>(d)]);
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_transpose(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const auto perm, permutation(ctx.node, x.shape().size()));
    const std::vector<std::int64_t> strides = strides_of(x.shape());
    StridedView view;
    for (std::int64_t d : perm) view.strides.push_back(strides[static_cast<std::size_t>(d)]);
    strided_copy(ctx.parallel_for, x, view, ctx.make_output());
    return {};
}

}  // namespace

extern constinit const OpDef op_transpose = {.name = "Transpose",
                                             .min_inputs = 1,
                                             .max_inputs = 1,
                                             .infer = infer_transpose,
                                             .evaluate = evaluate_transpose,
                                             .quant = QuantRule::pass_through};

}  // namespace octet::ops
