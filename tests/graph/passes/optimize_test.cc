#include <algorithm>
#include <filesystem>

#include "frontends/onnx/exporter.h"
#include "frontends/onnx/importer.h"
#include "graph/ops/evaluator.h"
#include "tests/graph/passes/pass_test.h"
#include "tests/test_files.h"

namespace octet::test {
namespace {

TEST(Optimize, RunsToAFixedPoint) {
    // HardSwish needs the constants folded, and the identities between it and the convolution gone.
    Builder b;
    const ValueId x = b.conv(b.input({1, 3, 4, 5}), 3, 4, 1);
    const ValueId y = b.op("Identity", {b.batchnorm(b.op("Identity", {x}), 4)});
    const ValueId three = b.op("Add", {b.scalar(1), b.scalar(2)});
    const ValueId gate = b.op("Clip", {b.op("Add", {y, three}), b.scalar(0), b.scalar(6)});
    const Graph before = b.finish({b.op("Div", {b.op("Mul", {y, gate}), b.scalar(6)})});
    Graph after = before;
    const auto done = optimize(after);
    ASSERT_TRUE(done) << done.error().message;
    expect_same_function(before, after);
    EXPECT_EQ(node_total(after), 2);
    EXPECT_EQ(after.node_count(), 2U) << "compacted";
}

// Copies of a constant that many nodes share need as many names, and many folds into one node need not make them long.
TEST(Optimize, ManyFoldsOfOneConstantAndIntoOneNode) {
    Builder b;
    ValueId x = b.input({1, 2, 3, 3});
    const ValueId weights = b.weights({2, 2, 1, 1}, 0.7F), half = b.scalar(0.5F), two = b.scalar(2);
    for (int i = 0; i < 400; ++i) x = b.op("Mul", {b.op("Conv", {x, weights}), two});
    for (int i = 0; i < 400; ++i) x = b.op("Mul", {x, i % 2 ? half : two});
    const Graph before = b.finish({x});
    Graph after = before;
    const auto done = optimize(after);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(node_total(after), 400);
    std::size_t longest = 0;
    for (std::size_t v = 0; v < after.value_count(); ++v)
        longest = std::max(longest, after.value(static_cast<ValueId>(v)).name.size());
    EXPECT_LT(longest, 40U);
}

TEST(Optimize, RefusesAGraphThatIsWrongAlready) {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {2, 3});
    const NodeId id = graph.add_node("NoSuchOperator", "odd_one", {x}, {"y"});
    graph.outputs = graph.node(id).outputs;
    const auto done = optimize(graph);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("odd_one"), std::string::npos) << done.error().message;
}

// Detect and Focus are written as standard operators; reading them back must find them again, box scale included.
TEST(Optimize, FindsWhatTheExporterTookApart) {
    Builder b;
    const ValueId stem = b.conv(b.op("Focus", {b.input({1, 3, 32, 64})}), 12, 8, 3);
    std::vector<ValueId> levels;
    for (std::int64_t stride : {4, 8}) {
        levels.push_back(b.op("Conv", {stem, b.weights({14, 8, stride, stride}, 0.1F)},
                              {{"strides", std::vector<std::int64_t>{stride, stride}},
                               {"kernel_shape", std::vector<std::int64_t>{stride, stride}}}));
    }
    const Attributes detect = {{"strides", std::vector<float>{8, 16}},
                               {"anchors", std::vector<float>{3, 9, 5, 11, 7, 18, 6, 39}},
                               {"box_scale", 1.0F / 640}};
    const Graph before = b.finish({b.op("Detect", levels, detect)});
    const auto path = std::filesystem::path(testing::TempDir()) / "optimize_test_round_trip.onnx";
    const auto saved = onnx::save(before, path.string());
    ASSERT_TRUE(saved) << saved.error().message;
    auto after = onnx::load(path.string());
    std::filesystem::remove(path);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(count(*after, "Detect"), 0);
    const auto done = optimize(*after);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(node_total(*after), node_total(before));
    expect_same_function(before, *after);
    for (NodeId id : after->topological_order()) {
        const Node& node = after->node(id);
        if (node.op != "Detect") continue;
        EXPECT_EQ(node.attributes.reals("strides"), detect.reals("strides"));
        EXPECT_FLOAT_EQ(node.attributes.real("box_scale", 1), 1.0F / 640);
    }
}

Graph load_shared(const std::string& name) {
    auto loaded = onnx::load(shared_folder + "/models/" + name);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? std::move(*loaded) : Graph();
}

TEST(Optimize, AQuantizedModelKeepsEveryInteger) {
    const std::string name = "neighbours/twinlitenet-320x320-qdq.onnx";
    OCTET_NEEDS_SHARED("models/" + name);
    const Graph before = load_shared(name);
    Graph after = before;
    const auto done = optimize(
        after,
        {.fold_batchnorm_concat = true, .focus_to_conv = true, .commute_conv_resize = true, .maxpool_cascade = true});
    ASSERT_TRUE(done) << done.error().message;
    for (const char* op : {"QuantizeLinear", "DequantizeLinear", "Conv", "BatchNormalization"}) {
        EXPECT_EQ(count(before, op), count(after, op)) << op;
    }
    expect_same_function(before, after, 0);
}

class Yolop : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        OCTET_NEEDS_SHARED(std::string("models/") + GetParam());
        graph_ = load_shared(GetParam());
    }

    Graph optimized(const OptimizeOptions& options) {
        Graph graph = graph_;
        const auto done = optimize(graph, options);
        EXPECT_TRUE(done) << done.error().message;
        return graph;
    }

    Graph graph_;
};

TEST_P(Yolop, BecomesTheNetworkThatItIs) {
    const Graph graph = optimized({});
    const std::pair<const char*, int> counts[] = {
        {"Conv", 102}, {"HardSwish", 75}, {"LeakyRelu", 12}, {"MaxPool", 3}, {"Resize", 8},
        {"Add", 7},    {"Sigmoid", 2},    {"Detect", 1},     {"Focus", 1},   {"BatchNormalization", 0}};
    int named = 0;
    for (const auto& [op, wanted] : counts) {
        EXPECT_EQ(count(graph, op), wanted) << op;
        named += wanted;
    }
    EXPECT_EQ(node_total(graph), named + count(graph, "Concat")) << "something is left over";
    EXPECT_EQ(count(optimized({.fold_batchnorm_concat = false}), "BatchNormalization"), 12);
}

TEST_P(Yolop, AnchorsAndStridesAreRead) {
    const Graph graph = optimized({});
    for (NodeId id : graph.topological_order()) {
        const Node& node = graph.node(id);
        if (node.op != "Detect") continue;
        EXPECT_EQ(node.attributes.reals("strides"), (std::vector<float>{8, 16, 32}));
        EXPECT_EQ(node.attributes.real("box_scale", 0), 1.0F);
        const std::vector<float> anchors = {3, 9, 5, 11, 4, 20, 7, 18, 6, 39, 12, 31, 19, 50, 38, 81, 68, 157};
        const auto found = node.attributes.reals("anchors");
        ASSERT_EQ(found.size(), anchors.size());
        for (std::size_t i = 0; i < anchors.size(); ++i) EXPECT_NEAR(found[i], anchors[i], 1e-4 * anchors[i]);
    }
}

TEST_P(Yolop, EveryRewriteTogetherKeepsTheOutputs) {
    const OptimizeOptions all = {
        .fold_batchnorm_concat = true, .focus_to_conv = true, .commute_conv_resize = true, .maxpool_cascade = true};
    const Graph graph = optimized(all);
    EXPECT_EQ(count(graph, "Focus"), 0);
    EXPECT_EQ(count(graph, "Conv"), 102);
    expect_same_function(graph_, graph, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(, Yolop, testing::Values("yolop-640.onnx", "yolop-640-simplified.onnx"),
                         [](const auto& test) { return test.index == 0 ? "Straight" : "Simplified"; });

}  // namespace
}  // namespace octet::test
