// HardSwish(x) = x · clip(x + 3, 0, 6) / 6, in whatever order an exporter multiplied, divided and clipped.

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/passes/match.h"
#include "graph/passes/pass.h"

namespace octet {
namespace {

using passes::Uses;

bool near(double a, double b) {
    return std::abs(a - b) <= 1e-6 * std::abs(b);
}

// A product taken apart: scale · factors[0] · factors[1] · …
struct Product {
    double scale = 1;
    std::vector<ValueId> factors;
};

// No exporter nests deeper; a hostile file may.
constexpr int max_depth = 8;

// Descends through multiplications and divisions by scalars. Below the root only through values that nobody else reads.
bool collect(const Graph& graph, const Uses& uses, ValueId id, int depth, Product& product) {
    const NodeId from = graph.producer(id);
    const bool open = from != no_node && depth < max_depth && (depth == 0 || uses.count(id) == 1);
    if (open && (graph.node(from).op == "Mul" || graph.node(from).op == "Div")) {
        const Node& node = graph.node(from);
        if (const auto scalar = passes::scalar_operand(graph, node)) {
            const bool divides = node.op == "Div";
            if (divides && scalar->side != 1) return false;
            product.scale *= divides ? 1.0 / scalar->scalar : scalar->scalar;
            return collect(graph, uses, scalar->operand, depth + 1, product);
        }
        if (node.op == "Mul" && product.factors.empty()) {
            return collect(graph, uses, node.inputs[0], depth + 1, product) &&
                   collect(graph, uses, node.inputs[1], depth + 1, product);
        }
    }
    product.factors.push_back(id);
    return product.factors.size() <= 2;
}

// v = min(max(inner, lower), upper), from any nest of Clip, Relu, Min and Max whose bounds do not cross.
struct Clamp {
    ValueId inner = no_value;
    float lower = -std::numeric_limits<float>::infinity();
    float upper = std::numeric_limits<float>::infinity();
};

bool peel_clamp(const Graph& graph, Clamp& clamp) {
    const NodeId from = graph.producer(clamp.inner);
    if (from == no_node) return false;
    const Node& node = graph.node(from);
    float lower = -std::numeric_limits<float>::infinity();
    float upper = std::numeric_limits<float>::infinity();
    ValueId inner = node.inputs.empty() ? no_value : node.inputs[0];
    if (node.op == "Relu") {
        lower = 0;
    } else if (node.op == "Clip") {
        for (std::size_t k = 1; k < node.inputs.size(); ++k) {
            if (node.inputs[k] == no_value) continue;
            const auto bound = passes::scalar_of(graph, node.inputs[k]);
            if (!bound) return false;
            (k == 1 ? lower : upper) = *bound;
        }
    } else if (node.op == "Min" || node.op == "Max") {
        const auto match = passes::scalar_operand(graph, node);
        if (!match) return false;
        (node.op == "Min" ? upper : lower) = match->scalar;
        inner = match->operand;
    } else {
        return false;
    }
    clamp = {inner, std::max(clamp.lower, lower), std::min(clamp.upper, upper)};
    return clamp.lower <= clamp.upper;
}

// v = relu6(x + 3).
bool is_shifted_relu6(const Graph& graph, ValueId v, ValueId x) {
    Clamp clamp{v};
    while (peel_clamp(graph, clamp)) {
    }
    if (clamp.lower != 0 || clamp.upper != 6) return false;
    const NodeId from = graph.producer(clamp.inner);
    if (from == no_node) return false;
    const Node& node = graph.node(from);
    const auto match = passes::scalar_operand(graph, node);
    if (!match || match->operand != x) return false;
    return (node.op == "Add" && match->scalar == 3) || (node.op == "Sub" && match->side == 1 && match->scalar == -3);
}

bool is_hardsigmoid(const Graph& graph, ValueId v, ValueId x) {
    const Node* node = passes::producer_of(graph, v, "HardSigmoid");
    return node && node->inputs[0] == x && near(node->attributes.real("alpha", 0.2F), 1.0 / 6) &&
           near(node->attributes.real("beta", 0.5F), 0.5);
}

bool fuse(Graph& graph, NodeId id, const Uses& uses) {
    const Node& node = graph.node(id);
    if (node.op != "Mul" && node.op != "Div") return false;
    const ValueId root = node.outputs[0];
    if (graph.value(root).dtype != DType::float32) return false;
    Product product;
    if (!collect(graph, uses, root, 0, product) || product.factors.size() != 2) return false;
    for (int first : {0, 1}) {
        const ValueId x = product.factors[static_cast<std::size_t>(first)];
        const ValueId gate = product.factors[static_cast<std::size_t>(1 - first)];
        // A scalar constant of rank 5 would raise the rank of the product.
        if (!passes::same_shape(graph, x, root)) continue;
        if ((near(product.scale, 1.0 / 6) && is_shifted_relu6(graph, gate, x)) ||
            (near(product.scale, 1) && is_hardsigmoid(graph, gate, x))) {
            passes::produce_instead(graph, root, "HardSwish", node.name + "_hardswish", {x});
            return true;
        }
    }
    return false;
}

}  // namespace

int fuse_hardswish(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::consumers_first,
                                [&](NodeId id, const Uses& uses) { return fuse(graph, id, uses); });
}

}  // namespace octet
