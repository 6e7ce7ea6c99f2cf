// y = x[start:end:step] along the given axes, with NumPy's rules for negative and far indices.

#include <limits>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/strided_copy.h"

namespace octet::ops {
namespace {

struct Range {
    std::int64_t start = 0, step = 1, count = 0;
};

Range slice_range(std::int64_t extent, std::int64_t start, std::int64_t end, std::int64_t step) {
    const auto wrap = [extent](std::int64_t i) { return i < 0 ? i + extent : i; };
    // A backward slice may run to position -1, which is before the first element.
    const std::int64_t low = step < 0 ? -1 : 0;
    const std::int64_t high = step < 0 ? extent - 1 : extent;
    start = std::clamp(wrap(start), std::min(low + (step < 0), high), high);
    end = std::clamp(wrap(end), low, high);
    if (extent == 0 || (step > 0 ? end <= start : end >= start)) return {0, 1, 0};
    const std::int64_t distance = step > 0 ? end - start : start - end;
    // -step may overflow; a step beyond the extent takes one element whatever its size.
    const std::int64_t stride = step > 0 ? step : step < -extent ? extent : -step;
    return {start, step > 0 ? std::min(step, extent) : -stride, (distance - 1) / stride + 1};
}

Result<std::vector<Range>> slice_ranges(const Shape& shape, const std::vector<std::int64_t>& starts,
                                        const std::vector<std::int64_t>& ends, std::vector<std::int64_t> axes,
                                        const std::vector<std::int64_t>& steps) {
    if (starts.size() != ends.size() || starts.size() != axes.size() || starts.size() != steps.size()) {
        return fail(ErrorCode::invalid_model, "{} starts, {} ends, {} axes and {} steps do not fit together",
                    starts.size(), ends.size(), axes.size(), steps.size());
    }
    OCTET_ASSIGN(axes, normalize_axes(axes, static_cast<std::int64_t>(shape.size())));
    std::vector<Range> ranges;
    for (std::int64_t extent : shape) ranges.push_back({0, 1, extent});
    for (std::size_t i = 0; i < axes.size(); ++i) {
        if (steps[i] == 0) return fail(ErrorCode::invalid_model, "step {} is zero", i);
        const auto axis = static_cast<std::size_t>(axes[i]);
        ranges[axis] = slice_range(shape[axis], starts[i], ends[i], steps[i]);
    }
    return ranges;
}

template <typename Get>
Result<std::vector<Range>> ranges_of(const Shape& shape, bool has_axes, bool has_steps, Get&& get) {
    OCTET_ASSIGN(const std::vector<std::int64_t> starts, get(1, "starts"));
    OCTET_ASSIGN(const std::vector<std::int64_t> ends, get(2, "ends"));
    std::vector<std::int64_t> axes, steps(starts.size(), 1);
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    if (has_axes) {
        OCTET_ASSIGN(axes, get(3, "axes"));
    }
    if (has_steps) {
        OCTET_ASSIGN(steps, get(4, "steps"));
    }
    return slice_ranges(shape, starts, ends, axes, steps);
}

Result<void> infer_slice(InferContext& ctx) {
    const auto get = [&](std::size_t i, std::string_view what) { return known_integers(ctx, i, what); };
    OCTET_ASSIGN(const auto ranges, ranges_of(ctx.inputs[0]->shape, ctx.input(3), ctx.input(4), get));
    Shape shape;
    for (const Range& range : ranges) shape.push_back(range.count);
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

Result<void> evaluate_slice(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const auto get = [&](std::size_t i, std::string_view) -> Result<std::vector<std::int64_t>> {
        return ctx.inputs[i]->to_int64();
    };
    OCTET_ASSIGN(const auto ranges, ranges_of(x.shape(), ctx.input(3), ctx.input(4), get));
    const std::vector<std::int64_t> strides = strides_of(x.shape());
    StridedView view;
    for (std::size_t d = 0; d < ranges.size(); ++d) {
        view.origin += ranges[d].start * strides[d];
        view.strides.push_back(ranges[d].step * strides[d]);
    }
    strided_copy(ctx.parallel_for, x, view, ctx.make_output());
    return {};
}

}  // namespace

extern constinit const OpDef op_slice = {.name = "Slice",
                                         .min_inputs = 3,
                                         .max_inputs = 5,
                                         .infer = infer_slice,
                                         .evaluate = evaluate_slice,
                                         .quant = QuantRule::pass_through};

}  // namespace octet::ops
