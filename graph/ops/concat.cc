#include <cstring>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<std::int64_t> concat_axis(const Node& node, std::size_t rank) {
    if (!node.attributes.has("axis")) return fail(ErrorCode::invalid_model, "attribute axis is missing");
    return normalize_axis(node.attributes.integer("axis", 0), static_cast<std::int64_t>(rank));
}

Result<void> infer_concat(InferContext& ctx) {
    Shape shape = ctx.inputs[0]->shape;
    OCTET_ASSIGN(const std::int64_t axis, concat_axis(ctx.node, shape.size()));
    const auto a = static_cast<std::size_t>(axis);
    for (std::size_t i = 1; i < ctx.inputs.size(); ++i) {
        OCTET_TRY(expect_same_dtype(ctx, 0, i));
        Shape other = ctx.inputs[i]->shape;
        if (other.size() == shape.size()) {
            shape[a] += other[a];
            other[a] = shape[a];
        }
        if (other != shape) {
            return fail(ErrorCode::invalid_model, "inputs {} and {} differ in more than dimension {}",
                        to_string(ctx.inputs[0]->shape), to_string(ctx.inputs[i]->shape), axis);
        }
    }
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_concat(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    OCTET_ASSIGN(const std::int64_t axis, concat_axis(ctx.node, y.shape().size()));
    const AxisView view = around(y.shape(), axis);
    const auto element = static_cast<std::int64_t>(dtype_size(y.dtype()));
    const std::int64_t out_row = view.extent * view.inner * element;
    std::byte* out = y.mutable_raw();
    std::int64_t offset = 0;
    for (const Tensor* x : ctx.inputs) {
        const std::int64_t row = x->shape()[static_cast<std::size_t>(axis)] * view.inner * element;
        if (row == 0) continue;
        for (std::int64_t o = 0; o < view.outer; ++o) {
            std::memcpy(out + o * out_row + offset, x->raw() + o * row, static_cast<std::size_t>(row));
        }
        offset += row;
    }
    return {};
}

}  // namespace

extern constinit const OpDef op_concat = {.name = "Concat",
                                          .min_inputs = 1,
                                          .max_inputs = variadic,
                                          .infer = infer_concat,
                                          .evaluate = evaluate_concat,
                                          .quant = QuantRule::pass_through};

}  // namespace octet::ops
