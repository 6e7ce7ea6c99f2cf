// A tensor of the given shape filled with the one element of attribute `value` (float32 zero when absent).

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Tensor fill_value(const Node& node) {
    return node.attributes.get<Tensor>("value", Tensor::scalar(0.0F));
}

Result<void> infer_constant_of_shape(InferContext& ctx) {
    OCTET_ASSIGN(Shape shape, known_integers(ctx, 0, "the shape"));
    const Tensor value = fill_value(ctx.node);
    if (value.size() != 1) {
        return fail(ErrorCode::invalid_model, "attribute value has {} elements, but has to have one", value.size());
    }
    ctx.outputs[0] = {value.dtype(), std::move(shape)};
    return {};
}

Result<void> evaluate_constant_of_shape(EvalContext& ctx) {
    const Tensor value = fill_value(ctx.node);
    Tensor& y = ctx.make_output();
    dispatch_size(y.dtype(),
                  [&]<typename T>() { std::fill_n(mutable_elements<T>(y), y.size(), elements<T>(value)[0]); });
    return {};
}

}  // namespace

extern constinit const OpDef op_constant_of_shape = {.name = "ConstantOfShape",
                                                     .min_inputs = 1,
                                                     .max_inputs = 1,
                                                     .infer = infer_constant_of_shape,
                                                     .evaluate = evaluate_constant_of_shape};

}  // namespace octet::ops
