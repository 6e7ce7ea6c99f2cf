// Softmax, LogSoftmax, Hardmax along one axis.
//
//   softmax    e^(x − max) / Σ e^(x − max)
//   log        x − max − ln Σ e^(x − max)
//   hardmax    1 at the first maximum, 0 elsewhere

#include <cmath>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<std::int64_t> softmax_axis(const Node& node, const Shape& shape) {
    return normalize_axis(node.attributes.integer("axis", -1), static_cast<std::int64_t>(shape.size()));
}

Result<void> infer_softmax(InferContext& ctx) {
    OCTET_TRY(softmax_axis(ctx.node, ctx.inputs[0]->shape));
    return infer_same_floating(ctx);
}

enum class Kind { soft, log, hard };

// `count` elements, `stride` apart.
template <Kind kind, typename T>
void normalize(const T* in, std::int64_t count, std::int64_t stride, T* out) {
    std::int64_t top = 0;
    for (std::int64_t i = 1; i < count; ++i) {
        if (in[i * stride] > in[top * stride]) top = i;
    }
    if constexpr (kind == Kind::hard) {
        for (std::int64_t i = 0; i < count; ++i) out[i * stride] = static_cast<T>(i == top);
    } else {
        const T largest = in[top * stride];
        T sum = 0;
        for (std::int64_t i = 0; i < count; ++i) sum += out[i * stride] = std::exp(in[i * stride] - largest);
        const T log_sum = std::log(sum);
        for (std::int64_t i = 0; i < count; ++i) {
            out[i * stride] = kind == Kind::soft ? out[i * stride] / sum : in[i * stride] - largest - log_sum;
        }
    }
}

template <Kind kind>
Result<void> evaluate_softmax(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, softmax_axis(ctx.node, x.shape()));
    const AxisView view = around(x.shape(), axis);
    Tensor& y = ctx.make_output();
    if (view.extent == 0) return {};
    dispatch_floating(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        parallel_ranges(ctx.parallel_for, view.outer * view.inner, row_grain(view.extent),
                        [&](std::int64_t begin, std::int64_t end) {
                            for (std::int64_t i = begin; i < end; ++i) {
                                const std::int64_t start = i / view.inner * view.extent * view.inner + i % view.inner;
                                normalize<kind>(in + start, view.extent, view.inner, out + start);
                            }
                        });
    });
    return {};
}

template <Kind kind>
constexpr OpDef softmax(std::string_view name) {
    return {.name = name, .min_inputs = 1, .max_inputs = 1, .infer = infer_softmax, .evaluate = evaluate_softmax<kind>};
}

}  // namespace

extern constinit const OpDef op_softmax = softmax<Kind::soft>("Softmax");
extern constinit const OpDef op_log_softmax = softmax<Kind::log>("LogSoftmax");
extern constinit const OpDef op_hardmax = softmax<Kind::hard>("Hardmax");

}  // namespace octet::ops
