// Transposed convolution: every input position adds its weighted kernel to the output.
//
//   y[n, g·M + m, i·stride − pad_begin + tap·dilation] += Σ_c W[g·C + c, m, tap] · x[n, g·C + c, i]
//   output size = stride·(in − 1) + output_padding + dilation·(kernel − 1) + 1 − pad_begin − pad_end

#include <numeric>

#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"
#include "graph/ops/window.h"
#include "kernels/gemm_f32.h"

namespace octet::ops {
namespace {

// A piece of work: this many output channels, whose columns are computed together.
constexpr std::int64_t channel_block = 8;

// The window of the convolution that this one is the transpose of: its input is our output, its output our input.
Result<Window> mirrored_window(const Node& node, const Shape& x, const Shape& weight) {
    if (x.size() < 3 || x.size() > 5 || weight.size() != x.size()) {
        return fail(ErrorCode::unsupported,
                    "input {} and weight {} do not have the same one to three spatial dimensions", to_string(x),
                    to_string(weight));
    }
    const std::size_t rank = x.size() - 2;
    OCTET_ASSIGN(const auto strides, integers_in(node, "strides", rank, 1, 1, max_elements));
    OCTET_ASSIGN(const auto dilations, integers_in(node, "dilations", rank, 1, 1, max_elements));
    OCTET_ASSIGN(const auto extra, integers_in(node, "output_padding", rank, 0, 0, max_elements));
    OCTET_ASSIGN(const auto pads, integers_in(node, "pads", 2 * rank, 0, 0, max_elements));
    OCTET_ASSIGN(const auto wanted, integers_in(node, "output_shape", rank, 0, 0, max_elements));
    const std::string auto_pad = node.attributes.text("auto_pad", "NOTSET");
    if (const auto declared = node.attributes.integers("kernel_shape");
        !declared.empty() && declared != Shape(weight.begin() + 2, weight.end())) {
        return fail(ErrorCode::invalid_model, "attribute kernel_shape is {}, but the weight is {}", to_string(declared),
                    to_string(weight));
    }
    Window w{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}};
    for (std::size_t i = 0; i < rank; ++i) {
        const std::size_t d = 3 - rank + i;
        w.out[d] = x[2 + i];
        w.kernel[d] = weight[2 + i];
        if (w.kernel[d] < 1 || w.out[d] < 1) {
            return fail(ErrorCode::invalid_model, "input {} or weight {} has an empty dimension", to_string(x),
                        to_string(weight));
        }
        w.stride[d] = strides[i];
        w.dilation[d] = dilations[i];
        const std::int64_t full = w.stride[d] * (w.out[d] - 1) + extra[i] + w.dilation[d] * (w.kernel[d] - 1) + 1;
        const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
        if (same || !node.attributes.integers("output_shape").empty()) {
            // The output's size is given, and the padding is what cuts it out of the full one.
            w.in[d] = same && wanted[i] == 0 ? w.out[d] * w.stride[d] : wanted[i];
            const std::int64_t total = std::max<std::int64_t>(0, full - w.in[d]);
            w.pad_begin[d] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
            w.pad_end[d] = total - w.pad_begin[d];
        } else {
            w.pad_begin[d] = auto_pad == "VALID" ? 0 : pads[i];
            w.pad_end[d] = auto_pad == "VALID" ? 0 : pads[rank + i];
            w.in[d] = full - w.pad_begin[d] - w.pad_end[d];
        }
        if (w.in[d] < 1) return fail(ErrorCode::invalid_model, "pads leave nothing of an output of {}", full);
    }
    return w;
}

Result<void> infer_conv_transpose(InferContext& ctx) {
    OCTET_TRY(expect_dtype(ctx, 0, DType::float32));
    OCTET_TRY(expect_same_dtype(ctx, 0, 1));
    const Shape& x = ctx.inputs[0]->shape;
    const Shape& w = ctx.inputs[1]->shape;
    OCTET_ASSIGN(const Window window, mirrored_window(ctx.node, x, w));
    OCTET_ASSIGN(const std::int64_t groups, integer_in(ctx.node, "group", 1, 1, max_elements));
    if (w[0] != x[1] || x[1] % groups != 0) {
        return fail(ErrorCode::invalid_model, "weight {} with {} groups does not fit the {} channels of input {}",
                    to_string(w), groups, x[1], to_string(x));
    }
    if (w[1] > max_elements / groups) return fail(ErrorCode::out_of_range, "{} filters in {} groups", w[1], groups);
    if (ctx.input(2)) {
        OCTET_TRY(expect_same_dtype(ctx, 0, 2));
        OCTET_TRY(expect_vector(ctx, 2, w[1] * groups));
    }
    Shape shape = {x[0], w[1] * groups};
    shape.insert(shape.end(), window.in.end() - static_cast<std::ptrdiff_t>(x.size() - 2), window.in.end());
    ctx.outputs[0] = {DType::float32, std::move(shape)};
    return {};
}

// The output's size is what pads and output_padding leave of it, output_shape is gone, too.
void resolve_conv_transpose(Node& node, std::span<const TensorType* const> inputs) {
    const Shape& x = inputs[0]->shape;
    const auto window = mirrored_window(node, x, inputs[1]->shape);
    if (!window) return;
    std::vector<std::int64_t> output_padding;
    for (std::size_t d = 5 - x.size(); d < 3; ++d) {
        const std::int64_t reach =
            window->stride[d] * (window->out[d] - 1) + window->dilation[d] * (window->kernel[d] - 1) + 1;
        output_padding.push_back(window->in[d] + window->pad_begin[d] + window->pad_end[d] - reach);
    }
    node.attributes.erase("output_shape");
    node.attributes.set("output_padding", std::move(output_padding));
    write_window(*window, x.size() - 2, node);
}

// Adds the columns of one output channel, [taps, positions], to its plane.
void scatter_columns(const Window& w, const float* columns, float* plane) {
    for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
        const Extent t = {tap / w.kernel[2] / w.kernel[1], tap / w.kernel[2] % w.kernel[1], tap % w.kernel[2]};
        const auto target = [&](std::size_t d, std::int64_t i) {
            return i * w.stride[d] - w.pad_begin[d] + t[d] * w.dilation[d];
        };
        for (std::int64_t d = 0; d < w.out[0]; ++d) {
            for (std::int64_t h = 0; h < w.out[1]; ++h, columns += w.out[2]) {
                const std::int64_t z = target(0, d), y = target(1, h);
                if (z < 0 || z >= w.in[0] || y < 0 || y >= w.in[1]) continue;
                float* row = plane + (z * w.in[1] + y) * w.in[2];
                for (std::int64_t i = 0; i < w.out[2]; ++i) {
                    const std::int64_t x = target(2, i);
                    if (x >= 0 && x < w.in[2]) row[x] += columns[i];
                }
            }
        }
    }
}

Result<void> evaluate_conv_transpose(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const Tensor& weight = *ctx.inputs[1];
    OCTET_ASSIGN(const Window window, mirrored_window(ctx.node, x.shape(), weight.shape()));
    const std::int64_t groups = ctx.node.attributes.integer("group", 1);
    const std::int64_t channels = x.shape()[1] / groups;
    const std::int64_t filters = weight.shape()[1];
    const std::int64_t taps = window.taps();
    const std::int64_t positions = window.out_size();
    const std::int64_t blocks = (filters + channel_block - 1) / channel_block;
    Tensor& y = ctx.make_output();
    const float* in = x.data<float>().data();
    const float* w = weight.data<float>().data();
    float* out = y.mutable_data<float>().data();
    ctx.parallel_for(x.shape()[0] * groups * blocks, [&](std::int64_t i) {
        const std::int64_t group = i / blocks % groups;
        const std::int64_t first = i % blocks * channel_block;
        const std::int64_t count = std::min(channel_block, filters - first);
        // [count·taps, channels]: the weights of these output channels, transposed.
        std::vector<float> a(static_cast<std::size_t>(count * taps * channels));
        for (std::int64_t c = 0; c < channels; ++c) {
            const float* row = w + ((group * channels + c) * filters + first) * taps;
            for (std::int64_t k = 0; k < count * taps; ++k) a[static_cast<std::size_t>(k * channels + c)] = row[k];
        }
        std::vector<float> columns(static_cast<std::size_t>(count * taps * positions));
        kernels::gemm_f32({.m = static_cast<int>(count * taps),
                           .n = static_cast<int>(positions),
                           .k = static_cast<int>(channels),
                           .a = a.data(),
                           .lda = channels,
                           .b = in + i / blocks * channels * positions,
                           .ldb = positions,
                           .c = columns.data(),
                           .ldc = positions},
                          ctx.features);
        for (std::int64_t m = 0; m < count; ++m) {
            float* plane = out + (i / blocks * filters + first + m) * window.in_size();
            const float bias = ctx.input(2) ? ctx.input(2)->data<float>()[group * filters + first + m] : 0.0F;
            std::fill_n(plane, window.in_size(), bias);
            scatter_columns(window, columns.data() + m * taps * positions, plane);
        }
    });
    return {};
}

std::int64_t macs_conv_transpose(const Node&, std::span<const TensorType* const> inputs, std::span<const TensorType>) {
    const Shape& weight = inputs[1]->shape;
    return element_count(inputs[0]->shape).value_or(0) * product(weight, 1, weight.size());
}

}  // namespace

extern constinit const OpDef op_conv_transpose = {.name = "ConvTranspose",
                                                  .min_inputs = 2,
                                                  .max_inputs = 3,
                                                  .infer = infer_conv_transpose,
                                                  .resolve = resolve_conv_transpose,
                                                  .evaluate = evaluate_conv_transpose,
                                                  .macs = macs_conv_transpose};

}  // namespace octet::ops
