// Operators whose result follows from the input's shape alone: Shape, Size.

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

// Dimensions [start, end); the attributes count from the back when negative and are cut off at the rank.
Tensor shape_tensor(const Node& node, const Shape& shape) {
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto position = [rank](std::int64_t i) { return std::clamp(i < 0 ? i + rank : i, std::int64_t{0}, rank); };
    const std::int64_t start = position(node.attributes.integer("start", 0));
    const std::int64_t end = std::max(start, position(node.attributes.integer("end", rank)));
    return Tensor::from<std::int64_t>({end - start}, std::span(shape).subspan(static_cast<std::size_t>(start),
                                                                              static_cast<std::size_t>(end - start)));
}

Result<void> infer_shape(InferContext& ctx) {
    ctx.known[0] = shape_tensor(ctx.node, ctx.inputs[0]->shape);
    ctx.outputs[0] = {DType::int64, ctx.known[0]->shape()};
    return {};
}

Result<void> evaluate_shape(EvalContext& ctx) {
    ctx.outputs[0] = shape_tensor(ctx.node, ctx.inputs[0]->shape());
    return {};
}

Result<void> infer_size(InferContext& ctx) {
    OCTET_ASSIGN(const std::int64_t count, element_count(ctx.inputs[0]->shape));
    ctx.known[0] = Tensor::scalar<std::int64_t>(count);
    ctx.outputs[0] = {DType::int64, {}};
    return {};
}

Result<void> evaluate_size(EvalContext& ctx) {
    ctx.outputs[0] = Tensor::scalar<std::int64_t>(ctx.inputs[0]->size());
    return {};
}

}  // namespace

extern constinit const OpDef op_shape = {
    .name = "Shape", .min_inputs = 1, .max_inputs = 1, .infer = infer_shape, .evaluate = evaluate_shape};
extern constinit const OpDef op_size = {
    .name = "Size", .min_inputs = 1, .max_inputs = 1, .infer = infer_size, .evaluate = evaluate_size};

}  // namespace octet::ops
