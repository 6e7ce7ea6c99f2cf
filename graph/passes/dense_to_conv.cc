// Gemm and MatMul of rows by constant weights → 1x1 convolution of 1x1 images, which has kernels for integers. The
// images go back to where rows began, through what stands between elementwise:
//
//     image [n, k, 1, 1] → Flatten → HardSwish → Gemm        becomes        image → HardSwish → Conv → Reshape

#include <algorithm>
#include <utility>

#include "graph/ops/op_list.h"
#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

using passes::Uses;

constexpr int max_depth = 8;  // of what stands between

// Weights [out, in], as the convolution wants them, and its bias.
struct Dense {
    Tensor weights;
    ValueId bias = no_value;
};

std::optional<Dense> dense_of(const Graph& graph, const Node& node) {
    const bool gemm = node.op == "Gemm";
    if (!gemm && node.op != "MatMul") return std::nullopt;
    const auto& rows = graph.value(node.inputs[0]).shape;
    const Tensor* matrix = graph.constant(node.inputs[1]);
    if (!rows || rows->size() != 2 || !matrix || matrix->rank() != 2 || matrix->dtype() != DType::float32)
        return std::nullopt;
    if (gemm && (node.attributes.integer("transA", 0) != 0 || node.attributes.real("alpha", 1) != 1 ||
                 node.attributes.real("beta", 1) != 1)) {
        return std::nullopt;
    }
    const bool out_first = gemm && node.attributes.integer("transB", 0) != 0;
    const std::int64_t out = matrix->shape()[out_first ? 0 : 1], in = matrix->shape()[out_first ? 1 : 0];
    Dense dense;
    if (gemm && node.inputs.size() > 2 && node.inputs[2] != no_value) {
        const Tensor* bias = graph.constant(node.inputs[2]);
        if (!bias || bias->shape() != Shape{out}) return std::nullopt;
        dense.bias = node.inputs[2];
    }
    dense.weights = Tensor(DType::float32, {out, in, 1, 1});
    const auto from = matrix->data<float>();
    const auto to = dense.weights.mutable_data<float>();
    for (std::int64_t o = 0; o < out; ++o) {
        for (std::int64_t i = 0; i < in; ++i) {
            to[static_cast<std::size_t>(o * in + i)] =
                from[static_cast<std::size_t>(out_first ? o * in + i : i * out + o)];
        }
    }
    return dense;
}

// A node of one output whose shape is known: the next rewrite looks at it.
ValueId add(Graph& graph, const std::string& op, const std::string& base, std::vector<ValueId> inputs,
            const Shape& shape, const Attributes& attributes = {}) {
    const std::string name = graph.unique_name(base);
    const NodeId node = graph.add_node(op, name, std::move(inputs), {graph.unique_name(name + "_out")}, attributes);
    const ValueId output = graph.node(node).outputs[0];
    graph.value(output).dtype = DType::float32;
    graph.value(output).shape = shape;
    return output;
}

// The rows [n, k] as images [n, k, 1, 1].
ValueId as_images(Graph& graph, const Uses& uses, ValueId rows, const Shape& wanted, int depth = 0) {
    const NodeId from = graph.producer(rows);
    if (from != no_node && depth < max_depth) {
        const Node node = graph.node(from);
        if (node.op == "Flatten" || node.op == "Reshape" || node.op == "Squeeze") {
            if (graph.value(node.inputs[0]).shape == wanted) return node.inputs[0];
        }
        const OpDef* op = find_op(node.op);
        const bool elementwise = op && op->quant == QuantRule::unary && node.op != "PRelu" && uses.count(rows) == 1 &&
                                 node.outputs.size() == 1;
        if (elementwise) {
            std::vector<ValueId> inputs = node.inputs;
            inputs[0] = as_images(graph, uses, inputs[0], wanted, depth + 1);
            return add(graph, node.op, node.name + "_image", std::move(inputs), wanted, node.attributes);
        }
    }
    const std::string name = graph.value(rows).name + "_image";
    const ValueId shape =
        graph.add_constant(graph.unique_name(name + "_shape"),
                           Tensor::from<std::int64_t>({static_cast<std::int64_t>(wanted.size())}, wanted));
    return add(graph, "Reshape", name, {rows, shape}, wanted);
}

bool rewrite(Graph& graph, NodeId id, const Uses& uses) {
    const Node node = graph.node(id);
    auto dense = dense_of(graph, node);
    if (!dense) return false;
    const Shape rows = *graph.value(node.inputs[0]).shape;
    const std::int64_t out = dense->weights.shape()[0];
    const ValueId images = as_images(graph, uses, node.inputs[0], {rows[0], rows[1], 1, 1});
    const ValueId weights = graph.add_constant(graph.unique_name(node.name + "_weights"), std::move(dense->weights));
    std::vector<ValueId> inputs = {images, weights};
    if (dense->bias != no_value) inputs.push_back(dense->bias);
    const ValueId conv = add(graph, "Conv", node.name + "_conv", std::move(inputs), {rows[0], out, 1, 1},
                             {{"kernel_shape", std::vector<std::int64_t>{1, 1}}});
    const ValueId shape =
        graph.add_constant(graph.unique_name(node.name + "_shape"), Tensor::from<std::int64_t>({2}, {rows[0], out}));
    passes::produce_instead(graph, node.outputs[0], "Reshape", node.name + "_rows", {conv, shape});
    return true;
}

}  // namespace

int dense_to_conv(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::producers_first,
                                [&](NodeId id, const Uses& uses) { return rewrite(graph, id, uses); });
}

}  // namespace octet
