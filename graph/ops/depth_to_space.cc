// DepthToSpace and SpaceToDepth with block size b.
//
//   DepthToSpace DCR   y[n, c, h·b + i, w·b + j] = x[n, (i·b + j)·C + c, h, w]      C = channels / b²
//   DepthToSpace CRD   y[n, c, h·b + i, w·b + j] = x[n, (c·b + i)·b + j, h, w]
//   SpaceToDepth       y[n, (i·b + j)·C + c, h, w] = x[n, c, h·b + i, w·b + j]      C = channels

#include "graph/ops/check.h"
#include "graph/ops/op_def.h"
#include "graph/ops/strided_copy.h"

namespace octet::ops {
namespace {

Result<std::int64_t> block_size(const InferContext& ctx) {
    OCTET_TRY(expect_rank(ctx, 0, 4, 4));
    OCTET_TRY(element_count(ctx.inputs[0]->shape));
    return integer_in(ctx.node, "blocksize", 0, 1, 1 << 15);
}

Result<void> infer_depth_to_space(InferContext& ctx) {
    OCTET_ASSIGN(const std::int64_t b, block_size(ctx));
    const std::string mode = ctx.node.attributes.text("mode", "DCR");
    if (mode != "DCR" && mode != "CRD") return fail(ErrorCode::invalid_model, "attribute mode is '{}'", mode);
    const Shape& x = ctx.inputs[0]->shape;
    if (x[1] % (b * b) != 0) {
        return fail(ErrorCode::invalid_model, "{} channels cannot be divided by {} x {}", x[1], b, b);
    }
    ctx.outputs[0] = {ctx.inputs[0]->dtype, {x[0], x[1] / b / b, x[2] * b, x[3] * b}};
    return {};
}

// x seen as `split`, its dimensions permuted, and seen as the output's shape.
void permute(EvalContext& ctx, const Shape& split, const std::vector<std::size_t>& order) {
    const std::vector<std::int64_t> strides = strides_of(split);
    StridedView view;
    Shape shape;
    for (std::size_t d : order) {
        shape.push_back(split[d]);
        view.strides.push_back(strides[d]);
    }
    Tensor out(ctx.types[0].dtype, shape);
    strided_copy(ctx.parallel_for, *ctx.inputs[0], view, out);
    ctx.outputs[0] = out.reshaped(ctx.types[0].shape);
}

Result<void> evaluate_depth_to_space(EvalContext& ctx) {
    const Shape& x = ctx.inputs[0]->shape();
    const std::int64_t b = ctx.node.attributes.integer("blocksize", 1);
    if (ctx.node.attributes.text("mode", "DCR") == "DCR") {
        permute(ctx, {x[0], b, b, x[1] / b / b, x[2], x[3]}, {0, 3, 4, 1, 5, 2});
    } else {
        permute(ctx, {x[0], x[1] / b / b, b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3});
    }
    return {};
}

Result<void> infer_space_to_depth(InferContext& ctx) {
    OCTET_ASSIGN(const std::int64_t b, block_size(ctx));
    const Shape& x = ctx.inputs[0]->shape;
    if (x[2] % b != 0 || x[3] % b != 0) {
        return fail(ErrorCode::invalid_model, "the sides of {} cannot be divided by {}", to_string(x), b);
    }
    ctx.outputs[0] = {ctx.inputs[0]->dtype, {x[0], x[1] * b * b, x[2] / b, x[3] / b}};
    return {};
}

Result<void> evaluate_space_to_depth(EvalContext& ctx) {
    const Shape& x = ctx.inputs[0]->shape();
    const std::int64_t b = ctx.node.attributes.integer("blocksize", 1);
    permute(ctx, {x[0], x[1], x[2] / b, b, x[3] / b, b}, {0, 3, 5, 1, 2, 4});
    return {};
}

constexpr OpDef rearrangement(std::string_view name, Result<void> (*infer)(InferContext&),
                              Result<void> (*evaluate)(EvalContext&)) {
    return {.name = name,
            .min_inputs = 1,
            .max_inputs = 1,
            .infer = infer,
            .evaluate = evaluate,
            .quant = QuantRule::pass_through};
}

}  // namespace

extern constinit const OpDef op_depth_to_space =
    rearrangement("DepthToSpace", infer_depth_to_space, evaluate_depth_to_space);
extern constinit const OpDef op_space_to_depth =
    rearrangement("SpaceToDepth", infer_space_to_depth, evaluate_space_to_depth);

}  // namespace octet::ops
