// ScatterND, ScatterElements: the data with the updates written, or accumulated, at the places that the indices name.

#include "graph/ops/indices.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/reduction.h"

namespace octet::ops {
namespace {

Result<void> check_update_dtypes(const InferContext& ctx) {
    OCTET_TRY(expect_same_dtype(ctx, 0, 2));
    OCTET_TRY(expect_integer(ctx, 1));
    OCTET_ASSIGN(const Reduction reduction, reduction_of(ctx.node));
    return reduction == Reduction::none ? Result<void>() : expect_numeric(ctx, 0);
}

Result<void> infer_scatter_nd(InferContext& ctx) {
    OCTET_TRY(check_update_dtypes(ctx));
    const Shape& data = ctx.inputs[0]->shape;
    const Shape& indices = ctx.inputs[1]->shape;
    const Shape& updates = ctx.inputs[2]->shape;
    if (data.empty() || indices.empty() || indices.back() > static_cast<std::int64_t>(data.size())) {
        return fail(ErrorCode::invalid_model, "indices {} do not fit data {}", to_string(indices), to_string(data));
    }
    Shape wanted(indices.begin(), indices.end() - 1);
    wanted.insert(wanted.end(), data.begin() + indices.back(), data.end());
    if (updates != wanted) {
        return fail(ErrorCode::invalid_model, "updates are {}, but have to be {}", to_string(updates),
                    to_string(wanted));
    }
    return infer_same(ctx);
}

Result<void> evaluate_scatter_nd(EvalContext& ctx) {
    const Tensor& data = *ctx.inputs[0];
    const Tensor& indices = *ctx.inputs[1];
    const Tensor& updates = *ctx.inputs[2];
    OCTET_ASSIGN(const Reduction reduction, reduction_of(ctx.node));
    OCTET_ASSIGN(const std::vector<std::int64_t> offsets, slice_offsets(data.shape(), indices, 0));
    const std::int64_t slice =
        product(data.shape(), static_cast<std::size_t>(indices.shape().back()), data.shape().size());
    Tensor& y = ctx.outputs[0] = data;
    dispatch_numeric(data.dtype(), [&]<typename T>() {
        const T* update = elements<T>(updates);
        T* out = mutable_elements<T>(y);
        for (std::int64_t offset : offsets) {
            T* to = out + offset;
            for (std::int64_t i = 0; i < slice; ++i) to[i] = combine(reduction, to[i], update[i]);
            update += slice;
        }
    });
    return {};
}

Result<std::int64_t> scatter_axis(const Node& node, const Shape& shape) {
    return normalize_axis(node.attributes.integer("axis", 0), static_cast<std::int64_t>(shape.size()));
}

Result<void> infer_scatter_elements(InferContext& ctx) {
    OCTET_TRY(check_update_dtypes(ctx));
    OCTET_ASSIGN(const std::int64_t axis, scatter_axis(ctx.node, ctx.inputs[0]->shape));
    OCTET_TRY(expect_fitting_indices(ctx.inputs[0]->shape, ctx.inputs[1]->shape, axis));
    if (ctx.inputs[1]->shape != ctx.inputs[2]->shape) {
        return fail(ErrorCode::invalid_model, "indices {} and updates {} differ", to_string(ctx.inputs[1]->shape),
                    to_string(ctx.inputs[2]->shape));
    }
    return infer_same(ctx);
}

Result<void> evaluate_scatter_elements(EvalContext& ctx) {
    const Tensor& data = *ctx.inputs[0];
    const Tensor& updates = *ctx.inputs[2];
    OCTET_ASSIGN(const Reduction reduction, reduction_of(ctx.node));
    OCTET_ASSIGN(const std::int64_t axis, scatter_axis(ctx.node, data.shape()));
    OCTET_ASSIGN(const std::vector<std::int64_t> offsets, element_offsets(data.shape(), *ctx.inputs[1], axis));
    Tensor& y = ctx.outputs[0] = data;
    dispatch_numeric(data.dtype(), [&]<typename T>() {
        const T* update = elements<T>(updates);
        T* out = mutable_elements<T>(y);
        for (std::int64_t offset : offsets) {
            out[offset] = combine(reduction, out[offset], *update);
            ++update;
        }
    });
    return {};
}

constexpr OpDef scatter(std::string_view name, Result<void> (*infer)(InferContext&),
                        Result<void> (*evaluate)(EvalContext&)) {
    return {.name = name,
            .min_inputs = 3,
            .max_inputs = 3,
            .infer = infer,
            .evaluate = evaluate,
            .quant = QuantRule::pass_through};
}

}  // namespace

extern constinit const OpDef op_scatter_nd = scatter("ScatterND", infer_scatter_nd, evaluate_scatter_nd);
extern constinit const OpDef op_scatter_elements =
    scatter("ScatterElements", infer_scatter_elements, evaluate_scatter_elements);

}  // namespace octet::ops
