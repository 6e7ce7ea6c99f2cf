// ArgMax, ArgMin: the index of the largest or smallest element along an axis, the first or the last of equals.

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

Result<std::int64_t> arg_axis(const Node& node, const Shape& shape) {
    return normalize_axis(node.attributes.integer("axis", 0), static_cast<std::int64_t>(shape.size()));
}

Result<void> infer_arg(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    Shape shape = ctx.inputs[0]->shape;
    OCTET_ASSIGN(const std::int64_t axis, arg_axis(ctx.node, shape));
    if (shape[static_cast<std::size_t>(axis)] == 0) {
        return fail(ErrorCode::invalid_model, "dimension {} of {} is empty", axis, to_string(shape));
    }
    if (ctx.node.attributes.integer("keepdims", 1) != 0) {
        shape[static_cast<std::size_t>(axis)] = 1;
    } else {
        shape.erase(shape.begin() + axis);
    }
    ctx.outputs[0] = {DType::int64, std::move(shape)};
    return {};
}

template <bool largest>
Result<void> evaluate_arg(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, arg_axis(ctx.node, x.shape()));
    const bool last = ctx.node.attributes.integer("select_last_index", 0) != 0;
    const AxisView view = around(x.shape(), axis);
    auto out = ctx.make_output().mutable_data<std::int64_t>();
    dispatch_numeric(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        for (std::size_t o = 0; o < out.size(); ++o) {
            const auto outer = static_cast<std::int64_t>(o) / view.inner,
                       inner = static_cast<std::int64_t>(o) % view.inner;
            const T* from = in + outer * view.extent * view.inner + inner;
            std::int64_t best = 0;
            for (std::int64_t i = 1; i < view.extent; ++i) {
                const T candidate = from[i * view.inner], champion = from[best * view.inner];
                const bool better = largest ? candidate > champion : candidate < champion;
                if (better || (last && candidate == champion)) best = i;
            }
            out[o] = best;
        }
    });
    return {};
}

template <bool largest>
constexpr OpDef arg_extreme(std::string_view name) {
    return {.name = name, .min_inputs = 1, .max_inputs = 1, .infer = infer_arg, .evaluate = evaluate_arg<largest>};
}

}  // namespace

extern constinit const OpDef op_arg_max = arg_extreme<true>("ArgMax");
extern constinit const OpDef op_arg_min = arg_extreme<false>("ArgMin");

}  // namespace octet::ops
