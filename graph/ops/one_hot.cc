// OneHot: a new axis of `depth` elements that holds the on-value at the index and the off-value elsewhere.
// EyeLike: ones on diagonal k of a matrix.

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<void> infer_one_hot(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    OCTET_TRY(expect_numeric(ctx, 1));
    OCTET_TRY(expect_vector(ctx, 2, 2));
    const Tensor* depth = ctx.constant(1);
    if (!depth) return fail(ErrorCode::unsupported, "dynamic shape: the depth (input 1) is not known before the run");
    if (depth->size() != 1 || depth->to_int64()[0] < 1)
        return fail(ErrorCode::invalid_model, "the depth is not positive");
    Shape shape = ctx.inputs[0]->shape;
    OCTET_ASSIGN(const std::int64_t axis,
                 normalize_axis(ctx.node.attributes.integer("axis", -1), static_cast<std::int64_t>(shape.size()) + 1));
    shape.insert(shape.begin() + axis, depth->to_int64()[0]);
    ctx.outputs[0] = {ctx.inputs[2]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_one_hot(EvalContext& ctx) {
    const std::vector<std::int64_t> indices = ctx.inputs[0]->to_int64();
    Tensor& y = ctx.make_output();
    OCTET_ASSIGN(const std::int64_t axis, normalize_axis(ctx.node.attributes.integer("axis", -1), y.rank()));
    const AxisView view = around(y.shape(), axis);
    dispatch_size(y.dtype(), [&]<typename T>() {
        const T off = elements<T>(*ctx.inputs[2])[0], on = elements<T>(*ctx.inputs[2])[1];
        T* out = mutable_elements<T>(y);
        std::fill_n(out, y.size(), off);
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(indices.size()); ++i) {
            std::int64_t index = indices[static_cast<std::size_t>(i)];
            if (index < 0) index += view.extent;
            // Out of range means all off.
            if (index < 0 || index >= view.extent) continue;
            out[(i / view.inner * view.extent + index) * view.inner + i % view.inner] = on;
        }
    });
    return {};
}

Result<void> infer_eye_like(InferContext& ctx) {
    OCTET_TRY(expect_rank(ctx, 0, 2, 2));
    OCTET_TRY(infer_same(ctx));
    if (const std::int64_t declared = ctx.node.attributes.integer("dtype", 0); declared != 0) {
        OCTET_ASSIGN(ctx.outputs[0].dtype, dtype_from_onnx(declared));
    }
    return {};
}

Result<void> evaluate_eye_like(EvalContext& ctx) {
    Tensor& y = ctx.make_output();
    const std::int64_t rows = y.shape()[0], columns = y.shape()[1];
    const std::int64_t k = std::clamp(ctx.node.attributes.integer("k", 0), -rows, columns);
    dispatch_numeric(y.dtype(), [&]<typename T>() {
        T* out = mutable_elements<T>(y);
        for (std::int64_t row = std::max<std::int64_t>(0, -k); row < rows && row + k < columns; ++row) {
            out[row * columns + row + k] = T(1);
        }
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_one_hot = {
    .name = "OneHot", .min_inputs = 3, .max_inputs = 3, .infer = infer_one_hot, .evaluate = evaluate_one_hot};
extern constinit const OpDef op_eye_like = {
    .name = "EyeLike", .min_inputs = 1, .max_inputs = 1, .infer = infer_eye_like, .evaluate = evaluate_eye_like};

}  // namespace octet::ops
