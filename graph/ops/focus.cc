// Space to depth of the YOLO stem: [N,C,H,W] -> [N,4C,H/2,W/2].
//
//   y[n, b·C + c, i, j] = x[n, c, 2i + row(b), 2j + column(b)]     (row, column) of block b: 00, 10, 01, 11

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_focus(InferContext& ctx) {
    OCTET_TRY(expect_rank(ctx, 0, 4, 4));
    const Shape& x = ctx.inputs[0]->shape;
    if (x[2] % 2 != 0 || x[3] % 2 != 0) {
        return fail(ErrorCode::invalid_model, "the sides of {} have to be even", to_string(x));
    }
    if (x[1] > max_elements) return fail(ErrorCode::out_of_range, "{} channels", x[1]);
    ctx.outputs[0] = {ctx.inputs[0]->dtype, {x[0], 4 * x[1], x[2] / 2, x[3] / 2}};
    return {};
}

Result<void> evaluate_focus(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    Tensor& y = ctx.make_output();
    const std::int64_t channels = x.shape()[1], height = x.shape()[2], width = x.shape()[3];
    const std::int64_t plane = height / 2 * (width / 2);
    dispatch_size(x.dtype(), [&]<typename T>() {
        ctx.parallel_for(x.shape()[0] * 4 * channels, [&](std::int64_t i) {
            const std::int64_t c = i % channels, block = i / channels % 4, n = i / channels / 4;
            const T* in = elements<T>(x) + (n * channels + c) * height * width + (block % 2) * width + block / 2;
            T* out = reinterpret_cast<T*>(y.mutable_raw()) + i * plane;
            for (std::int64_t row = 0; row < height; row += 2) {
                for (std::int64_t column = 0; column < width; column += 2) *out++ = in[row * width + column];
            }
        });
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_focus = {.name = "Focus",
                                         .min_inputs = 1,
                                         .max_inputs = 1,
                                         .infer = infer_focus,
                                         .evaluate = evaluate_focus,
                                         .quant = QuantRule::pass_through};

}  // namespace octet::ops
