#include "graph/ops/check.h"

#include "graph/ops/op_list.h"

namespace octet::ops {

namespace {

Result<void> check_counts(const OpDef& def, const Node& node) {
    const auto inputs = static_cast<std::int64_t>(node.inputs.size());
    const auto outputs = static_cast<std::int64_t>(node.outputs.size());
    if (inputs < def.min_inputs || inputs > def.max_inputs) {
        return fail(ErrorCode::invalid_model, "has {} inputs; {} takes {}", inputs, def.name,
                    def.max_inputs == variadic         ? fmt::format("at least {}", def.min_inputs)
                    : def.max_inputs == def.min_inputs ? fmt::format("{}", def.min_inputs)
                                                       : fmt::format("{} to {}", def.min_inputs, def.max_inputs));
    }
    if (outputs < def.min_outputs || outputs > def.max_outputs) {
        return fail(ErrorCode::unsupported, "has {} outputs; octet's {} gives {}", outputs, def.name,
                    def.max_outputs == variadic ? fmt::format("at least {}", def.min_outputs)
                                                : fmt::format("at most {}", def.max_outputs));
    }
    return {};
}

}  // namespace

Result<std::vector<TensorType>> infer_node(const Node& node, std::span<const TensorType* const> inputs,
                                           std::span<const Tensor* const> constants,
                                           std::vector<std::optional<Tensor>>& known) {
    const OpDef* def = find_op(node.op);
    if (!def) return fail(ErrorCode::unsupported, "node '{}': unsupported operator {}", node.name, node.op);
    std::vector<TensorType> outputs(node.outputs.size());
    known.assign(node.outputs.size(), std::nullopt);
    const auto checked = [&]() -> Result<void> {
        OCTET_TRY(check_counts(*def, node));
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const bool required = static_cast<int>(i) < def->min_inputs || def->max_inputs == variadic;
            if (required && !inputs[i]) return fail(ErrorCode::invalid_model, "input {} is missing", i);
        }
        InferContext context{node, inputs, constants, outputs, known};
        OCTET_TRY(def->infer(context));
        for (const TensorType& type : outputs) {
            if (auto count = element_count(type.shape); !count) return at("output", count.error());
        }
        return {};
    }();
    if (!checked) return at(describe(node), checked.error());
    return outputs;
}

namespace {

Result<void> wrong_dtype(const InferContext& ctx, std::size_t input, std::string_view wanted) {
    return fail(ErrorCode::unsupported, "input {} is {}, but has to be {}", input, dtype_name(ctx.inputs[input]->dtype),
                wanted);
}

}  // namespace

Result<void> expect_floating(const InferContext& ctx, std::size_t input) {
    return is_floating(ctx.inputs[input]->dtype) ? Result<void>() : wrong_dtype(ctx, input, "float32 or float64");
}

Result<void> expect_numeric(const InferContext& ctx, std::size_t input) {
    return is_numeric(ctx.inputs[input]->dtype) ? Result<void>() : wrong_dtype(ctx, input, "a number");
}

Result<void> expect_integer(const InferContext& ctx, std::size_t input) {
    const DType type = ctx.inputs[input]->dtype;
    return type == DType::int32 || type == DType::int64 ? Result<void>() : wrong_dtype(ctx, input, "int32 or int64");
}

Result<void> expect_dtype(const InferContext& ctx, std::size_t input, DType type) {
    return ctx.inputs[input]->dtype == type ? Result<void>() : wrong_dtype(ctx, input, dtype_name(type));
}

Result<void> expect_same_dtype(const InferContext& ctx, std::size_t a, std::size_t b) {
    if (ctx.inputs[a]->dtype == ctx.inputs[b]->dtype) return {};
    return fail(ErrorCode::invalid_model, "input {} is {}, but input {} is {}", a, dtype_name(ctx.inputs[a]->dtype), b,
                dtype_name(ctx.inputs[b]->dtype));
}

Result<void> expect_rank(const InferContext& ctx, std::size_t input, std::int64_t least, std::int64_t most) {
    const auto rank = static_cast<std::int64_t>(ctx.inputs[input]->shape.size());
    if (rank >= least && rank <= most) return {};
    return fail(rank > most ? ErrorCode::unsupported : ErrorCode::invalid_model,
                "input {} has shape {}, but {} dimensions are required", input, to_string(ctx.inputs[input]->shape),
                least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most));
}

Result<void> expect_vector(const InferContext& ctx, std::size_t input, std::int64_t count) {
    const Shape& shape = ctx.inputs[input]->shape;
    if (shape.size() == 1 && shape[0] == count) return {};
    return fail(ErrorCode::invalid_model, "input {} has shape {}, but {} elements are required", input,
                to_string(shape), count);
}

Result<std::vector<std::int64_t>> known_integers(const InferContext& ctx, std::size_t input, std::string_view what) {
    OCTET_TRY(expect_integer(ctx, input));
    const Tensor* value = ctx.constant(input);
    if (!value) {
        return fail(ErrorCode::unsupported,
                    "dynamic shape: {} (input {}) is not known before the run, so the output's shape is not either",
                    what, input);
    }
    return value->to_int64();
}

Result<std::int64_t> integer_in(const Node& node, const std::string& name, std::int64_t fallback, std::int64_t least,
                                std::int64_t most) {
    const std::int64_t value = node.attributes.integer(name, fallback);
    if (value < least || value > most) {
        return fail(ErrorCode::invalid_model, "attribute {} is {}, but has to be in [{}, {}]", name, value, least,
                    most);
    }
    return value;
}

Result<std::vector<std::int64_t>> integers_in(const Node& node, const std::string& name, std::size_t count,
                                              std::int64_t fallback, std::int64_t least, std::int64_t most) {
    std::vector<std::int64_t> values = node.attributes.integers(name);
    if (values.empty()) values.assign(count, fallback);
    if (values.size() != count) {
        return fail(ErrorCode::invalid_model, "attribute {} has {} elements, but {} are required", name, values.size(),
                    count);
    }
    for (std::int64_t value : values) {
        if (value < least || value > most) {
            return fail(ErrorCode::invalid_model, "attribute {} holds {}, but has to be in [{}, {}]", name, value,
                        least, most);
        }
    }
    return values;
}

Result<DType> dtype_from_onnx(std::int64_t code) {
    switch (code) {
        case 1:   // FLOAT
        case 10:  // FLOAT16
        case 16:  // BFLOAT16
            return DType::float32;
        case 2:
            return DType::uint8;
        case 3:
            return DType::int8;
        case 4:
            return DType::uint16;
        case 5:
            return DType::int16;
        case 6:
            return DType::int32;
        case 7:
            return DType::int64;
        case 9:
            return DType::boolean;
        case 11:
            return DType::float64;
        case 12:
            return DType::uint32;
        case 13:
            return DType::uint64;
        default:
            return fail(ErrorCode::unsupported, "tensor data type {} is not supported", code);
    }
}

Result<std::vector<std::int64_t>> normalize_axes(const std::vector<std::int64_t>& axes, std::int64_t rank) {
    std::vector<std::int64_t> result;
    std::vector<bool> seen(static_cast<std::size_t>(rank), false);
    for (std::int64_t axis : axes) {
        OCTET_ASSIGN(const std::int64_t normal, normalize_axis(axis, rank));
        if (seen[static_cast<std::size_t>(normal)]) {
            return fail(ErrorCode::invalid_model, "axis {} is given twice", normal);
        }
        seen[static_cast<std::size_t>(normal)] = true;
        result.push_back(normal);
    }
    return result;
}

Result<void> infer_same(InferContext& ctx) {
    ctx.outputs[0] = *ctx.inputs[0];
    return {};
}

Result<void> infer_same_floating(InferContext& ctx) {
    OCTET_TRY(expect_floating(ctx, 0));
    return infer_same(ctx);
}

Result<void> infer_same_numeric(InferContext& ctx) {
    OCTET_TRY(expect_numeric(ctx, 0));
    return infer_same(ctx);
}

}  // namespace octet::ops
