// y = (x - mean) / sqrt(variance + epsilon) * scale + bias, per channel (dimension 1).

#include <cmath>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_batch_normalization(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    if (ctx.node.attributes.integer("training_mode", 0) != 0) {
        return fail(ErrorCode::unsupported, "training_mode is not supported");
    }
    const Shape& shape = ctx.inputs[0]->shape;
    if (shape.empty()) return fail(ErrorCode::invalid_model, "input 0 is a scalar");
    for (std::size_t i = 1; i < 5; ++i) {
        OCTET_TRY(expect_floating(ctx, i));
        OCTET_TRY(expect_vector(ctx, i, shape.size() > 1 ? shape[1] : 1));
    }
    return infer_same(ctx);
}

Result<void> evaluate_batch_normalization(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    Tensor& y = ctx.make_output();
    const double epsilon = ctx.node.attributes.real("epsilon", 1e-5F);
    const std::int64_t channels = x.rank() > 1 ? x.shape()[1] : 1;
    const std::int64_t rows = x.rank() > 1 ? x.shape()[0] * channels : 1;
    const std::int64_t plane = rows == 0 ? 0 : x.size() / rows;
    const std::vector<float> scale = ctx.inputs[1]->to_float(), bias = ctx.inputs[2]->to_float(),
                             mean = ctx.inputs[3]->to_float(), variance = ctx.inputs[4]->to_float();
    dispatch_floating(x.dtype(), [&]<typename T>() {
        const T* in = x.data<T>().data();
        T* out = y.mutable_data<T>().data();
        parallel_ranges(ctx.parallel_for, rows, row_grain(plane), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                const auto c = static_cast<std::size_t>(row % channels);
                const double slope = scale[c] / std::sqrt(variance[c] + epsilon);
                const auto factor = static_cast<T>(slope);
                const auto offset = static_cast<T>(bias[c] - mean[c] * slope);
                for (std::int64_t i = row * plane; i < (row + 1) * plane; ++i) out[i] = in[i] * factor + offset;
            }
        });
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_batch_normalization = {.name = "BatchNormalization",
                                                       .min_inputs = 5,
                                                       .max_inputs = 5,
                                                       .infer = infer_batch_normalization,
                                                       .evaluate = evaluate_batch_normalization};

}  // namespace octet::ops
