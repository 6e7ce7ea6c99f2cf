// y = alpha · op(a) · op(b) + beta · c, where op transposes on request and c broadcasts to [m, n].

#include "graph/ops/broadcast.h"
#include "graph/ops/op_def.h"
#include "kernels/gemm_f32.h"

namespace octet::ops {
namespace {

struct GemmShape {
    std::int64_t m, n, k;
};

Result<GemmShape> gemm_shape(const Node& node, const Shape& a, const Shape& b) {
    const bool ta = node.attributes.integer("transA", 0) != 0;
    const bool tb = node.attributes.integer("transB", 0) != 0;
    const GemmShape s = {a[ta ? 1 : 0], b[tb ? 0 : 1], a[ta ? 0 : 1]};
    const std::int64_t rows = b[tb ? 1 : 0];
    if (s.k != rows) {
        return fail(ErrorCode::invalid_model, "{} · {}: {} columns meet {} rows", to_string(a), to_string(b), s.k,
                    rows);
    }
    return s;
}

Result<void> infer_gemm(InferContext& ctx) {
    OCTET_TRY(expect_dtype(ctx, 0, DType::float32));
    for (std::size_t i = 0; i < 2; ++i) {
        OCTET_TRY(expect_same_dtype(ctx, 0, i));
        OCTET_TRY(expect_rank(ctx, i, 2, 2));
    }
    OCTET_ASSIGN(const GemmShape s, gemm_shape(ctx.node, ctx.inputs[0]->shape, ctx.inputs[1]->shape));
    if (ctx.input(2)) {
        OCTET_TRY(expect_same_dtype(ctx, 0, 2));
        OCTET_ASSIGN(const Shape shape, broadcast(ctx.inputs[2]->shape, {s.m, s.n}));
        if (shape != Shape{s.m, s.n}) {
            return fail(ErrorCode::invalid_model, "bias {} does not broadcast to {}x{}",
                        to_string(ctx.inputs[2]->shape), s.m, s.n);
        }
    }
    ctx.outputs[0] = {DType::float32, {s.m, s.n}};
    return {};
}

// The matrix, transposed on request, times a factor.
std::vector<float> prepared(const Tensor& matrix, bool transpose, float factor) {
    const auto from = matrix.data<float>();
    std::vector<float> to(from.size());
    const auto rows = static_cast<std::size_t>(matrix.shape()[0]),
               columns = static_cast<std::size_t>(matrix.shape()[1]);
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
            to[transpose ? j * rows + i : i * columns + j] = factor * from[i * columns + j];
        }
    }
    return to;
}

Result<void> evaluate_gemm(EvalContext& ctx) {
    const Tensor& a = *ctx.inputs[0];
    const Tensor& b = *ctx.inputs[1];
    const Attributes& attributes = ctx.node.attributes;
    OCTET_ASSIGN(const GemmShape s, gemm_shape(ctx.node, a.shape(), b.shape()));
    const bool transposed = attributes.integer("transB", 0) != 0;
    Tensor& y = ctx.make_output();
    if (y.size() == 0) return {};
    if (ctx.input(2)) {
        // The zeros of y broadcast the bias to the output's shape.
        const Tensor zeros = y;
        const float beta = attributes.real("beta", 1.0F);
        broadcast_binary<float, float, float>(ctx.parallel_for, *ctx.input(2), zeros, y,
                                              [beta](float c, float) { return beta * c; });
    }
    if (s.k == 0) return {};
    const std::vector<float> left = prepared(a, attributes.integer("transA", 0) != 0, attributes.real("alpha", 1.0F));
    if (s.m == 1 && transposed) {
        // One row: yᵀ = b · aᵀ takes the matrix as it lies there.
        kernels::gemm_f32({.m = static_cast<int>(s.n),
                           .n = 1,
                           .k = static_cast<int>(s.k),
                           .a = b.data<float>().data(),
                           .lda = s.k,
                           .b = left.data(),
                           .ldb = 1,
                           .c = y.mutable_data<float>().data(),
                           .ldc = 1,
                           .accumulate = true},
                          ctx.features);
        return {};
    }
    const std::vector<float> right = prepared(b, transposed, 1.0F);
    kernels::gemm_f32({.m = static_cast<int>(s.m),
                       .n = static_cast<int>(s.n),
                       .k = static_cast<int>(s.k),
                       .a = left.data(),
                       .lda = s.k,
                       .b = right.data(),
                       .ldb = s.n,
                       .c = y.mutable_data<float>().data(),
                       .ldc = s.n,
                       .accumulate = true},
                      ctx.features);
    return {};
}

std::int64_t macs_gemm(const Node& node, std::span<const TensorType* const> inputs, std::span<const TensorType>) {
    const auto s = gemm_shape(node, inputs[0]->shape, inputs[1]->shape);
    return s ? s->m * s->n * s->k : 0;
}

}  // namespace

extern constinit const OpDef op_gemm = {.name = "Gemm",
                                        .min_inputs = 2,
                                        .max_inputs = 3,
                                        .infer = infer_gemm,
                                        .evaluate = evaluate_gemm,
                                        .macs = macs_gemm};

}  // namespace octet::ops
