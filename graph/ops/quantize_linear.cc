// QuantizeLinear         y = saturate(round_half_even(x / scale) + zero_point)
// DequantizeLinear       y = (x - zero_point) * scale
// DynamicQuantizeLinear  QuantizeLinear to uint8, with the scale and zero point that the range of x asks for:
//                        scale = (max(x, 0) - min(x, 0)) / 255
//                        zero_point = saturate(round_half_even(-min(x, 0) / scale))
//
// Scale and zero point are one value, one for each position along `axis`, or (block_size > 0) one for each block of
// consecutive positions along it.

#include <cmath>
#include <limits>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

// Which scale belongs to element [outer, i, inner] around the axis.
struct GridView {
    AxisView view;
    std::int64_t groups = 1, block = 1;
    bool blocked = false;

    std::int64_t scale_index(std::int64_t outer, std::int64_t i, std::int64_t inner) const {
        return blocked ? (outer * groups + i / block) * view.inner + inner : groups == 1 ? 0 : i;
    }
};

Result<GridView> make_grid(const Node& node, const Shape& x, const Shape& scale) {
    const std::int64_t block = node.attributes.integer("block_size", 0);
    if (scale.empty() || (scale.size() == 1 && scale[0] == 1 && block == 0)) {
        return GridView{{1, product(x, 0, x.size()), 1}, 1, 1, false};
    }
    OCTET_ASSIGN(const std::int64_t axis,
                 normalize_axis(node.attributes.integer("axis", 1), static_cast<std::int64_t>(x.size())));
    const auto a = static_cast<std::size_t>(axis);
    if (block == 0) {
        if (scale != Shape{x[a]}) {
            return fail(ErrorCode::invalid_model, "scale is {}, but dimension {} of {} has {} elements",
                        to_string(scale), axis, to_string(x), x[a]);
        }
        return GridView{around(x, axis), x[a], 1, false};
    }
    if (block < 0 || block > max_elements) return fail(ErrorCode::invalid_model, "attribute block_size is {}", block);
    Shape wanted = x;
    wanted[a] = (x[a] + block - 1) / block;
    if (scale != wanted) {
        return fail(ErrorCode::invalid_model, "scale is {}, but blocks of {} need {}", to_string(scale), block,
                    to_string(wanted));
    }
    return GridView{around(x, axis), wanted[a], block, true};
}

template <typename F>
void dispatch_quantized(DType type, F&& f) {
    dispatch_numeric(type, [&]<typename Q>() {
        if constexpr (std::is_integral_v<Q> && sizeof(Q) <= 4 && !std::is_same_v<Q, std::uint32_t>) {
            f.template operator()<Q>();
        }
    });
}

bool is_quantized(DType type) {
    return is_byte(type) || type == DType::int16 || type == DType::uint16 || type == DType::int32;
}

Result<void> check_zero_point(const InferContext& ctx) {
    if (!ctx.input(2) || ctx.inputs[2]->shape == ctx.inputs[1]->shape) return {};
    // ONNX Runtime's quantizer writes biases with a scale [1] and a scalar zero point.
    const auto is_single = [](const Shape& shape) { return shape.empty() || shape == Shape{1}; };
    if (is_single(ctx.inputs[1]->shape) && is_single(ctx.inputs[2]->shape)) return {};
    return fail(ErrorCode::invalid_model, "scale is {}, but zero point is {}", to_string(ctx.inputs[1]->shape),
                to_string(ctx.inputs[2]->shape));
}

Result<void> infer_quantize(InferContext& ctx) {
    if (ctx.inputs[0]->dtype != DType::int32) OCTET_TRY(expect_floating(ctx, 0));
    OCTET_TRY(expect_floating(ctx, 1));
    OCTET_TRY(check_zero_point(ctx));
    OCTET_TRY(element_count(ctx.inputs[0]->shape));
    OCTET_TRY(make_grid(ctx.node, ctx.inputs[0]->shape, ctx.inputs[1]->shape));
    DType type = ctx.input(2) ? ctx.inputs[2]->dtype : DType::uint8;
    if (const std::int64_t declared = ctx.node.attributes.integer("output_dtype", 0); declared != 0 && !ctx.input(2)) {
        OCTET_ASSIGN(type, dtype_from_onnx(declared));
    }
    if (!is_quantized(type))
        return fail(ErrorCode::unsupported, "quantization to {} is not supported", dtype_name(type));
    ctx.outputs[0] = {type, ctx.inputs[0]->shape};
    return {};
}

Result<void> infer_dequantize(InferContext& ctx) {
    if (!is_quantized(ctx.inputs[0]->dtype)) {
        return fail(ErrorCode::unsupported, "input 0 is {}, which is not a quantized type",
                    dtype_name(ctx.inputs[0]->dtype));
    }
    OCTET_TRY(expect_floating(ctx, 1));
    OCTET_TRY(check_zero_point(ctx));
    if (ctx.input(2)) OCTET_TRY(expect_same_dtype(ctx, 0, 2));
    OCTET_TRY(element_count(ctx.inputs[0]->shape));
    OCTET_TRY(make_grid(ctx.node, ctx.inputs[0]->shape, ctx.inputs[1]->shape));
    ctx.outputs[0] = {ctx.inputs[1]->dtype, ctx.inputs[0]->shape};
    return {};
}

// convert(begin, end, k) over runs of elements that share scale number k.
template <typename F>
void for_each_run(const ParallelFor& parallel_for, const GridView& grid, F&& convert) {
    const AxisView& view = grid.view;
    const std::int64_t rows = view.outer * view.extent;
    if (grid.groups == 1 && !grid.blocked) {
        parallel_ranges(parallel_for, rows * view.inner, elementwise_grain,
                        [&](std::int64_t begin, std::int64_t end) { convert(begin, end, 0); });
        return;
    }
    const std::int64_t run = grid.blocked ? 1 : view.inner;
    parallel_ranges(parallel_for, rows, row_grain(view.inner), [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t row = first; row < last; ++row) {
            for (std::int64_t i = 0; i < view.inner; i += run) {
                const std::int64_t begin = row * view.inner + i;
                convert(begin, begin + run, grid.scale_index(row / view.extent, row % view.extent, i));
            }
        }
    });
}

// Rounds before it adds the zero point, in float32 as the specification's operators do; NaN becomes the zero point.
template <typename Q>
Q quantized(float x, float scale, Q zero_point) {
    constexpr auto least = std::numeric_limits<Q>::min();
    constexpr auto most = std::numeric_limits<Q>::max();
    float value = x / scale;
    value = value == value ? value : 0.0F;
    if constexpr (sizeof(Q) <= 2) {
        // Far outside of 16 bits every value saturates. What remains is rounded to even by a sum whose unit in the last
        // place is 1; unlike nearbyint() it becomes vector code.
        constexpr float edge = 1 << 18;
        constexpr float shifter = 3 << 22;
        value = std::max(-edge, std::min(edge, value)) + shifter - shifter;
        const int sum = static_cast<int>(value) + zero_point;
        return static_cast<Q>(std::max<int>(least, std::min<int>(most, sum)));
    } else {
        const double sum = static_cast<double>(std::nearbyint(value)) + static_cast<double>(zero_point);
        return static_cast<Q>(std::clamp(sum, static_cast<double>(least), static_cast<double>(most)));
    }
}

Result<void> evaluate_quantize(EvalContext& ctx) {
    const Tensor x = ctx.inputs[0]->cast(DType::float32);
    const std::vector<float> scales = ctx.inputs[1]->to_float();
    OCTET_ASSIGN(const GridView grid, make_grid(ctx.node, x.shape(), ctx.inputs[1]->shape()));
    Tensor& y = ctx.make_output();
    dispatch_quantized(y.dtype(), [&]<typename Q>() {
        const Q* zero_points = ctx.input(2) ? elements<Q>(*ctx.input(2)) : nullptr;
        const float* in = x.data<float>().data();
        Q* out = mutable_elements<Q>(y);
        for_each_run(ctx.parallel_for, grid, [=, &scales](std::int64_t begin, std::int64_t end, std::int64_t k) {
            const float scale = scales[static_cast<std::size_t>(k)];
            const Q zero_point = zero_points ? zero_points[k] : Q(0);
            for (std::int64_t i = begin; i < end; ++i) out[i] = quantized<Q>(in[i], scale, zero_point);
        });
    });
    return {};
}

Result<void> evaluate_dequantize(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const std::vector<float> scales = ctx.inputs[1]->to_float();
    OCTET_ASSIGN(const GridView grid, make_grid(ctx.node, x.shape(), ctx.inputs[1]->shape()));
    Tensor y(DType::float32, x.shape());
    dispatch_quantized(x.dtype(), [&]<typename Q>() {
        // The difference of two 32-bit integers needs more.
        using Difference = std::conditional_t<sizeof(Q) <= 2, std::int32_t, std::int64_t>;
        const Q* zero_points = ctx.input(2) ? elements<Q>(*ctx.input(2)) : nullptr;
        const Q* in = elements<Q>(x);
        float* out = y.mutable_data<float>().data();
        for_each_run(ctx.parallel_for, grid, [=, &scales](std::int64_t begin, std::int64_t end, std::int64_t k) {
            const float scale = scales[static_cast<std::size_t>(k)];
            const Difference zero_point = zero_points ? zero_points[k] : Q(0);
            for (std::int64_t i = begin; i < end; ++i) out[i] = static_cast<float>(in[i] - zero_point) * scale;
        });
    });
    ctx.outputs[0] = y.cast(ctx.types[0].dtype);
    return {};
}

Result<void> infer_dynamic_quantize(InferContext& ctx) {
    OCTET_TRY(expect_dtype(ctx, 0, DType::float32));
    ctx.outputs[0] = {DType::uint8, ctx.inputs[0]->shape};
    if (ctx.outputs.size() > 1) ctx.outputs[1] = {DType::float32, {}};
    if (ctx.outputs.size() > 2) ctx.outputs[2] = {DType::uint8, {}};
    return {};
}

Result<void> evaluate_dynamic_quantize(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const auto in = x.data<float>();
    float least = 0, most = 0;
    for (const float value : in) {
        least = std::min(least, value);
        most = std::max(most, value);
    }
    const float scale = least == most ? 1.0F : (most - least) / 255.0F;
    const auto zero_point = quantized<std::uint8_t>(-least, scale, 0);
    std::uint8_t* out = ctx.make_output().mutable_data<std::uint8_t>().data();
    parallel_ranges(ctx.parallel_for, x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            out[i] = quantized<std::uint8_t>(in[static_cast<std::size_t>(i)], scale, zero_point);
        }
    });
    if (ctx.wants_output(1)) ctx.outputs[1] = Tensor::scalar(scale);
    if (ctx.wants_output(2)) ctx.outputs[2] = Tensor::scalar(zero_point);
    return {};
}

constexpr OpDef grid_change(std::string_view name, Result<void> (*infer)(InferContext&),
                            Result<void> (*evaluate)(EvalContext&)) {
    return {.name = name, .min_inputs = 2, .max_inputs = 3, .infer = infer, .evaluate = evaluate};
}

}  // namespace

extern constinit const OpDef op_quantize_linear = grid_change("QuantizeLinear", infer_quantize, evaluate_quantize);
extern constinit const OpDef op_dequantize_linear =
    grid_change("DequantizeLinear", infer_dequantize, evaluate_dequantize);
extern constinit const OpDef op_dynamic_quantize_linear = {.name = "DynamicQuantizeLinear",
                                                           .min_inputs = 1,
                                                           .max_inputs = 1,
                                                           .max_outputs = 3,
                                                           .infer = infer_dynamic_quantize,
                                                           .evaluate = evaluate_dynamic_quantize};

}  // namespace octet::ops
