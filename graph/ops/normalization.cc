// Normalizations by statistics of the input itself: (x - mean) / sqrt(variance + epsilon) * scale + bias.
//
//   InstanceNormalization        over the plane of each image and channel
//   GroupNormalization           over num_groups groups of channels of each image
//   LayerNormalization           over the dimensions from `axis` on
//
// LRN    y = x / (bias + alpha / size · Σ x²)^beta, the sum over `size` neighbouring channels

#include <cmath>

#include "graph/ops/check.h"
#include "graph/ops/loops.h"
#include "graph/ops/op_def.h"

namespace octet::ops {
namespace {

struct Statistics {
    double mean, inverse_deviation;
};

template <typename T>
Statistics statistics_of(const T* x, std::int64_t count, double epsilon) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]);
    const double mean = sum / static_cast<double>(count);
    for (std::int64_t i = 0; i < count; ++i) {
        const double d = static_cast<double>(x[i]) - mean;
        squares += d * d;
    }
    return {mean, 1 / std::sqrt(squares / static_cast<double>(count) + epsilon)};
}

// ---- per channel: Instance- and GroupNormalization

Result<void> infer_channelwise(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    const Shape& x = ctx.inputs[0]->shape;
    if (x.size() < 3) {
        return fail(ErrorCode::invalid_model, "input 0 has shape {}, but has to be [N, C, …]", to_string(x));
    }
    for (std::size_t i = 1; i < 3; ++i) {
        OCTET_TRY(expect_same_dtype(ctx, 0, i));
        OCTET_TRY(expect_vector(ctx, i, x[1]));
    }
    return infer_same(ctx);
}

Result<void> infer_group_normalization(InferContext& ctx) {
    OCTET_TRY(infer_channelwise(ctx));
    OCTET_ASSIGN(const std::int64_t groups, integer_in(ctx.node, "num_groups", 0, 1, max_elements));
    if (ctx.inputs[0]->shape[1] % groups == 0) return {};
    return fail(ErrorCode::invalid_model, "{} channels cannot be split into {} groups", ctx.inputs[0]->shape[1],
                groups);
}

// Every group of `channels` / `groups` channels is normalized on its own.
void normalize_groups(EvalContext& ctx, std::int64_t groups) {
    const Tensor& x = *ctx.inputs[0];
    Tensor& y = ctx.make_output();
    if (x.size() == 0) return;
    const double epsilon = ctx.node.attributes.real("epsilon", 1e-5F);
    const std::int64_t channels = x.shape()[1];
    const std::int64_t plane = product(x.shape(), 2, x.shape().size());
    const std::int64_t size = channels / groups * plane;
    dispatch_floating(x.dtype(), [&]<typename T>() {
        const T* scale = elements<T>(*ctx.inputs[1]);
        const T* bias = elements<T>(*ctx.inputs[2]);
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        ctx.parallel_for(x.shape()[0] * groups, [&](std::int64_t group) {
            const Statistics s = statistics_of(in + group * size, size, epsilon);
            for (std::int64_t i = group * size; i < (group + 1) * size; ++i) {
                const std::int64_t c = i / plane % channels;
                const auto normal = static_cast<T>((static_cast<double>(in[i]) - s.mean) * s.inverse_deviation);
                out[i] = normal * scale[c] + bias[c];
            }
        });
    });
}

Result<void> evaluate_instance_normalization(EvalContext& ctx) {
    normalize_groups(ctx, std::max<std::int64_t>(1, ctx.inputs[0]->shape()[1]));
    return {};
}

Result<void> evaluate_group_normalization(EvalContext& ctx) {
    normalize_groups(ctx, ctx.node.attributes.integer("num_groups", 1));
    return {};
}

// ---- LayerNormalization: outputs y, and on request the mean and the inverse deviation

Result<std::int64_t> layer_axis(const Node& node, const Shape& shape) {
    return normalize_axis(node.attributes.integer("axis", -1), static_cast<std::int64_t>(shape.size()));
}

Result<void> infer_layer_normalization(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    const Shape& x = ctx.inputs[0]->shape;
    OCTET_ASSIGN(const std::int64_t axis, layer_axis(ctx.node, x));
    const Shape normalized(x.begin() + axis, x.end());
    for (std::size_t i = 1; i < ctx.inputs.size(); ++i) {
        if (!ctx.inputs[i]) continue;
        OCTET_TRY(expect_same_dtype(ctx, 0, i));
        if (ctx.inputs[i]->shape != normalized) {
            return fail(ErrorCode::unsupported, "input {} is {}, but has to be {}", i, to_string(ctx.inputs[i]->shape),
                        to_string(normalized));
        }
    }
    Shape statistics = x;
    std::fill(statistics.begin() + axis, statistics.end(), 1);
    for (std::size_t i = 1; i < ctx.outputs.size(); ++i) ctx.outputs[i] = {DType::float32, statistics};
    return infer_same(ctx);
}

Result<void> evaluate_layer_normalization(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    OCTET_ASSIGN(const std::int64_t axis, layer_axis(ctx.node, x.shape()));
    const double epsilon = ctx.node.attributes.real("epsilon", 1e-5F);
    const std::int64_t size = product(x.shape(), static_cast<std::size_t>(axis), x.shape().size());
    const std::int64_t rows = size == 0 ? 0 : x.size() / size;
    Tensor& y = ctx.make_output();
    float* mean = ctx.wants_output(1) ? ctx.make_output(1).mutable_data<float>().data() : nullptr;
    float* deviation = ctx.wants_output(2) ? ctx.make_output(2).mutable_data<float>().data() : nullptr;
    dispatch_floating(x.dtype(), [&]<typename T>() {
        const T* scale = elements<T>(*ctx.inputs[1]);
        const T* bias = ctx.input(2) ? elements<T>(*ctx.input(2)) : nullptr;
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        parallel_ranges(ctx.parallel_for, rows, row_grain(size), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                const Statistics s = statistics_of(in + row * size, size, epsilon);
                for (std::int64_t i = 0; i < size; ++i) {
                    const double centred = static_cast<double>(in[row * size + i]) - s.mean;
                    out[row * size + i] =
                        static_cast<T>(centred * s.inverse_deviation) * scale[i] + (bias ? bias[i] : T(0));
                }
                if (mean) mean[row] = static_cast<float>(s.mean);
                if (deviation) deviation[row] = static_cast<float>(s.inverse_deviation);
            }
        });
    });
    return {};
}

// ---- LRN

Result<void> infer_lrn(InferContext& ctx) {
    OCTET_TRY(integer_in(ctx.node, "size", 0, 1, max_elements));
    if (ctx.inputs[0]->shape.size() < 2) {
        return fail(ErrorCode::invalid_model, "input 0 has shape {}, but has to be [N, C, …]",
                    to_string(ctx.inputs[0]->shape));
    }
    return infer_same_floating(ctx);
}

Result<void> evaluate_lrn(EvalContext& ctx) {
    const Tensor& x = *ctx.inputs[0];
    const Attributes& attributes = ctx.node.attributes;
    const std::int64_t size = attributes.integer("size", 1);
    const double alpha = attributes.real("alpha", 1e-4F), beta = attributes.real("beta", 0.75F),
                 bias = attributes.real("bias", 1.0F);
    const std::int64_t channels = x.shape()[1];
    const std::int64_t plane = product(x.shape(), 2, x.shape().size());
    Tensor& y = ctx.make_output();
    dispatch_floating(x.dtype(), [&]<typename T>() {
        const T* in = elements<T>(x);
        T* out = mutable_elements<T>(y);
        ctx.parallel_for(x.shape()[0] * channels, [&](std::int64_t row) {
            const std::int64_t c = row % channels;
            const std::int64_t first = std::max<std::int64_t>(0, c - (size - 1) / 2);
            const std::int64_t last = std::min(channels - 1, c + size / 2);
            for (std::int64_t i = 0; i < plane; ++i) {
                double squares = 0;
                for (std::int64_t k = first; k <= last; ++k) {
                    const auto value = static_cast<double>(in[(row - c + k) * plane + i]);
                    squares += value * value;
                }
                const double divisor = std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
                out[row * plane + i] = static_cast<T>(static_cast<double>(in[row * plane + i]) / divisor);
            }
        });
    });
    return {};
}

constexpr OpDef normalization(std::string_view name, int min_inputs, int max_inputs,
                              Result<void> (*infer)(InferContext&), Result<void> (*evaluate)(EvalContext&),
                              int max_outputs = 1) {
    return {.name = name,
            .min_inputs = min_inputs,
            .max_inputs = max_inputs,
            .max_outputs = max_outputs,
            .infer = infer,
            .evaluate = evaluate};
}

}  // namespace

extern constinit const OpDef op_instance_normalization =
    normalization("InstanceNormalization", 3, 3, infer_channelwise, evaluate_instance_normalization);
extern constinit const OpDef op_group_normalization =
    normalization("GroupNormalization", 3, 3, infer_group_normalization, evaluate_group_normalization);
extern constinit const OpDef op_layer_normalization =
    normalization("LayerNormalization", 2, 3, infer_layer_normalization, evaluate_layer_normalization, 3);
extern constinit const OpDef op_lrn = normalization("LRN", 1, 1, infer_lrn, evaluate_lrn);

}  // namespace octet::ops
