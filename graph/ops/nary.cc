// Elementwise operators of any number of inputs with broadcasting: Max, Min, Sum, Mean.

#include "graph/ops/broadcast.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_nary(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    OCTET_ASSIGN(ctx.outputs[0], broadcast_inputs(ctx));
    return {};
}

Result<void> infer_nary_floating(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    return infer_nary(ctx);
}

// y = f(… f(f(x0, x1), x2) …)
template <typename T, typename F>
void fold(EvalContext& ctx, Tensor& y, F f) {
    // The zeros of y spread the first input to the output's shape.
    const Tensor zeros = y;
    broadcast_binary<T, T, T>(ctx.parallel_for, *ctx.inputs[0], zeros, y, [](T x, T) { return x; });
    for (std::size_t i = 1; i < ctx.inputs.size(); ++i) {
        Tensor next(y.dtype(), y.shape());
        broadcast_binary<T, T, T>(ctx.parallel_for, y, *ctx.inputs[i], next, f);
        y = std::move(next);
    }
}

struct Largest {
    template <typename T>
    T operator()(T a, T b) const {
        return a < b ? b : a;
    }
};
struct Smallest {
    template <typename T>
    T operator()(T a, T b) const {
        return b < a ? b : a;
    }
};

template <typename F>
Result<void> evaluate_extreme(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    dispatch_numeric(y.dtype(), [&]<typename T>() { fold<T>(ctx, y, F()); });
    return {};
}

template <bool mean>
Result<void> evaluate_sum(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    dispatch_floating(y.dtype(), [&]<typename T>() {
        fold<T>(ctx, y, std::plus<T>());
        if constexpr (mean) {
            for (T& value : y.mutable_data<T>()) value /= static_cast<T>(ctx.inputs.size());
        }
    });
    return {};
}

constexpr OpDef nary(std::string_view name, Result<void> (*infer)(InferContext&),
                     Result<void> (*evaluate)(EvalContext&)) {
    return {.name = name, .min_inputs = 1, .max_inputs = variadic, .infer = infer, .evaluate = evaluate};
}

}  // namespace

extern constinit const OpDef op_max = nary("Max", infer_nary, evaluate_extreme<Largest>);
extern constinit const OpDef op_min = nary("Min", infer_nary, evaluate_extreme<Smallest>);
extern constinit const OpDef op_sum = nary("Sum", infer_nary_floating, evaluate_sum<false>);
extern constinit const OpDef op_mean = nary("Mean", infer_nary_floating, evaluate_sum<true>);

}  // namespace octet::ops
