#include "graph/quant/equalize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "graph/ir/verify.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "tests/graph/quant/tiny_network.h"

namespace octet::quant {
namespace {

using testing::random_picture;
using testing::random_tensor;

// Convolutions of 1×1 and depthwise ones, whose weights make up for the sizes of their input channels.
class Network {
  public:
    Network() : images(graph.add_input("images", DType::float32, {1, 3, 16, 16})) {}

    ValueId node(const char* op, const std::string& name, std::vector<ValueId> inputs, Attributes attributes = {}) {
        return graph.node(graph.add_node(op, name, std::move(inputs), {name + "_out"}, std::move(attributes)))
            .outputs[0];
    }

    // Output channel c is 3^c times as large as the first where `spread`; input channels are divided by 3^c again where
    // `gathered`.
    ValueId conv(const std::string& name, ValueId x, std::int64_t in, std::int64_t out, bool gathered, bool spread,
                 std::int64_t groups = 1) {
        Tensor weights = random_tensor({out, in / groups, 1, 1}, 1, ++seed_);
        Tensor bias = random_tensor({out}, 0.5F, ++seed_);
        for (std::int64_t o = 0; o < out; ++o) {
            const float size = spread ? std::pow(3.0F, static_cast<float>(o % 4)) : 1;
            bias.mutable_data<float>()[static_cast<std::size_t>(o)] *= size;
            for (std::int64_t i = 0; i < in / groups; ++i) {
                const std::int64_t input = groups > 1 ? o : i;
                const float part = gathered ? std::pow(3.0F, static_cast<float>(-(input % 4))) : 1;
                weights.mutable_data<float>()[static_cast<std::size_t>(o * (in / groups) + i)] *= size * part;
            }
        }
        return node(
            "Conv", name,
            {x, graph.add_constant(name + "_w", std::move(weights)), graph.add_constant(name + "_b", std::move(bias))},
            {{"group", groups}});
    }

    void finish(std::vector<ValueId> outputs) {
        graph.outputs = std::move(outputs);
        ASSERT_TRUE(infer_shapes(graph).has_value());
    }

    Graph graph;
    ValueId images;

  private:
    unsigned seed_ = 10;
};

const Dataset pictures{4, [](std::int64_t i) -> Result<Tensor> { return random_picture(static_cast<unsigned>(i)); }};

std::map<std::string, std::vector<Extent>> extents_of(const Graph& graph) {
    std::map<std::string, std::vector<Extent>> extents;
    EvaluateOptions options;
    options.observer = [&](ValueId id, const Tensor& tensor) {
        const auto channels = static_cast<std::size_t>(tensor.shape()[1]);
        auto& found = extents[graph.value(id).name];
        found.resize(channels);
        const auto values = tensor.data<float>();
        for (std::size_t c = 0; c < channels; ++c)
            found[c].add(values.subspan(c * values.size() / channels, values.size() / channels));
    };
    EXPECT_TRUE(evaluate(graph, std::vector<Tensor>{random_picture(0)}, options).has_value());
    return extents;
}

// The widest channel over the narrowest that is not 0.
double spread(const std::vector<Extent>& channels) {
    float least = std::numeric_limits<float>::infinity(), most = 0;
    for (const Extent& channel : channels) {
        if (channel.limit() > 0) least = std::min(least, channel.limit());
        most = std::max(most, channel.limit());
    }
    return static_cast<double>(most) / static_cast<double>(least);
}

Equalization equalize(Graph& graph) {
    const auto plan = plan_grids(graph, std::nullopt, {});
    EXPECT_TRUE(plan.has_value());
    auto done = equalize_channels(graph, *plan, pictures, serial_for);
    EXPECT_TRUE(done.has_value());
    EXPECT_TRUE(verify(graph).has_value());
    return *done;
}

void expect_same_outputs(const Graph& a, const Graph& b) {
    const auto p = evaluate(a, std::vector<Tensor>{random_picture(9)});
    const auto q = evaluate(b, std::vector<Tensor>{random_picture(9)});
    ASSERT_TRUE(p.has_value() && q.has_value());
    ASSERT_EQ(p->size(), q->size());
    for (std::size_t o = 0; o < p->size(); ++o) {
        const auto x = (*p)[o].data<float>(), y = (*q)[o].data<float>();
        ASSERT_EQ(x.size(), y.size());
        for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-3 + 1e-4 * std::abs(x[i])) << i;
    }
}

//   conv → LeakyRelu ─┐
//   conv → Swish ─────┴ Concat → MaxPool → depthwise → Relu → conv
TEST(Equalize, GainsGoThroughCopiesAndGroupsAndAreTakenBack) {
    Network n;
    const ValueId a = n.node("LeakyRelu", "leaky", {n.conv("a", n.images, 3, 4, false, true)}, {{"alpha", 0.1F}});
    const ValueId b = n.node("Swish", "swish", {n.conv("b", n.images, 3, 4, false, true)});
    const ValueId joined = n.node("Concat", "concat", {a, b}, {{"axis", std::int64_t{1}}});
    const ValueId pooled = n.node("MaxPool", "pool", {joined}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}});
    const ValueId depthwise = n.node("Relu", "relu", {n.conv("depthwise", pooled, 8, 8, true, true, 8)});
    n.finish({n.conv("last", depthwise, 8, 4, true, false)});
    Graph graph = n.graph;
    const Equalization done = equalize(graph);
    EXPECT_EQ(done.groups, 2);
    EXPECT_EQ(done.nodes.size(), 3U);
    expect_same_outputs(n.graph, graph);
    auto before = extents_of(n.graph), after = extents_of(graph);
    EXPECT_GT(spread(before["concat_out"]), 20);
    EXPECT_LT(spread(after["concat_out"]), spread(before["concat_out"]) / 4);
    EXPECT_LT(spread(after["relu_out"]), spread(before["relu_out"]) / 4);
}

// A sum's operands keep their sizes, what the network gives too, and so do channels that fill their range.
TEST(Equalize, WhatIsReadOtherwiseAndWhatIsEqualStays) {
    Network n;
    const ValueId a = n.node("Relu", "a_relu", {n.conv("a", n.images, 3, 4, false, true)});
    const ValueId b = n.node("Relu", "b_relu", {n.conv("b", a, 4, 4, true, false)});
    const ValueId sum = n.node("Add", "sum", {a, b});
    n.finish({n.conv("last", sum, 4, 4, true, false), a});
    Graph graph = n.graph;
    EXPECT_EQ(equalize(graph).groups, 0);

    Network equal;
    const ValueId x = equal.node("Swish", "swish", {equal.conv("a", equal.images, 3, 4, false, false)});
    equal.finish({equal.conv("last", x, 4, 4, false, false)});
    EXPECT_EQ(equalize(equal.graph).groups, 0);
}

}  // namespace
}  // namespace octet::quant
