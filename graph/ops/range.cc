// start, start + delta, … below limit (above it for a negative delta).

#include <cmath>

#include "graph/ir/arithmetic.h"
#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_range(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    double values[3];
    for (std::size_t i = 0; i < 3; ++i) {
        OCTET_TRY(expect_same_dtype(ctx, 0, i));
        const Tensor* constant = ctx.constant(i);
        if (!constant) return fail(ErrorCode::unsupported, "dynamic shape: input {} is not known before the run", i);
        if (constant->size() != 1) return fail(ErrorCode::invalid_model, "input {} is not a scalar", i);
        values[i] = constant->cast(DType::float64).data<double>()[0];
    }
    const double count = std::ceil((values[1] - values[0]) / values[2]);
    if (values[2] == 0 || !(count <= static_cast<double>(max_elements))) {
        return fail(ErrorCode::out_of_range, "a range from {} to {} in steps of {}", values[0], values[1], values[2]);
    }
    ctx.outputs[0] = {ctx.inputs[0]->dtype, {static_cast<std::int64_t>(std::max(0.0, count))}};
    return {};
}

Result<void> evaluate_range(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    dispatch_numeric(y.dtype(), [&]<typename T>() {
        const T start = elements<T>(*ctx.inputs[0])[0];
        const T delta = elements<T>(*ctx.inputs[2])[0];
        T* out = mutable_elements<T>(y);
        for (std::int64_t i = 0; i < y.size(); ++i)
            out[i] = static_cast<T>(static_cast<Wrapping<T>>(start) +
                                    static_cast<Wrapping<T>>(static_cast<T>(i)) * static_cast<Wrapping<T>>(delta));
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_range = {
    .name = "Range", .min_inputs = 3, .max_inputs = 3, .infer = infer_range, .evaluate = evaluate_range};

}  // namespace octet::ops
