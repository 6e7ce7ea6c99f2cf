// Operators that keep the elements and their order: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout.

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

// 0 copies the input's dimension (unless allowzero), one -1 takes what remains.
Result<Shape> reshaped(const Shape& in, Shape shape, bool allow_zero) {
    OCTET_ASSIGN(const std::int64_t count, element_count(in));
    std::size_t free_dimension = shape.size();
    for (std::size_t d = 0; d < shape.size(); ++d) {
        if (shape[d] == 0 && !allow_zero) {
            if (d >= in.size()) {
                return fail(ErrorCode::invalid_model, "dimension {} of the new shape copies one that input {} lacks", d,
                            to_string(in));
            }
            shape[d] = in[d];
        } else if (shape[d] == -1) {
            if (free_dimension != shape.size()) return fail(ErrorCode::invalid_model, "the new shape has two -1");
            free_dimension = d;
        }
    }
    if (free_dimension != shape.size()) {
        shape[free_dimension] = 1;
        OCTET_ASSIGN(const std::int64_t others, element_count(shape));
        if (others == 0 || count % others != 0) {
            return fail(ErrorCode::invalid_model, "{} elements of {} cannot be divided by {}", count, to_string(in),
                        others);
        }
        shape[free_dimension] = count / others;
    }
    OCTET_ASSIGN(const std::int64_t result, element_count(shape));
    if (result != count) {
        return fail(ErrorCode::invalid_model, "{} has {} elements, but {} has {}", to_string(in), count,
                    to_string(shape), result);
    }
    return shape;
}

Result<void> infer_reshape(InferContext& ctx) {
    OCTET_ASSIGN(Shape wanted, known_integers(ctx, 1, "the new shape"));
    const bool allow_zero = ctx.node.attributes.integer("allowzero", 0) != 0;
    OCTET_ASSIGN(Shape shape, reshaped(ctx.inputs[0]->shape, std::move(wanted), allow_zero));
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> infer_flatten(InferContext& ctx) {
    const Shape& in = ctx.inputs[0]->shape;
    const auto rank = static_cast<std::int64_t>(in.size());
    std::int64_t axis = ctx.node.attributes.integer("axis", 1);
    if (axis != rank) {
        OCTET_ASSIGN(axis, normalize_axis(axis, rank));
    }
    OCTET_TRY(element_count(in));
    const auto a = static_cast<std::size_t>(axis);
    ctx.outputs[0] = {ctx.inputs[0]->dtype, {product(in, 0, a), product(in, a, in.size())}};
    return {};
}

Result<void> infer_squeeze(InferContext& ctx) {
    const Shape& in = ctx.inputs[0]->shape;
    std::vector<bool> drop(in.size());
    if (ctx.input(1)) {
        OCTET_ASSIGN(const auto given, known_integers(ctx, 1, "the axes"));
        OCTET_ASSIGN(const auto axes, normalize_axes(given, static_cast<std::int64_t>(in.size())));
        for (std::int64_t axis : axes) {
            const auto a = static_cast<std::size_t>(axis);
            if (in[a] != 1) return fail(ErrorCode::invalid_model, "dimension {} of {} is not 1", axis, to_string(in));
            drop[a] = true;
        }
    } else {
        for (std::size_t d = 0; d < in.size(); ++d) drop[d] = in[d] == 1;
    }
    Shape shape;
    for (std::size_t d = 0; d < in.size(); ++d) {
        if (!drop[d]) shape.push_back(in[d]);
    }
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> infer_unsqueeze(InferContext& ctx) {
    const Shape& in = ctx.inputs[0]->shape;
    OCTET_ASSIGN(const auto given, known_integers(ctx, 1, "the axes"));
    const std::size_t rank = in.size() + given.size();
    OCTET_ASSIGN(const auto axes, normalize_axes(given, static_cast<std::int64_t>(rank)));
    Shape shape(rank, -1);
    for (std::int64_t axis : axes) shape[static_cast<std::size_t>(axis)] = 1;
    auto next = in.begin();
    for (std::int64_t& dimension : shape) {
        if (dimension == -1) dimension = *next++;
    }
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_reshape(EvalContext& ctx) {
    ctx.outputs[0] = ctx.inputs[0]->reshaped(ctx.types[0].shape);
    return {};
}

// Inference only: every element is kept, and the mask is all true.
Result<void> infer_dropout(InferContext& ctx) {
    if (ctx.input(2)) {
        OCTET_TRY(expect_dtype(ctx, 2, DType::boolean));
        const Tensor* training = ctx.constant(2);
        if (!training || training->size() != 1 || training->data<bool>()[0]) {
            return fail(ErrorCode::unsupported, "training mode is not supported");
        }
    }
    if (ctx.outputs.size() > 1) ctx.outputs[1] = {DType::boolean, ctx.inputs[0]->shape};
    return infer_same(ctx);
}

Result<void> evaluate_dropout(EvalContext& ctx) {
    ctx.outputs[0] = *ctx.inputs[0];
    if (ctx.wants_output(1)) std::ranges::fill(ctx.make_output(1).mutable_data<bool>(), true);
    return {};
}

constexpr OpDef shape_only(std::string_view name, int min_inputs, int max_inputs,
                           Result<void> (*infer)(InferContext&)) {
    return {.name = name,
            .min_inputs = min_inputs,
            .max_inputs = max_inputs,
            .infer = infer,
            .evaluate = evaluate_reshape,
            .quant = QuantRule::pass_through};
}

}  // namespace

extern constinit const OpDef op_reshape = shape_only("Reshape", 2, 2, infer_reshape);
extern constinit const OpDef op_flatten = shape_only("Flatten", 1, 1, infer_flatten);
extern constinit const OpDef op_squeeze = shape_only("Squeeze", 1, 2, infer_squeeze);
extern constinit const OpDef op_unsqueeze = shape_only("Unsqueeze", 2, 2, infer_unsqueeze);
extern constinit const OpDef op_identity = shape_only("Identity", 1, 1, infer_same);
extern constinit const OpDef op_dropout = {.name = "Dropout",
                                           .min_inputs = 1,
                                           .max_inputs = 3,
                                           .max_outputs = 2,
                                           .infer = infer_dropout,
                                           .evaluate = evaluate_dropout,
                                           .quant = QuantRule::pass_through};

}  // namespace octet::ops
