// QuantizeLinear    y = saturate(round_half_even(x / scale) + zero_point)
// DequantizeLinear  y = (x - zero_point) * scale
//
// Scale and zero point are one value, one for each position along `axis`, or (block_size > 0) one for each block of
// consecutive positions along it.

#include <cmath>
#include <limits>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_table.h"

namespace octet::ops {
namespace {

// Which scale belongs to element [outer, i, inner] around the axis.
struct Grid {
    AxisView view;
    std::int64_t groups = 1, block = 1;
    bool blocked = false;

    std::int64_t scale_index(std::int64_t outer, std::int64_t i, std::int64_t inner) const {
        return blocked ? (outer * groups + i / block) * view.inner + inner : groups == 1 ? 0 : i;
    }
};

Result<Grid> make_grid(const Node& node, const Shape& x, const Shape& scale) {
    const std::int64_t block = node.attributes.integer("block_size", 0);
    if (scale.empty() || (scale.size() == 1 && scale[0] == 1 && block == 0)) {
        return Grid{{1, product(x, 0, x.size()), 1}, 1, 1, false};
    }
    OCTET_ASSIGN(const std::int64_t axis,
                 normalize_axis(node.attributes.integer("axis", 1), static_cast<std::int64_t>(x.size())));
    const auto a = static_cast<std::size_t>(axis);
    if (block == 0) {
        if (scale != Shape{x[a]}) {
            return fail(ErrorCode::invalid_model, "scale is {}, but dimension {} of {} has {} elements",
                        to_string(scale), axis, to_string(x), x[a]);
        }
        return Grid{around(x, axis), x[a], 1, false};
    }
    if (block < 0 || block > max_elements) return fail(ErrorCode::invalid_model, "attribute block_size is {}", block);
    Shape wanted = x;
    wanted[a] = (x[a] + block - 1) / block;
    if (scale != wanted) {
        return fail(ErrorCode::invalid_model, "scale is {}, but blocks of {} need {}", to_string(scale), block,
                    to_string(wanted));
    }
    return Grid{around(x, axis), wanted[a], block, true};
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

// convert(i, k): writes element i, whose scale has number k.
template <typename F>
void for_each_element(const ParallelFor& parallel_for, const Grid& grid, F&& convert) {
    const AxisView& view = grid.view;
    const std::int64_t rows = view.outer * view.extent;
    if (grid.groups == 1 && !grid.blocked) {
        parallel_ranges(parallel_for, rows * view.inner, elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) convert(i, 0);
        });
        return;
    }
    parallel_ranges(parallel_for, rows, row_grain(view.inner), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            for (std::int64_t i = 0; i < view.inner; ++i) {
                convert(row * view.inner + i, grid.scale_index(row / view.extent, row % view.extent, i));
            }
        }
    });
}

// Rounds before it adds the zero point, in float32 as the specification's operators do.
template <typename Q>
Q quantized(float x, float scale, Q zero_point) {
    constexpr auto least = static_cast<double>(std::numeric_limits<Q>::min());
    constexpr auto most = static_cast<double>(std::numeric_limits<Q>::max());
    const double value = static_cast<double>(std::nearbyint(x / scale)) + static_cast<double>(zero_point);
    return static_cast<Q>(std::isnan(value) ? static_cast<double>(zero_point) : std::clamp(value, least, most));
}

Result<void> evaluate_quantize(EvalContext& ctx) {
    const Tensor x = ctx.inputs[0]->cast(DType::float32);
    const std::vector<float> scale = ctx.inputs[1]->to_float();
    OCTET_ASSIGN(const Grid grid, make_grid(ctx.node, x.shape(), ctx.inputs[1]->shape()));
    Tensor& y = ctx.make_output();
    dispatch_numeric(y.dtype(), [&]<typename Q>() {
        if constexpr (std::is_integral_v<Q>) {
            const Q* zero_point = ctx.input(2) ? elements<Q>(*ctx.input(2)) : nullptr;
            const float* in = x.data<float>().data();
            Q* out = mutable_elements<Q>(y);
            for_each_element(ctx.parallel_for, grid, [&](std::int64_t i, std::int64_t k) {
                out[i] = quantized<Q>(in[i], scale[static_cast<std::size_t>(k)], zero_point ? zero_point[k] : Q(0));
            });
        }
    });
    return {};
}

Result<void> evaluate_dequantize(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const std::vector<float> scale = ctx.inputs[1]->to_float();
    OCTET_ASSIGN(const Grid grid, make_grid(ctx.node, x.shape(), ctx.inputs[1]->shape()));
    Tensor y(DType::float32, x.shape());
    dispatch_numeric(x.dtype(), [&]<typename Q>() {
        if constexpr (std::is_integral_v<Q>) {
            const Q* zero_point = ctx.input(2) ? elements<Q>(*ctx.input(2)) : nullptr;
            const Q* in = elements<Q>(x);
            float* out = y.mutable_data<float>().data();
            for_each_element(ctx.parallel_for, grid, [&](std::int64_t i, std::int64_t k) {
                const auto zero = static_cast<std::int64_t>(zero_point ? zero_point[k] : Q(0));
                out[i] =
                    static_cast<float>(static_cast<std::int64_t>(in[i]) - zero) * scale[static_cast<std::size_t>(k)];
            });
        }
    });
    ctx.outputs[0] = y.cast(ctx.types[0].dtype);
    return {};
}

constexpr OpDef grid_change(std::string_view name, Result<void> (*infer)(InferContext&),
                            Result<void> (*evaluate)(EvalContext&)) {
    return {.name = name, .min_inputs = 2, .max_inputs = 3, .infer = infer, .evaluate = evaluate};
}

}  // namespace

constinit const OpDef op_quantize_linear = grid_change("QuantizeLinear", infer_quantize, evaluate_quantize);
constinit const OpDef op_dequantize_linear = grid_change("DequantizeLinear", infer_dequantize, evaluate_dequantize);

}  // namespace octet::ops
