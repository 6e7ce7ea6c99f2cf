// Adds positions before and after each axis, or removes them where the pad is negative.
//
//   constant  the given value      edge  the nearest element
//   reflect   mirrored at the edge element, which is not repeated      wrap  periodic

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

struct AxisPad {
    std::int64_t begin = 0, end = 0;
};

Result<std::vector<AxisPad>> axis_pads(const Shape& shape, const std::vector<std::int64_t>& pads,
                                       const std::vector<std::int64_t>* given_axes) {
    std::vector<std::int64_t> axes;
    if (given_axes) {
        axes = *given_axes;
    } else {
        for (std::size_t d = 0; d < shape.size(); ++d) axes.push_back(static_cast<std::int64_t>(d));
    }
    OCTET_ASSIGN(axes, normalize_axes(axes, static_cast<std::int64_t>(shape.size())));
    if (pads.size() != 2 * axes.size()) {
        return fail(ErrorCode::invalid_model, "{} pads are given for {} axes", pads.size(), axes.size());
    }
    std::vector<AxisPad> result(shape.size());
    for (std::size_t i = 0; i < axes.size(); ++i) {
        result[static_cast<std::size_t>(axes[i])] = {pads[i], pads[axes.size() + i]};
    }
    return result;
}

Result<void> infer_pad(InferContext& ctx) {
    const TensorType& x = *ctx.inputs[0];
    const std::string mode = ctx.node.attributes.text("mode", "constant");
    if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap") {
        return fail(ErrorCode::invalid_model, "attribute mode is '{}'", mode);
    }
    OCTET_ASSIGN(const auto amounts, known_integers(ctx, 1, "the pads"));
    std::vector<std::int64_t> axes;
    if (ctx.input(3)) {
        OCTET_ASSIGN(axes, known_integers(ctx, 3, "the axes"));
    }
    OCTET_ASSIGN(const auto pads, axis_pads(x.shape, amounts, ctx.input(3) ? &axes : nullptr));
    if (ctx.input(2)) {
        OCTET_TRY(expect_same_dtype(ctx, 0, 2));
        if (element_count(ctx.inputs[2]->shape).value_or(0) != 1) {
            return fail(ErrorCode::invalid_model, "the value is {}, but has to be a scalar",
                        to_string(ctx.inputs[2]->shape));
        }
    }
    Shape shape = x.shape;
    for (std::size_t d = 0; d < shape.size(); ++d) {
        const AxisPad& pad = pads[d];
        if (std::min(pad.begin, pad.end) < -max_elements || std::max(pad.begin, pad.end) > max_elements) {
            return fail(ErrorCode::out_of_range, "pads {} and {} of dimension {}", pad.begin, pad.end, d);
        }
        shape[d] += pad.begin + pad.end;
        if (mode != "constant" && shape[d] != 0 && x.shape[d] == 0) {
            return fail(ErrorCode::invalid_model, "mode {} cannot pad the empty dimension {}", mode, d);
        }
    }
    ctx.outputs[0] = {x.dtype, std::move(shape)};
    return {};
}

// Which input position output position o reads; -1 for the constant value.
std::int64_t source(const std::string& mode, std::int64_t o, std::int64_t extent) {
    if (o >= 0 && o < extent) return o;
    if (mode == "constant") return -1;
    if (mode == "edge") return o < 0 ? 0 : extent - 1;
    if (mode == "wrap") return (o % extent + extent) % extent;
    const std::int64_t period = std::max<std::int64_t>(1, 2 * (extent - 1));
    const std::int64_t phase = (o % period + period) % period;
    return std::min(phase, period - phase);
}

Result<void> evaluate_pad(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const std::string mode = ctx.node.attributes.text("mode", "constant");
    const std::vector<std::int64_t> axes = ctx.input(3) ? ctx.input(3)->to_int64() : std::vector<std::int64_t>();
    OCTET_ASSIGN(const auto pads, axis_pads(x.shape(), ctx.inputs[1]->to_int64(), ctx.input(3) ? &axes : nullptr));
    Tensor& y = ctx.make_output();
    if (y.size() == 0) return {};
    // Offsets of the input for each output position along each dimension, -1 outside.
    const std::vector<std::int64_t> strides = strides_of(x.shape());
    std::vector<std::vector<std::int64_t>> offsets(pads.size());
    for (std::size_t d = 0; d < pads.size(); ++d) {
        for (std::int64_t o = 0; o < y.shape()[d]; ++o) {
            const std::int64_t position = source(mode, o - pads[d].begin, x.shape()[d]);
            offsets[d].push_back(position < 0 ? -1 : position * strides[d]);
        }
    }
    const std::vector<std::int64_t> scalar = {0};
    const std::vector<std::int64_t>& columns = offsets.empty() ? scalar : offsets.back();
    dispatch_size(x.dtype(), [&]<typename T>() {
        const T value = ctx.input(2) ? elements<T>(*ctx.input(2))[0] : T(0);
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        std::vector<std::int64_t> row(offsets.empty() ? 0 : offsets.size() - 1, 0);
        const Shape rows(y.shape().begin(), y.shape().begin() + static_cast<std::ptrdiff_t>(row.size()));
        do {
            std::int64_t base = 0;
            for (std::size_t d = 0; d < row.size() && base >= 0; ++d) {
                const std::int64_t offset = offsets[d][static_cast<std::size_t>(row[d])];
                base = offset < 0 ? -1 : base + offset;
            }
            for (std::int64_t column : columns) *out++ = base < 0 || column < 0 ? value : in[base + column];
        } while (next_index(row, rows));
    });
    return {};
}

}  // namespace

extern constinit const OpDef op_pad = {
    .name = "Pad", .min_inputs = 2, .max_inputs = 4, .infer = infer_pad, .evaluate = evaluate_pad};

}  // namespace octet::ops
