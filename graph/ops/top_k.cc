// The k largest or smallest elements along an axis in order, and their indices; of equals the first comes first.

#include <numeric>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<std::int64_t> top_axis(const Node& node, const Shape& shape) {
    return normalize_axis(node.attributes.integer("axis", -1), static_cast<std::int64_t>(shape.size()));
}

Result<void> infer_top_k(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    Shape shape = ctx.inputs[0]->shape;
    OCTET_ASSIGN(const std::int64_t axis, top_axis(ctx.node, shape));
    OCTET_ASSIGN(const auto k, known_integers(ctx, 1, "k"));
    std::int64_t& extent = shape[static_cast<std::size_t>(axis)];
    if (k.size() != 1 || k[0] < 0 || k[0] > extent) {
        return fail(ErrorCode::invalid_model, "k is {}, but dimension {} has {} elements", to_string(k), axis, extent);
    }
    extent = k[0];
    ctx.outputs[0] = {ctx.inputs[0]->dtype, shape};
    if (ctx.outputs.size() > 1) ctx.outputs[1] = {DType::int64, shape};
    return {};
}

Result<void> evaluate_top_k(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, top_axis(ctx.node, x.shape()));
    const bool largest = ctx.node.attributes.integer("largest", 1) != 0;
    const AxisView view = around(x.shape(), axis);
    const std::int64_t k = ctx.inputs[1]->to_int64()[0];
    Tensor& values = ctx.make_output();
    std::int64_t* indices = ctx.wants_output(1) ? ctx.make_output(1).mutable_data<std::int64_t>().data() : nullptr;
    dispatch_numeric(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(values);
        std::vector<std::int64_t> order(static_cast<std::size_t>(view.extent));
        for (std::int64_t i = 0; i < view.outer * view.inner; ++i) {
            const T* from = in + i / view.inner * view.extent * view.inner + i % view.inner;
            std::iota(order.begin(), order.end(), 0);
            std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](std::int64_t a, std::int64_t b) {
                const T va = from[a * view.inner], vb = from[b * view.inner];
                return va == vb ? a < b : largest ? va > vb : va < vb;
            });
            const std::int64_t start = i / view.inner * k * view.inner + i % view.inner;
            for (std::int64_t r = 0; r < k; ++r) {
                const std::int64_t position = order[static_cast<std::size_t>(r)];
                out[start + r * view.inner] = from[position * view.inner];
                if (indices) indices[start + r * view.inner] = position;
            }
        }
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_top_k = {.name = "TopK",
                                         .min_inputs = 2,
                                         .max_inputs = 2,
                                         .max_outputs = 2,
                                         .infer = infer_top_k,
                                         .evaluate = evaluate_top_k};

}  // namespace octet::ops
