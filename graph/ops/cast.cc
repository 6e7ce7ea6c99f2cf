#include "graph/ops/check.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_cast(InferContext& ctx) {
    OCTET_ASSIGN(const DType type, dtype_from_onnx(ctx.node.attributes.integer("to", 0)));
    ctx.outputs[0] = {type, ctx.inputs[0]->shape};
    return {};
}

Result<void> infer_cast_like(InferContext& ctx) {
    ctx.outputs[0] = {ctx.inputs[1]->dtype, ctx.inputs[0]->shape};
    return {};
}

Result<void> evaluate_cast(EvalContext& ctx) {
    ctx.outputs[0] = ctx.inputs[0]->cast(ctx.types[0].dtype);
    return {};
}

}  // namespace

extern constinit const OpDef op_cast = {
    .name = "Cast", .min_inputs = 1, .max_inputs = 1, .infer = infer_cast, .evaluate = evaluate_cast};
extern constinit const OpDef op_cast_like = {
    .name = "CastLike", .min_inputs = 2, .max_inputs = 2, .infer = infer_cast_like, .evaluate = evaluate_cast};

}  // namespace octet::ops
