#pragma once

// Checks that the operators' inference functions share. Messages do not name the node: infer_node() prepends it.

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "graph/ops/op_def.h"

namespace octet::ops {

// Checks the numbers of inputs and outputs, runs the operator's infer() and checks the outputs' sizes. Errors name the
// node. `known` is sized to the outputs.
Result<std::vector<TensorType>> infer_node(const Node& node, std::span<const TensorType* const> inputs,
                                           std::span<const Tensor* const> constants,
                                           std::vector<std::optional<Tensor>>& known);

inline constexpr bool is_floating(DType type) {
    return type == DType::float32 || type == DType::float64;
}
inline constexpr bool is_numeric(DType type) {
    return type != DType::boolean;
}
inline constexpr bool is_byte(DType type) {
    return type == DType::int8 || type == DType::uint8;
}

Result<void> expect_floating(const InferContext& ctx, std::size_t input);
Result<void> expect_numeric(const InferContext& ctx, std::size_t input);
Result<void> expect_integer(const InferContext& ctx, std::size_t input);  // int32 or int64: indices, shapes
Result<void> expect_dtype(const InferContext& ctx, std::size_t input, DType type);
Result<void> expect_same_dtype(const InferContext& ctx, std::size_t a, std::size_t b);
Result<void> expect_rank(const InferContext& ctx, std::size_t input, std::int64_t least, std::int64_t most);
// The input is one-dimensional and has `count` elements.
Result<void> expect_vector(const InferContext& ctx, std::size_t input, std::int64_t count);

// The values of an integer input that decides about shapes. An input that is not known before the run is unsupported;
// `what` names it in the error.
Result<std::vector<std::int64_t>> known_integers(const InferContext& ctx, std::size_t input, std::string_view what);

// The integer attribute; an error when it is outside of [least, most].
Result<std::int64_t> integer_in(const Node& node, const std::string& name, std::int64_t fallback, std::int64_t least,
                                std::int64_t most);
// The integers attribute with `count` elements in [least, most], or `count` times `fallback` when it is absent.
Result<std::vector<std::int64_t>> integers_in(const Node& node, const std::string& name, std::size_t count,
                                              std::int64_t fallback, std::int64_t least, std::int64_t most);

// TensorProto.DataType, as in the attribute `to` of Cast. The 16-bit floating types are float32 in octet.
Result<DType> dtype_from_onnx(std::int64_t code);

// Axes in [0, rank), each at most once.
Result<std::vector<std::int64_t>> normalize_axes(const std::vector<std::int64_t>& axes, std::int64_t rank);

// infer() of operators whose output has the type of input 0.
Result<void> infer_same(InferContext& ctx);
Result<void> infer_same_floating(InferContext& ctx);
Result<void> infer_same_numeric(InferContext& ctx);

}  // namespace octet::ops
