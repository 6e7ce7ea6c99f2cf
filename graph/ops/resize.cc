// Resampling along each axis on its own:  y[o] = Σ_t weight[o][t] · x[index[o][t]].
//
// The input coordinate of output o (ONNX, Resize):
//   half_pixel            (o + ½)/scale − ½
//   pytorch_half_pixel    the same; 0 when the output has one element
//   half_pixel_symmetric  half_pixel, shifted so that the cut-off part is the same on both sides
//   align_corners         o · (in − 1)/(scale·in − 1), where ONNX's reference does not round scale·in
//   asymmetric            o / scale
//   tf_crop_and_resize    start·(in − 1) + o·(end − start)·(in − 1)/(out − 1)

#include <cmath>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_table.h"

namespace octet::ops {
namespace {

enum class Mode { nearest, linear, cubic };

// One axis: from how many to how many elements, and how they are related.
struct AxisScale {
    std::int64_t in = 1, out = 1;
    double scale = 1, start = 0, end = 1;
    bool identity() const { return in == out && scale == 1 && start == 0 && end == 1; }
};

struct ResizeAttributes {
    Mode mode = Mode::nearest;
    std::string transform, nearest, policy;
    double cubic_a = -0.75, extrapolation = 0;
    bool antialias = false, exclude_outside = false;
};

Result<ResizeAttributes> attributes_of(const Node& node) {
    ResizeAttributes a;
    const Attributes& given = node.attributes;
    const std::string mode = given.text("mode", "nearest");
    if (mode != "nearest" && mode != "linear" && mode != "cubic") {
        return fail(ErrorCode::invalid_model, "attribute mode is '{}'", mode);
    }
    a.mode = mode == "nearest" ? Mode::nearest : mode == "linear" ? Mode::linear : Mode::cubic;
    a.transform = given.text("coordinate_transformation_mode", "half_pixel");
    static constexpr std::string_view transforms[] = {"half_pixel",    "pytorch_half_pixel", "half_pixel_symmetric",
                                                      "align_corners", "asymmetric",         "tf_crop_and_resize"};
    if (std::find(std::begin(transforms), std::end(transforms), a.transform) == std::end(transforms)) {
        return fail(ErrorCode::unsupported, "coordinate_transformation_mode '{}' is not supported", a.transform);
    }
    a.nearest = given.text("nearest_mode", "round_prefer_floor");
    static constexpr std::string_view roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    if (std::find(std::begin(roundings), std::end(roundings), a.nearest) == std::end(roundings)) {
        return fail(ErrorCode::invalid_model, "attribute nearest_mode is '{}'", a.nearest);
    }
    a.policy = given.text("keep_aspect_ratio_policy", "stretch");
    a.cubic_a = given.real("cubic_coeff_a", -0.75f);
    a.extrapolation = given.real("extrapolation_value", 0.0f);
    a.antialias = given.integer("antialias", 0) != 0;
    a.exclude_outside = given.integer("exclude_outside", 0) != 0;
    return a;
}

// ---- output sizes

// Values of roi, scales and sizes; empty where the input is omitted or has no elements.
struct Parameters {
    std::vector<float> roi, scales;
    std::vector<std::int64_t> sizes;
};

Result<void> apply_sizes(const ResizeAttributes& attributes, const std::vector<std::int64_t>& axes,
                         const std::vector<std::int64_t>& sizes, std::vector<AxisScale>& plan) {
    const bool larger = attributes.policy == "not_smaller";
    double common = larger ? 0 : HUGE_VAL;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        AxisScale& axis = plan[static_cast<std::size_t>(axes[i])];
        if (sizes[i] < 1 || sizes[i] > max_elements || axis.in < 1) {
            return fail(ErrorCode::invalid_model, "cannot resize a dimension of {} to {}", axis.in, sizes[i]);
        }
        axis.out = sizes[i];
        axis.scale = static_cast<double>(axis.out) / static_cast<double>(axis.in);
        common = larger ? std::max(common, axis.scale) : std::min(common, axis.scale);
    }
    if (attributes.policy == "stretch") return {};
    if (attributes.policy != "not_larger" && attributes.policy != "not_smaller") {
        return fail(ErrorCode::invalid_model, "attribute keep_aspect_ratio_policy is '{}'", attributes.policy);
    }
    for (std::int64_t a : axes) {
        AxisScale& axis = plan[static_cast<std::size_t>(a)];
        axis.scale = common;
        axis.out = static_cast<std::int64_t>(std::floor(static_cast<double>(axis.in) * common + 0.5));
    }
    return {};
}

Result<void> apply_scales(const ResizeAttributes& attributes, const std::vector<std::int64_t>& axes,
                          const std::vector<float>& scales, std::vector<AxisScale>& plan) {
    for (std::size_t i = 0; i < axes.size(); ++i) {
        AxisScale& axis = plan[static_cast<std::size_t>(axes[i])];
        axis.scale = scales[i];
        const double part = attributes.transform == "tf_crop_and_resize" ? axis.end - axis.start : 1.0;
        const double out = std::floor(static_cast<double>(axis.in) * part * axis.scale);
        if (!(axis.scale > 0) || !(out >= 1) || out > static_cast<double>(max_elements)) {
            return fail(ErrorCode::invalid_model, "cannot resize a dimension of {} by {}", axis.in, axis.scale);
        }
        axis.out = static_cast<std::int64_t>(out);
    }
    return {};
}

Result<std::vector<AxisScale>> make_plan(const Node& node, const Shape& shape, const Parameters& given) {
    OCTET_ASSIGN(const ResizeAttributes attributes, attributes_of(node));
    std::vector<std::int64_t> axes = node.attributes.integers("axes");
    if (!node.attributes.has("axes")) {
        for (std::size_t d = 0; d < shape.size(); ++d) axes.push_back(static_cast<std::int64_t>(d));
    }
    OCTET_ASSIGN(axes, normalize_axes(axes, static_cast<std::int64_t>(shape.size())));
    std::vector<AxisScale> plan;
    for (std::int64_t extent : shape) plan.push_back({extent, extent});
    if (attributes.transform == "tf_crop_and_resize") {
        if (given.roi.size() != 2 * axes.size()) {
            return fail(ErrorCode::invalid_model, "tf_crop_and_resize needs a region of {} values, got {}",
                        2 * axes.size(), given.roi.size());
        }
        for (std::size_t i = 0; i < axes.size(); ++i) {
            plan[static_cast<std::size_t>(axes[i])].start = given.roi[i];
            plan[static_cast<std::size_t>(axes[i])].end = given.roi[axes.size() + i];
        }
    }
    if (given.scales.empty() == given.sizes.empty()) {
        return fail(ErrorCode::invalid_model, "exactly one of scales and sizes has to be given");
    }
    if (std::max(given.scales.size(), given.sizes.size()) != axes.size()) {
        return fail(ErrorCode::invalid_model, "{} scales or sizes are given for {} axes",
                    std::max(given.scales.size(), given.sizes.size()), axes.size());
    }
    OCTET_TRY(given.sizes.empty() ? apply_scales(attributes, axes, given.scales, plan)
                                  : apply_sizes(attributes, axes, given.sizes, plan));
    return plan;
}

Result<void> infer_resize(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    OCTET_ASSIGN(const ResizeAttributes attributes, attributes_of(ctx.node));
    if (attributes.mode != Mode::nearest) OCTET_TRY(expect_floating(ctx, 0));
    const bool needs_roi = attributes.transform == "tf_crop_and_resize";
    Parameters given;
    for (std::size_t i = needs_roi ? 1 : 2; i < 4; ++i) {
        if (!ctx.input(i)) continue;
        if (i < 3) {
            OCTET_TRY(expect_floating(ctx, i));
            if (!ctx.constant(i)) return fail(ErrorCode::unsupported, "dynamic shape: input {} is not known", i);
            (i == 1 ? given.roi : given.scales) = ctx.constant(i)->to_float();
        } else {
            OCTET_ASSIGN(given.sizes, known_integers(ctx, i, "the sizes"));
        }
    }
    OCTET_ASSIGN(const auto plan, make_plan(ctx.node, ctx.inputs[0]->shape, given));
    Shape shape;
    for (const AxisScale& axis : plan) shape.push_back(axis.out);
    ctx.outputs[0] = {ctx.inputs[0]->dtype, std::move(shape)};
    return {};
}

// ---- weights

double input_coordinate(const ResizeAttributes& attributes, const AxisScale& axis, std::int64_t o) {
    const auto position = static_cast<double>(o);
    const auto in = static_cast<double>(axis.in);
    const auto out = static_cast<double>(axis.out);
    const std::string& transform = attributes.transform;
    if (transform == "asymmetric") return position / axis.scale;
    if (transform == "align_corners") return out == 1 ? 0 : position * (in - 1) / (axis.scale * in - 1);
    if (transform == "pytorch_half_pixel" && out == 1) return 0;
    if (transform == "tf_crop_and_resize") {
        if (out == 1) return 0.5 * (axis.start + axis.end) * (in - 1);
        return axis.start * (in - 1) + position * (axis.end - axis.start) * (in - 1) / (out - 1);
    }
    const double coordinate = (position + 0.5) / axis.scale - 0.5;
    if (transform != "half_pixel_symmetric") return coordinate;
    return coordinate + in / 2 * (1 - out / (axis.scale * in));
}

std::int64_t nearest_index(const std::string& rounding, double coordinate) {
    if (rounding == "floor") return static_cast<std::int64_t>(std::floor(coordinate));
    if (rounding == "ceil") return static_cast<std::int64_t>(std::ceil(coordinate));
    return static_cast<std::int64_t>(rounding == "round_prefer_ceil" ? std::floor(coordinate + 0.5)
                                                                     : std::ceil(coordinate - 0.5));
}

double kernel_value(const ResizeAttributes& attributes, double distance) {
    const double d = std::abs(distance);
    if (attributes.mode == Mode::linear) return std::max(0.0, 1 - d);
    // Keys' cubic convolution with parameter a.
    const double a = attributes.cubic_a;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

struct Tap {
    std::int64_t index;
    double weight;
};

// What output o reads. An empty list stands for the extrapolation value.
std::vector<Tap> taps_of(const ResizeAttributes& attributes, const AxisScale& axis, std::int64_t o) {
    const double x = input_coordinate(attributes, axis, o);
    const std::int64_t last = axis.in - 1;
    if (attributes.transform == "tf_crop_and_resize" && (x < 0 || x > static_cast<double>(last))) return {};
    if (attributes.mode == Mode::nearest) {
        return {{std::clamp(nearest_index(attributes.nearest, x), std::int64_t{0}, last), 1.0}};
    }
    // Shrinking with antialias stretches the kernel over the input that one output stands for.
    const double stretch = attributes.antialias ? std::min(1.0, axis.scale) : 1.0;
    const double radius = (attributes.mode == Mode::linear ? 1 : 2) / stretch;
    std::vector<Tap> taps;
    double sum = 0;
    for (auto i = static_cast<std::int64_t>(std::floor(x - radius)) + 1; static_cast<double>(i) < x + radius; ++i) {
        if ((i < 0 || i > last) && attributes.exclude_outside) continue;
        const double weight = kernel_value(attributes, (static_cast<double>(i) - x) * stretch);
        taps.push_back({std::clamp(i, std::int64_t{0}, last), weight});
        sum += weight;
    }
    for (Tap& tap : taps) tap.weight /= sum;
    return taps;
}

// ---- evaluation

// out[o] = Σ_t weight[o][t] · in[index[o][t]], where an element is a run of `inner` values.
template <typename T>
void interpolate(const std::vector<std::vector<Tap>>& taps, T extrapolation, std::int64_t inner, const T* in, T* out) {
    for (const std::vector<Tap>& reads : taps) {
        if (reads.empty()) std::fill_n(out, inner, extrapolation);
        for (const Tap& tap : reads) {
            const auto weight = static_cast<T>(tap.weight);
            const T* from = in + tap.index * inner;
            for (std::int64_t i = 0; i < inner; ++i) out[i] = static_cast<T>(out[i] + weight * from[i]);
        }
        out += inner;
    }
}

// out[o] = in[source[o]]; -1 stands for the extrapolation value.
template <typename T>
void pick(const std::vector<std::int64_t>& source, T extrapolation, std::int64_t inner, const T* in, T* out) {
    if (inner == 1) {
        for (std::int64_t index : source) *out++ = index < 0 ? extrapolation : in[index];
        return;
    }
    for (std::int64_t index : source) {
        if (index < 0) {
            std::fill_n(out, inner, extrapolation);
        } else {
            std::copy_n(in + index * inner, inner, out);
        }
        out += inner;
    }
}

// `in` is [outer, axis.in, inner], `out` [outer, axis.out, inner] and zero.
template <typename T>
void resize_axis(const ParallelFor& parallel_for, const ResizeAttributes& attributes, const AxisScale& axis,
                 AxisView view, const T* in, T* out) {
    std::vector<std::vector<Tap>> taps;
    std::vector<std::int64_t> source;
    for (std::int64_t o = 0; o < axis.out; ++o) {
        taps.push_back(taps_of(attributes, axis, o));
        source.push_back(taps.back().empty() ? -1 : taps.back()[0].index);
    }
    const bool nearest = attributes.mode == Mode::nearest;
    const auto extrapolation = static_cast<T>(attributes.extrapolation);
    parallel_ranges(parallel_for, view.outer, row_grain(axis.out * view.inner),
                    [&](std::int64_t begin, std::int64_t end) {
                        for (std::int64_t row = begin; row < end; ++row) {
                            const T* from = in + row * axis.in * view.inner;
                            T* to = out + row * axis.out * view.inner;
                            if (nearest) {
                                pick(source, extrapolation, view.inner, from, to);
                            } else {
                                interpolate(taps, extrapolation, view.inner, from, to);
                            }
                        }
                    });
}

Result<void> evaluate_resize(EvalContext& ctx) {
    OCTET_ASSIGN(const ResizeAttributes attributes, attributes_of(ctx.node));
    Parameters given;
    if (ctx.input(1)) given.roi = ctx.input(1)->to_float();
    if (ctx.input(2)) given.scales = ctx.input(2)->to_float();
    if (ctx.input(3)) given.sizes = ctx.input(3)->to_int64();
    Tensor current = *ctx.inputs[0];
    OCTET_ASSIGN(const auto plan, make_plan(ctx.node, current.shape(), given));
    // From the last axis on, so that enlarging copies whole rows in the larger passes.
    for (std::size_t d = plan.size(); d-- > 0;) {
        if (plan[d].identity() || current.size() == 0) continue;
        Shape shape = current.shape();
        const AxisView view = around(shape, static_cast<std::int64_t>(d));
        shape[d] = plan[d].out;
        OCTET_ASSIGN(Tensor next, Tensor::create(current.dtype(), shape));
        dispatch_numeric(current.dtype(), [&]<typename T>() {
            resize_axis<T>(ctx.parallel_for, attributes, plan[d], view, elements<T>(current),
                           mutable_elements<T>(next));
        });
        current = std::move(next);
    }
    ctx.outputs[0] = current.reshaped(ctx.types[0].shape);
    return {};
}

}  // namespace

constinit const OpDef op_resize = {.name = "Resize",
                                   .min_inputs = 1,
                                   .max_inputs = 4,
                                   .infer = infer_resize,
                                   .evaluate = evaluate_resize,
                                   .quant = QuantRule::pass_through};

}  // namespace octet::ops
