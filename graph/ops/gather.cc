// Gather: slices of the input along an axis, picked by an index tensor of any shape.
// GatherElements: single elements, picked by an index tensor of the input's rank.

#include <cstring>

#include "graph/ops/check.h"
#include "graph/ops/indices.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<std::int64_t> gather_axis(const Node& node, const Shape& shape) {
    return normalize_axis(node.attributes.integer("axis", 0), static_cast<std::int64_t>(shape.size()));
}

Result<void> infer_gather(InferContext& ctx) {
    OCTET_TRY(expect_integer(ctx, 1));
    const Shape& in = ctx.inputs[0]->shape;
    const Shape& indices = ctx.inputs[1]->shape;
    OCTET_ASSIGN(const std::int64_t axis, gather_axis(ctx.node, in));
    Shape shape(in.begin(), in.begin() + axis);
    shape.insert(shape.end(), indices.begin(), indices.end());
    shape.insert(shape.end(), in.begin() + axis + 1, in.end());
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_gather(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, gather_axis(ctx.node, x.shape()));
    const AxisView view = around(x.shape(), axis);
    OCTET_ASSIGN(const std::vector<std::int64_t> picks, positions_in(*ctx.inputs[1], view.extent));
    Tensor& y = ctx.make_output();
    const std::size_t slice = static_cast<std::size_t>(view.inner) * dtype_size(x.dtype());
    std::byte* out = y.mutable_raw();
    for (std::int64_t o = 0; o < view.outer && slice != 0; ++o) {
        const std::byte* in = x.raw() + static_cast<std::size_t>(o * view.extent) * slice;
        for (std::int64_t pick : picks) {
            std::memcpy(out, in + static_cast<std::size_t>(pick) * slice, slice);
            out += slice;
        }
    }
    return {};
}

Result<void> infer_gather_elements(InferContext& ctx) {
    OCTET_TRY(expect_integer(ctx, 1));
    const Shape& in = ctx.inputs[0]->shape;
    const Shape& indices = ctx.inputs[1]->shape;
    OCTET_ASSIGN(const std::int64_t axis, gather_axis(ctx.node, in));
    OCTET_TRY(expect_fitting_indices(in, indices, axis));
    ctx.outputs[0] = {ctx.inputs[0]->dtype, indices};
    return {};
}

Result<void> evaluate_gather_elements(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, gather_axis(ctx.node, x.shape()));
    OCTET_ASSIGN(const std::vector<std::int64_t> offsets, element_offsets(x.shape(), *ctx.inputs[1], axis));
    Tensor& y = ctx.make_output();
    dispatch_size(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        for (std::int64_t offset : offsets) *out++ = in[offset];
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_gather = {.name = "Gather",
                                          .min_inputs = 2,
                                          .max_inputs = 2,
                                          .infer = infer_gather,
                                          .evaluate = evaluate_gather,
                                          .quant = QuantRule::pass_through};
extern constinit const OpDef op_gather_elements = {.name = "GatherElements",
                                                   .min_inputs = 2,
                                                   .max_inputs = 2,
                                                   .infer = infer_gather_elements,
                                                   .evaluate = evaluate_gather_elements,
                                                   .quant = QuantRule::pass_through};

}  // namespace octet::ops
