// Comparisons and logic, elementwise with broadcasting.

#include "graph/ops/broadcast.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_compare(InferContext& ctx) {
    OCTET_ASSIGN(ctx.outputs[0], broadcast_inputs(ctx));
    ctx.outputs[0].dtype = DType::boolean;
    return {};
}

Result<void> infer_logic(InferContext& ctx) {
    OCTET_TRY(expect_dtype(ctx, 0, DType::boolean));
    return infer_compare(ctx);
}

template <typename F>
Result<void> evaluate_compare(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    dispatch_numeric(ctx.inputs[0]->dtype(), [&]<typename T>() {
        broadcast_binary<T, T, bool>(ctx.parallel_for, *ctx.inputs[0], *ctx.inputs[1], y,
                                     [](T a, T b) { return static_cast<bool>(F()(a, b)); });
    });
    return {};
}

template <typename F>
Result<void> evaluate_logic(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    broadcast_binary<bool, bool, bool>(ctx.parallel_for, *ctx.inputs[0], *ctx.inputs[1], y,
                                       [](bool a, bool b) { return F()(a, b); });
    return {};
}

constexpr OpDef boolean(std::string_view name, Result<void> (*infer)(InferContext&),
                        Result<void> (*evaluate)(EvalContext&)) {
    return {.name = name, .min_inputs = 2, .max_inputs = 2, .infer = infer, .evaluate = evaluate};
}

}  // namespace

extern constinit const OpDef op_and = boolean("And", infer_logic, evaluate_logic<std::logical_and<>>);
extern constinit const OpDef op_equal = boolean("Equal", infer_compare, evaluate_compare<std::equal_to<>>);
extern constinit const OpDef op_greater = boolean("Greater", infer_compare, evaluate_compare<std::greater<>>);
extern constinit const OpDef op_greater_or_equal =
    boolean("GreaterOrEqual", infer_compare, evaluate_compare<std::greater_equal<>>);
extern constinit const OpDef op_less = boolean("Less", infer_compare, evaluate_compare<std::less<>>);
extern constinit const OpDef op_less_or_equal =
    boolean("LessOrEqual", infer_compare, evaluate_compare<std::less_equal<>>);
extern constinit const OpDef op_or = boolean("Or", infer_logic, evaluate_logic<std::logical_or<>>);
extern constinit const OpDef op_xor = boolean("Xor", infer_logic, evaluate_logic<std::not_equal_to<>>);

}  // namespace octet::ops
