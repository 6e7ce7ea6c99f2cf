#include "graph/ops/matmul.h"

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "kernels/gemm_f32.h"

namespace octet::ops {

Result<MatMulShape> matmul_shape(const Shape& a, const Shape& b) {
    if (a.empty() || b.empty()) {
        return fail(ErrorCode::invalid_model, "a scalar ({} · {}) cannot be multiplied", to_string(a), to_string(b));
    }
    MatMulShape s;
    s.m = a.size() == 1 ? 1 : a[a.size() - 2];
    s.k = a.back();
    s.n = b.size() == 1 ? 1 : b.back();
    const std::int64_t b_rows = b.size() == 1 ? b[0] : b[b.size() - 2];
    if (s.k != b_rows) {
        return fail(ErrorCode::invalid_model, "{} · {}: {} columns meet {} rows", to_string(a), to_string(b), s.k,
                    b_rows);
    }
    if (a.size() > 2) s.a_batch.assign(a.begin(), a.end() - 2);
    if (b.size() > 2) s.b_batch.assign(b.begin(), b.end() - 2);
    OCTET_ASSIGN(s.batch, broadcast(s.a_batch, s.b_batch));
    s.out = s.batch;
    if (a.size() > 1) s.out.push_back(s.m);
    if (b.size() > 1) s.out.push_back(s.n);
    return s;
}

std::int64_t batch_index(const Shape& own, const Shape& batch, std::int64_t i) {
    const std::vector<std::int64_t> strides = strides_of(own);
    std::int64_t index = 0;
    for (std::size_t d = batch.size(); d-- > 0; i /= batch[d]) {
        const std::size_t lead = batch.size() - own.size();
        if (d >= lead && own[d - lead] != 1) index += i % batch[d] * strides[d - lead];
    }
    return index;
}

namespace {

// Rows of a product that make a piece of work.
constexpr std::int64_t row_block = 64;

Result<void> infer_matmul(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    OCTET_TRY(expect_same_dtype(ctx, 0, 1));
    OCTET_ASSIGN(MatMulShape s, matmul_shape(ctx.inputs[0]->shape, ctx.inputs[1]->shape));
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(s.out)};
    return {};
}

void multiply(const EvalContext& ctx, std::int64_t m, const MatMulShape& s, const float* a, const float* b, float* y) {
    kernels::gemm_f32({.m = static_cast<int>(m),
                       .n = static_cast<int>(s.n),
                       .k = static_cast<int>(s.k),
                       .a = a,
                       .lda = s.k,
                       .b = b,
                       .ldb = s.n,
                       .c = y,
                       .ldc = s.n},
                      ctx.features);
}

// Integers wrap around.
template <typename T>
void multiply(const EvalContext&, std::int64_t m, const MatMulShape& s, const T* a, const T* b, T* y) {
    using Sum = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
    for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < s.n; ++j) {
            Sum sum = 0;
            for (std::int64_t k = 0; k < s.k; ++k) {
                sum += static_cast<Sum>(a[i * s.k + k]) * static_cast<Sum>(b[k * s.n + j]);
            }
            y[i * s.n + j] = static_cast<T>(sum);
        }
    }
}

template <typename T>
void multiply_batches(const EvalContext& ctx, const MatMulShape& s, const T* a, const T* b, T* y) {
    const std::int64_t batches = product(s.batch, 0, s.batch.size());
    const std::int64_t blocks = (s.m + row_block - 1) / row_block;
    if (s.n == 0 || s.k == 0) return;
    ctx.parallel_for(batches * blocks, [&](std::int64_t i) {
        const std::int64_t batch = i / blocks;
        const std::int64_t row = i % blocks * row_block;
        multiply(ctx, std::min(row_block, s.m - row), s, a + (batch_index(s.a_batch, s.batch, batch) * s.m + row) * s.k,
                 b + batch_index(s.b_batch, s.batch, batch) * s.k * s.n, y + (batch * s.m + row) * s.n);
    });
}

Result<void> evaluate_matmul(EvalContext& ctx) {
    const Tensor& a = *ctx.inputs[0];
    const Tensor& b = *ctx.inputs[1];
    OCTET_ASSIGN(const MatMulShape s, matmul_shape(a.shape(), b.shape()));
    Tensor& y = ctx.make_output();
    dispatch_numeric(a.dtype(), [&]<typename T>() {
        multiply_batches(ctx, s, elements<T>(a), elements<T>(b), mutable_elements<T>(y));
    });
    return {};
}

std::int64_t macs_matmul(const Node&, std::span<const TensorType* const> inputs, std::span<const TensorType> outputs) {
    return element_count(outputs[0].shape).value_or(0) * inputs[0]->shape.back();
}

}  // namespace

extern constinit const OpDef op_matmul = {.name = "MatMul",
                                          .min_inputs = 2,
                                          .max_inputs = 2,
                                          .infer = infer_matmul,
                                          .evaluate = evaluate_matmul,
                                          .macs = macs_matmul};

}  // namespace octet::ops
