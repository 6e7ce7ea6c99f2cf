// The input cut along an axis: into the given sizes, or into num_outputs equal parts, of which the last may be smaller.

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/strided_copy.h"

namespace octet::ops {
namespace {

Result<std::int64_t> split_axis(const Node& node, const Shape& shape) {
    return normalize_axis(node.attributes.integer("axis", 0), static_cast<std::int64_t>(shape.size()));
}

Result<void> infer_split(InferContext& ctx) {
    const TensorType& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, split_axis(ctx.node, x.shape));
    const std::int64_t extent = x.shape[static_cast<std::size_t>(axis)];
    const auto parts = static_cast<std::int64_t>(ctx.outputs.size());
    std::vector<std::int64_t> sizes;
    if (ctx.input(1)) {
        OCTET_ASSIGN(sizes, known_integers(ctx, 1, "the sizes"));
    } else {
        if (const std::int64_t declared = ctx.node.attributes.integer("num_outputs", parts); declared != parts) {
            return fail(ErrorCode::invalid_model, "attribute num_outputs is {}, but the node has {} outputs", declared,
                        parts);
        }
        const std::int64_t size = (extent + parts - 1) / parts;
        for (std::int64_t i = 0; i < parts; ++i) {
            sizes.push_back(std::clamp<std::int64_t>(extent - i * size, 0, size));
        }
    }
    std::int64_t rest = extent;
    for (std::int64_t size : sizes) {
        if (size < 0 || size > rest) break;
        rest -= size;
    }
    if (static_cast<std::int64_t>(sizes.size()) != parts || rest != 0) {
        return fail(ErrorCode::invalid_model, "sizes {} do not cut dimension {} of {} into {} outputs",
                    to_string(sizes), axis, to_string(x.shape), parts);
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        ctx.outputs[i] = x;
        ctx.outputs[i].shape[static_cast<std::size_t>(axis)] = sizes[i];
    }
    return {};
}

Result<void> evaluate_split(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, split_axis(ctx.node, x.shape()));
    StridedView view{0, strides_of(x.shape())};
    for (std::size_t i = 0; i < ctx.outputs.size(); ++i) {
        strided_copy(ctx.parallel_for, x, view, ctx.make_output(i));
        view.origin +=
            ctx.types[i].shape[static_cast<std::size_t>(axis)] * view.strides[static_cast<std::size_t>(axis)];
    }
    return {};
}

}  // namespace

extern constinit const OpDef op_split = {.name = "Split",
                                         .min_inputs = 1,
                                         .max_inputs = 2,
                                         .max_outputs = variadic,
                                         .infer = infer_split,
                                         .evaluate = evaluate_split,
                                         .quant = QuantRule::pass_through};

}  // namespace octet::ops
