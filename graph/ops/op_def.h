#pragma once

// What octet knows about an operator: how many tensors it takes, its output shapes, what it computes, what it costs and
// how a quantizer has to treat it. Each operator is one file of this folder and one line of op_table.h.

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/ir/graph.h"
#include "kernels/cpu.h"

namespace octet {

// Calls body(i) for every i in [0, count), in any order and possibly on several threads.
using ParallelFor = std::function<void(std::int64_t count, const std::function<void(std::int64_t)>& body)>;
void serial_for(std::int64_t count, const std::function<void(std::int64_t)>& body);

struct TensorType {
    DType dtype = DType::float32;
    Shape shape;
};

// The arguments of one node in shape inference.
struct InferContext {
    const Node& node;
    std::span<const TensorType* const> inputs;  // nullptr where an optional input is omitted
    std::span<const Tensor* const> constants;   // the input's value where it is known before the run, else nullptr
    std::vector<TensorType>& outputs;           // sized to node.outputs
    std::vector<std::optional<Tensor>>& known;  // sized alike; set by operators whose result follows from shapes alone

    // nullptr when the input is omitted, at the end of the list too.
    const TensorType* input(std::size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
    const Tensor* constant(std::size_t i) const { return i < constants.size() ? constants[i] : nullptr; }
};

// The arguments of one node in evaluation.
struct EvalContext {
    const Node& node;
    std::span<const Tensor* const> inputs;  // nullptr where an optional input is omitted
    std::span<const TensorType> types;      // of the outputs, as infer() found them
    std::vector<Tensor>& outputs;           // sized to node.outputs; the operator assigns them
    const ParallelFor& parallel_for;
    kernels::CpuFeatures features;  // that float kernels may use

    const Tensor* input(std::size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
    bool wants_output(std::size_t i) const { return i < node.outputs.size() && node.outputs[i] != no_value; }
    // Output i, zero-filled.
    Tensor& make_output(std::size_t i = 0) { return outputs[i] = Tensor(types[i].dtype, types[i].shape); }
};

// What happens to an 8-bit grid (scale, zero point) on the way through an operator.
enum class QuantRule {
    none,          // nothing that holds for the operator alone: quant/forms.h says what octet can do
    unary,         // elementwise with one input that is no parameter: a table maps one 8-bit grid to another
    pass_through,  // output values are input values: one grid for all of them (MaxPool, Resize nearest, Reshape,
                   // Concat …)
};

struct OpDef {
    std::string_view name;
    int min_inputs = 0;
    int max_inputs = 0;
    int min_outputs = 1;
    int max_outputs = 1;
    // Output dtypes and shapes. Also the place where attributes and input shapes are checked: evaluate() relies on it.
    Result<void> (*infer)(InferContext&) = nullptr;
    // Rewrites attributes whose meaning depends on the input shapes (auto_pad) to what they come to, once infer() has
    // accepted the node; nullptr: there are none. Whoever reads the node later, float and integer code alike, finds it
    // in one form.
    void (*resolve)(Node& node, std::span<const TensorType* const> inputs) = nullptr;
    // The float (or integer, for shape arithmetic) reference.
    Result<void> (*evaluate)(EvalContext&) = nullptr;
    // Multiply-accumulates of the node; nullptr: none.
    std::int64_t (*macs)(const Node&, std::span<const TensorType* const> inputs,
                         std::span<const TensorType> outputs) = nullptr;
    QuantRule quant = QuantRule::none;
};

inline constexpr int variadic = std::numeric_limits<int>::max();

}  // namespace octet
