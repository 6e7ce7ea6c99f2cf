#include "tests/graph/passes/pass_test.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>

#include "graph/ir/verify.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"

namespace octet::test {

std::string Builder::next_name(std::string_view base) {
    return fmt::format("{}_{}", base, names_++);
}

ValueId Builder::input(Shape shape, DType type) {
    return graph.add_input(next_name("input"), type, std::move(shape));
}

ValueId Builder::constant(Tensor tensor) {
    return graph.add_constant(next_name("constant"), std::move(tensor));
}

ValueId Builder::integers(std::initializer_list<std::int64_t> values) {
    return constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
}

ValueId Builder::weights(Shape shape, float spread, float offset) {
    return constant(random_values(DType::float32, std::move(shape), seed_++, spread, offset));
}

ValueId Builder::op(std::string name, std::vector<ValueId> inputs, Attributes attributes) {
    const std::string node_name = next_name(name);
    const NodeId id =
        graph.add_node(std::move(name), node_name, std::move(inputs), {node_name + "_out"}, std::move(attributes));
    return graph.node(id).outputs[0];
}

ValueId Builder::conv(ValueId x, std::int64_t from, std::int64_t to, std::int64_t kernel, bool bias) {
    std::vector<ValueId> inputs = {x, weights({to, from, kernel, kernel})};
    if (bias) inputs.push_back(weights({to}));
    return op("Conv", inputs,
              {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
               {"pads", std::vector<std::int64_t>(4, kernel / 2)},
               {"strides", std::vector<std::int64_t>{1, 1}}});
}

ValueId Builder::batchnorm(ValueId x, std::int64_t channels) {
    Tensor variance = random_values(DType::float32, {channels}, seed_++);
    for (float& v : variance.mutable_data<float>()) v = 0.2F + v * v;
    return op("BatchNormalization",
              {x, weights({channels}, 0.3F, 1), weights({channels}), weights({channels}), constant(variance)},
              {{"epsilon", 1e-3F}});
}

ValueId Builder::slice(ValueId x, const std::vector<std::int64_t>& starts, const std::vector<std::int64_t>& ends,
                       const std::vector<std::int64_t>& axes, const std::vector<std::int64_t>& steps) {
    std::vector<ValueId> inputs = {x};
    for (const auto* list : {&starts, &ends, &axes, &steps}) {
        inputs.push_back(constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(list->size())},
                                                             std::span<const std::int64_t>(*list))));
    }
    return op("Slice", inputs);
}

ValueId Builder::reshape(ValueId x, std::vector<std::int64_t> shape) {
    return op("Reshape", {x, constant(Tensor::from<std::int64_t>({static_cast<std::int64_t>(shape.size())},
                                                                 std::span<const std::int64_t>(shape)))});
}

Graph Builder::finish(std::vector<ValueId> outputs) {
    graph.outputs = std::move(outputs);
    const auto inferred = infer_shapes(graph);
    EXPECT_TRUE(inferred) << inferred.error().message;
    const auto valid = verify(graph);
    EXPECT_TRUE(valid) << valid.error().message;
    return graph;
}

Tensor random_values(DType type, Shape shape, std::uint32_t seed, float spread, float offset) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> normal;
    Tensor tensor(DType::float32, std::move(shape));
    for (float& value : tensor.mutable_data<float>()) value = offset + spread * normal(engine);
    return tensor.cast(type);
}

int count(const Graph& graph, std::string_view op) {
    int found = 0;
    for (NodeId id : graph.topological_order()) found += graph.node(id).op == op ? 1 : 0;
    return found;
}

int node_total(const Graph& graph) {
    return static_cast<int>(graph.topological_order().size());
}

// Errors are about nodes that the user knows.
void expect_described_by(const Graph& before, const Graph& after) {
    std::set<std::string> known;
    for (const NodeId id : before.topological_order()) known.insert(describe(before.node(id)));
    for (const NodeId id : after.topological_order()) {
        const Node& node = after.node(id);
        EXPECT_TRUE(known.contains(describe(node))) << node.name << " (" << node.op << ") is " << describe(node);
    }
}

void expect_same_function(const Graph& before, const Graph& after, double tolerance) {
    ASSERT_EQ(before.inputs.size(), after.inputs.size());
    ASSERT_EQ(before.outputs.size(), after.outputs.size());
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < before.inputs.size(); ++i) {
        const Value& value = before.value(before.inputs[i]);
        EXPECT_EQ(value.name, after.value(after.inputs[i]).name);
        // Wide enough to reach every branch of the activations.
        inputs.push_back(random_values(value.dtype, *value.shape, static_cast<std::uint32_t>(100 + i), 3));
    }
    const auto wanted = evaluate(before, inputs);
    ASSERT_TRUE(wanted) << wanted.error().message;
    const auto found = evaluate(after, inputs);
    ASSERT_TRUE(found) << found.error().message;
    for (std::size_t i = 0; i < wanted->size(); ++i) {
        EXPECT_EQ(before.value(before.outputs[i]).name, after.value(after.outputs[i]).name);
        ASSERT_EQ((*wanted)[i].shape(), (*found)[i].shape());
        ASSERT_EQ((*wanted)[i].dtype(), (*found)[i].dtype());
        const auto a = (*wanted)[i].to_float();
        const auto b = (*found)[i].to_float();
        double largest = 0;
        double worst = 0;
        for (std::size_t k = 0; k < a.size(); ++k) {
            ASSERT_TRUE(std::isfinite(b[k]));
            largest = std::max(largest, std::abs(double{a[k]}));
            worst = std::max(worst, std::abs(double{a[k]} - double{b[k]}));
        }
        EXPECT_GT(largest, 0) << "the output says nothing";
        EXPECT_LE(worst, tolerance * largest) << "output " << i;
    }
}

Graph expect_rewrites(int (*pass)(Graph&), const Graph& before, int rewrites, double tolerance) {
    Graph after = before;
    EXPECT_EQ(pass(after), rewrites);
    const auto inferred = infer_shapes(after);
    EXPECT_TRUE(inferred) << inferred.error().message;
    const auto valid = verify(after);
    EXPECT_TRUE(valid) << valid.error().message;
    expect_same_function(before, after, tolerance);
    expect_described_by(before, after);
    if (rewrites == 0) {
        EXPECT_EQ(node_total(before), node_total(after));
    }
    return after;
}

}  // namespace octet::test
