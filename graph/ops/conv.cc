// Convolution as a matrix product over blocks of output positions:
//
//   y[n, g·M + m, p] = bias + Σ_k W[g·M + m, k] · columns[k, p]       k = (channel of the group, tap)
//
// The columns of one block are gathered into a buffer that stays in the cache; a pointwise convolution's input is its
// own column matrix already.

#include <cstring>

#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/window.h"
#include "kernels/gemm_f32.h"

namespace octet::ops {
namespace {

// Floats of the column buffer of one block: half of a usual second-level cache.
constexpr std::int64_t column_buffer = 128 * 1024;
constexpr std::int64_t least_block = 64;
constexpr std::int64_t largest_block = 2048;

Result<Window> conv_window(const Node& node, const Shape& x, const Shape& w) {
    if (x.size() < 3 || w.size() != x.size()) {
        return fail(ErrorCode::invalid_model, "input {} and weight {} do not have the same rank of at least 3",
                    to_string(x), to_string(w));
    }
    const Shape kernel(w.begin() + 2, w.end());
    if (const auto declared = node.attributes.integers("kernel_shape"); !declared.empty() && declared != kernel) {
        return fail(ErrorCode::invalid_model, "attribute kernel_shape is {}, but the weight is {}", to_string(declared),
                    to_string(w));
    }
    return make_window(node, x, kernel);
}

Result<void> infer_conv(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    OCTET_TRY(expect_same_dtype(ctx, 0, 1));
    const Shape& x = ctx.inputs[0]->shape;
    const Shape& w = ctx.inputs[1]->shape;
    OCTET_ASSIGN(const Window window, conv_window(ctx.node, x, w));
    OCTET_ASSIGN(const std::int64_t groups, integer_in(ctx.node, "group", 1, 1, max_elements));
    if (x[1] % groups != 0 || w[1] != x[1] / groups) {
        return fail(ErrorCode::invalid_model, "weight {} with {} groups does not fit the {} channels of input {}",
                    to_string(w), groups, x[1], to_string(x));
    }
    if (w[0] % groups != 0) {
        return fail(ErrorCode::invalid_model, "{} output channels cannot be split into {} groups", w[0], groups);
    }
    if (ctx.input(2)) {
        OCTET_TRY(expect_same_dtype(ctx, 0, 2));
        OCTET_TRY(expect_vector(ctx, 2, w[0]));
    }
    ctx.outputs[0] = {ctx.inputs[0]->dtype, window.output_shape(x, w[0])};
    return {};
}

void resolve_conv(Node& node, std::span<const TensorType* const> inputs) {
    const Shape& x = inputs[0]->shape;
    if (const auto window = conv_window(node, x, inputs[1]->shape)) write_window(*window, x.size() - 2, node);
}

// One row of the column matrix: what one tap of one channel reads for output positions [begin, end).
void gather_row(const Window& w, const float* channel, const Extent& tap, std::int64_t begin, std::int64_t end,
                float* row) {
    const std::int64_t stride = w.stride[2];
    const std::int64_t shift = tap[2] * w.dilation[2] - w.pad_begin[2];  // input column of output column 0
    for (std::int64_t p = begin; p < end;) {
        const std::int64_t ow = p % w.out[2];
        const std::int64_t oh = p / w.out[2] % w.out[1];
        const std::int64_t od = p / w.out[2] / w.out[1];
        const std::int64_t length = std::min(end - p, w.out[2] - ow);
        const std::int64_t id = od * w.stride[0] - w.pad_begin[0] + tap[0] * w.dilation[0];
        const std::int64_t ih = oh * w.stride[1] - w.pad_begin[1] + tap[1] * w.dilation[1];
        float* to = row + (p - begin);
        p += length;
        if (id < 0 || id >= w.in[0] || ih < 0 || ih >= w.in[1]) {
            std::fill_n(to, length, 0.0F);
            continue;
        }
        const float* from = channel + (id * w.in[1] + ih) * w.in[2];
        // Output columns [first, last) of this run read inside of the input.
        const std::int64_t first =
            std::clamp((std::max<std::int64_t>(0, -shift) + stride - 1) / stride - ow, std::int64_t{0}, length);
        const std::int64_t past = w.in[2] - shift;  // smallest ow * stride that lies behind the input
        const std::int64_t last = past <= 0 ? first : std::clamp((past + stride - 1) / stride - ow, first, length);
        std::fill_n(to, first, 0.0F);
        const float* source = from + (ow * stride + shift);
        if (stride == 1) {
            std::copy(source + first, source + last, to + first);
        } else {
            for (std::int64_t i = first; i < last; ++i) to[i] = source[i * stride];
        }
        std::fill_n(to + last, length - last, 0.0F);
    }
}

void gather_columns(const Window& w, const float* input, std::int64_t channels, std::int64_t begin, std::int64_t end,
                    float* columns) {
    for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t kd = 0; kd < w.kernel[0]; ++kd) {
            for (std::int64_t kh = 0; kh < w.kernel[1]; ++kh) {
                for (std::int64_t kw = 0; kw < w.kernel[2]; ++kw) {
                    gather_row(w, input + c * w.in_size(), {kd, kh, kw}, begin, end, columns);
                    columns += end - begin;
                }
            }
        }
    }
}

void run_conv(const EvalContext& ctx, const Window& window, const Tensor& x, const Tensor& weight, const Tensor* bias,
              Tensor& y) {
    const std::int64_t groups = ctx.node.attributes.integer("group", 1);
    const std::int64_t channels = x.shape()[1] / groups;
    const std::int64_t filters = weight.shape()[0] / groups;
    const std::int64_t depth = channels * window.taps();
    const std::int64_t positions = window.out_size();
    if (depth == 0 || filters == 0 || positions == 0) return;
    const bool direct = window.pointwise();
    const std::int64_t block = std::clamp(column_buffer / depth / 64 * 64, least_block, largest_block);
    const std::int64_t blocks = (positions + block - 1) / block;
    const float* in = x.data<float>().data();
    const float* w = weight.data<float>().data();
    float* out = y.mutable_data<float>().data();

    ctx.parallel_for(x.shape()[0] * groups * blocks, [&](std::int64_t i) {
        const std::int64_t begin = i % blocks * block;
        const std::int64_t count = std::min(block, positions - begin);
        const std::int64_t image_group = i / blocks;
        const std::int64_t group = image_group % groups;
        const float* input = in + image_group * channels * window.in_size();
        float* output = out + image_group * filters * positions + begin;
        for (std::int64_t m = 0; m < filters; ++m) {
            std::fill_n(output + m * positions, count, bias ? bias->data<float>()[group * filters + m] : 0.0F);
        }
        thread_local std::vector<float> buffer;
        const float* columns = input + begin;
        std::int64_t column_stride = positions;
        if (!direct) {
            buffer.resize(static_cast<std::size_t>(depth * count));
            gather_columns(window, input, channels, begin, begin + count, buffer.data());
            columns = buffer.data();
            column_stride = count;
        }
        kernels::gemm_f32({.m = static_cast<int>(filters),
                           .n = static_cast<int>(count),
                           .k = static_cast<int>(depth),
                           .a = w + group * filters * depth,
                           .lda = depth,
                           .b = columns,
                           .ldb = column_stride,
                           .c = output,
                           .ldc = positions,
                           .accumulate = true},
                          ctx.features);
    });
}

Result<void> evaluate_conv(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const Tensor& weight = *ctx.inputs[1];
    OCTET_ASSIGN(const Window window, conv_window(ctx.node, x.shape(), weight.shape()));
    Tensor& y = ctx.make_output();
    if (x.dtype() == DType::float32) {
        run_conv(ctx, window, x, weight, ctx.input(2), y);
        return {};
    }
    // float64 occurs in constants only; float32's precision is what octet promises.
    const Tensor bias = ctx.input(2) ? ctx.input(2)->cast(DType::float32) : Tensor();
    Tensor narrow(DType::float32, y.shape());
    run_conv(ctx, window, x.cast(DType::float32), weight.cast(DType::float32), ctx.input(2) ? &bias : nullptr, narrow);
    y = narrow.cast(DType::float64);
    return {};
}

std::int64_t macs_conv(const Node&, std::span<const TensorType* const> inputs, std::span<const TensorType> outputs) {
    const Shape& weight = inputs[1]->shape;
    return element_count(outputs[0].shape).value_or(0) * product(weight, 1, weight.size());
}

}  // namespace

extern constinit const OpDef op_conv = {.name = "Conv",
                                        .min_inputs = 2,
                                        .max_inputs = 3,
                                        .infer = infer_conv,
                                        .resolve = resolve_conv,
                                        .evaluate = evaluate_conv,
                                        .macs = macs_conv};

}  // namespace octet::ops
