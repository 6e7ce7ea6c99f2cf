// YOLO box decode. Input l is the head of level l, [N, na·(5+nc), h, w]; the output [N, Σ na·h·w, 5+nc] holds, level by
// level and anchor by anchor, one row a cell:
//
//   s = sigmoid(x)
//   (cx, cy) = (2 s₀,₁ − 0.5 + (column, row)) · stride · box_scale
//   (w, h)   = (2 s₂,₃)² · anchor · box_scale
//   objectness and class scores are s

#include <cmath>

#include "graph/ops/check.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

struct Head {
    std::int64_t anchors, columns, height, width;
    std::int64_t cells() const { return height * width; }
};

// The anchors a level has; the attributes are checked against the number of inputs.
Result<std::int64_t> anchors_per_level(const Node& node, std::size_t levels) {
    const std::size_t strides = node.attributes.reals("strides").size();
    const std::size_t anchors = node.attributes.reals("anchors").size();
    if (strides != levels) {
        return fail(ErrorCode::invalid_model, "{} strides are given for {} levels", strides, levels);
    }
    if (anchors == 0 || anchors % (2 * levels) != 0) {
        return fail(ErrorCode::invalid_model, "{} anchor coordinates cannot be split into pairs for {} levels", anchors,
                    levels);
    }
    return static_cast<std::int64_t>(anchors / (2 * levels));
}

Head head_of(const Shape& shape, std::int64_t anchors) {
    return {anchors, shape[1] / anchors, shape[2], shape[3]};
}

Result<void> infer_detect(InferContext& ctx) {
    OCTET_ASSIGN(const std::int64_t anchors, anchors_per_level(ctx.node, ctx.inputs.size()));
    std::int64_t rows = 0;
    const Shape& first = ctx.inputs[0]->shape;
    for (std::size_t i = 0; i < ctx.inputs.size(); ++i) {
        OCTET_TRY(expect_dtype(ctx, i, DType::float32));
        OCTET_TRY(expect_rank(ctx, i, 4, 4));
        const Shape& x = ctx.inputs[i]->shape;
        OCTET_TRY(element_count(x));
        if (x[0] != first[0] || x[1] != first[1]) {
            return fail(ErrorCode::invalid_model, "levels {} and {} differ in batch or channels", to_string(first),
                        to_string(x));
        }
        if (x[1] % anchors != 0 || x[1] / anchors < 5) {
            return fail(ErrorCode::invalid_model, "{} channels are not 5 or more for each of {} anchors", x[1],
                        anchors);
        }
        rows += anchors * x[2] * x[3];
    }
    ctx.outputs[0] = {DType::float32, {first[0], rows, first[1] / anchors}};
    return {};
}

float sigmoid(float x) {
    return 1.0F / (1.0F + std::exp(-x));
}

// One anchor of one level of one image; `in` holds a plane a column.
void decode_anchor(const Head& head, const float* in, float stride, const float* anchor, float box_scale, float* out) {
    for (std::int64_t row = 0; row < head.height; ++row) {
        for (std::int64_t column = 0; column < head.width; ++column, ++in, out += head.columns) {
            for (std::int64_t k = 0; k < head.columns; ++k) out[k] = sigmoid(in[k * head.cells()]);
            out[0] = (2 * out[0] - 0.5F + static_cast<float>(column)) * stride * box_scale;
            out[1] = (2 * out[1] - 0.5F + static_cast<float>(row)) * stride * box_scale;
            out[2] = 4 * out[2] * out[2] * anchor[0] * box_scale;
            out[3] = 4 * out[3] * out[3] * anchor[1] * box_scale;
        }
    }
}

Result<void> evaluate_detect(EvalContext& ctx) {
    OCTET_ASSIGN(const std::int64_t count, anchors_per_level(ctx.node, ctx.inputs.size()));
    const std::vector<float> strides = ctx.node.attributes.reals("strides");
    const std::vector<float> anchors = ctx.node.attributes.reals("anchors");
    const float box_scale = ctx.node.attributes.real("box_scale", 1.0F);
    float* out = ctx.make_output().mutable_data<float>().data();
    for (std::int64_t n = 0; n < ctx.types[0].shape[0]; ++n) {
        for (std::size_t level = 0; level < ctx.inputs.size(); ++level) {
            const Head head = head_of(ctx.inputs[level]->shape(), count);
            const std::int64_t size = head.columns * head.cells();
            const float* in = ctx.inputs[level]->data<float>().data() + n * count * size;
            ctx.parallel_for(count, [&](std::int64_t a) {
                const float* anchor = anchors.data() + (static_cast<std::int64_t>(level) * count + a) * 2;
                decode_anchor(head, in + a * size, strides[level], anchor, box_scale, out + a * size);
            });
            out += count * size;
        }
    }
    return {};
}

}  // namespace

extern constinit const OpDef op_detect = {
    .name = "Detect", .min_inputs = 1, .max_inputs = variadic, .infer = infer_detect, .evaluate = evaluate_detect};

}  // namespace octet::ops
