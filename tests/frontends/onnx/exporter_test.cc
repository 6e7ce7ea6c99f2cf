#include "frontends/onnx/exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <iterator>

#include "graph/ir/verify.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "tests/frontends/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ::testing::HasSubstr;
using testing::operators;

Tensor ramp(Shape shape, float from, float step) {
    Tensor tensor(DType::float32, std::move(shape));
    auto out = tensor.mutable_data<float>();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = from + step * static_cast<float>(i % 37);
    return tensor;
}

// Every kind of attribute that the operators here have, constants of several types, an omitted input.
Graph sample_graph() {
    Graph graph;
    graph.name = "sample";
    graph.metadata = {{"octet.recipe", "best"}, {"anchors", "[1, 2]"}};
    const ValueId x = graph.add_input("x", DType::float32, {1, 2, 4, 4});
    const ValueId w = graph.add_constant("w", Tensor::from<std::int8_t>({1, 2, 1, 1}, {-128, 127}));
    const ValueId s = graph.add_constant("s", Tensor::from<float>({1}, {0.125F}));
    const NodeId dq = graph.add_node("DequantizeLinear", "dq", {w, s}, {"wf"}, {{"axis", std::int64_t{0}}});
    const NodeId conv =
        graph.add_node("Conv", "conv", {x, graph.node(dq).outputs[0]}, {"c"},
                       {{"strides", std::vector<std::int64_t>{1, 1}}, {"auto_pad", std::string("VALID")}});
    const NodeId leaky = graph.add_node("LeakyRelu", "leaky", {graph.node(conv).outputs[0]}, {"l"}, {{"alpha", 0.1F}});
    const ValueId limit = graph.add_constant("limit", Tensor::scalar(0.5F));
    const NodeId clip = graph.add_node("Clip", "clip", {graph.node(leaky).outputs[0], no_value, limit}, {"y"});
    graph.outputs = {graph.node(clip).outputs[0]};
    return graph;
}

Graph saved_and_loaded(const Graph& graph, const std::string& path) {
    const auto saved = save(graph, path);
    EXPECT_TRUE(saved.has_value()) << saved.error().message;
    auto loaded = load(path);
    EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
    return loaded ? std::move(*loaded) : Graph();
}

bool equal(const AttributeValue& a, const AttributeValue& b) {
    if (const auto* tensor = std::get_if<Tensor>(&a)) {
        return std::holds_alternative<Tensor>(b) && identical(*tensor, std::get<Tensor>(b));
    }
    return std::visit(
        [&]<typename T>(const T& value) {
            if constexpr (std::is_same_v<T, Tensor>) {
                return false;
            } else {
                return std::holds_alternative<T>(b) && std::get<T>(b) == value;
            }
        },
        a);
}

void expect_same_node(const Graph& graph_a, const Node& a, const Graph& graph_b, const Node& b) {
    EXPECT_EQ(a.op, b.op);
    EXPECT_EQ(a.name, b.name);
    const auto names = [](const Graph& graph, const std::vector<ValueId>& ids) {
        std::vector<std::string> list;
        for (const ValueId id : ids) list.push_back(id == no_value ? "" : graph.value(id).name);
        return list;
    };
    EXPECT_EQ(names(graph_a, a.inputs), names(graph_b, b.inputs)) << a.name;
    EXPECT_EQ(names(graph_a, a.outputs), names(graph_b, b.outputs)) << a.name;
    ASSERT_EQ(std::distance(a.attributes.begin(), a.attributes.end()),
              std::distance(b.attributes.begin(), b.attributes.end()))
        << a.name;
    for (auto one = a.attributes.begin(), other = b.attributes.begin(); one != a.attributes.end(); ++one, ++other) {
        EXPECT_EQ(one->first, other->first) << a.name;
        EXPECT_TRUE(equal(one->second, other->second)) << a.name << "." << one->first;
    }
}

// Same nodes, names, attributes, constants, types, metadata.
void expect_same_graph(const Graph& a, const Graph& b) {
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.metadata, b.metadata);
    EXPECT_EQ(operators(a), operators(b));
    const auto order_a = a.topological_order();
    const auto order_b = b.topological_order();
    ASSERT_EQ(order_a.size(), order_b.size());
    for (std::size_t i = 0; i < order_a.size(); ++i) expect_same_node(a, a.node(order_a[i]), b, b.node(order_b[i]));
    for (std::size_t i = 0; i < a.value_count(); ++i) {
        const Value& value = a.value(static_cast<ValueId>(i));
        if (value.removed) continue;
        const ValueId other = b.find_value(value.name);
        ASSERT_NE(other, no_value) << value.name;
        EXPECT_EQ(value.dtype, b.value(other).dtype) << value.name;
        EXPECT_EQ(value.shape, b.value(other).shape) << value.name;
        ASSERT_EQ(value.constant.has_value(), b.value(other).constant.has_value()) << value.name;
        if (!value.constant) continue;
        EXPECT_TRUE(identical(*value.constant, *b.value(other).constant)) << value.name;
    }
}

Tensor only_output(const Graph& graph, const std::vector<Tensor>& inputs) {
    const auto outputs = evaluate(graph, inputs);
    EXPECT_TRUE(outputs.has_value()) << outputs.error().message;
    return outputs ? outputs->at(0) : Tensor();
}

TEST(Exporter, load_gives_back_what_save_wrote) {
    const TemporaryFolder folder;
    Graph graph = sample_graph();
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const Graph loaded = saved_and_loaded(graph, folder / "new/folder/model.onnx");
    expect_same_graph(graph, loaded);
}

TEST(Exporter, omits_dead_constants_and_keeps_weights_once) {
    const TemporaryFolder folder;
    Graph graph = sample_graph();
    ASSERT_TRUE(infer_shapes(graph).has_value());
    graph.add_constant("unused", Tensor(DType::float32, {1000}));
    const Graph loaded = saved_and_loaded(graph, folder / "model.onnx");
    EXPECT_EQ(loaded.find_value("unused"), no_value);
    EXPECT_LT(std::filesystem::file_size(folder / "model.onnx"), 1000U);
}

TEST(Exporter, focus_becomes_slices) {
    const TemporaryFolder folder;
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {1, 3, 4, 6});
    graph.outputs = {graph.node(graph.add_node("Focus", "stem", {x}, {"y"})).outputs[0]};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const Graph loaded = saved_and_loaded(graph, folder / "focus.onnx");
    EXPECT_EQ(operators(loaded), "Slice Slice Slice Slice Concat");
    const std::vector<Tensor> inputs = {ramp({1, 3, 4, 6}, -1.0F, 0.3F)};
    EXPECT_TRUE(identical(only_output(graph, inputs), only_output(loaded, inputs)));
}

void expect_detect_survives(float box_scale) {
    const TemporaryFolder folder;
    Graph graph;
    const ValueId p3 = graph.add_input("p3", DType::float32, {2, 14, 4, 6});
    const ValueId p4 = graph.add_input("p4", DType::float32, {2, 14, 2, 3});
    const Attributes attributes = {{"strides", std::vector<float>{8, 16}},
                                   {"anchors", std::vector<float>{3, 9, 5, 11, 7, 18, 6, 39}},
                                   {"box_scale", box_scale}};
    graph.outputs = {graph.node(graph.add_node("Detect", "boxes", {p3, p4}, {"det_out"}, attributes)).outputs[0]};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const Graph loaded = saved_and_loaded(graph, folder / "detect.onnx");
    EXPECT_EQ(operators(loaded).find("Detect"), std::string::npos);
    EXPECT_EQ(loaded.value(loaded.outputs.at(0)).shape, (Shape{2, 2 * 30, 7}));
    const std::vector<Tensor> inputs = {ramp({2, 14, 4, 6}, -5.0F, 0.31F), ramp({2, 14, 2, 3}, -4.0F, 0.27F)};
    EXPECT_TRUE(identical(only_output(graph, inputs), only_output(loaded, inputs)));
}

TEST(Exporter, detect_becomes_standard_operators) {
    expect_detect_survives(1.0F);
}
TEST(Exporter, detect_with_a_box_scale) {
    expect_detect_survives(1.0F / 640.0F);
}

TEST(Exporter, names_of_lowered_nodes_stay_unique) {
    Graph graph;
    const ValueId x = graph.add_input("stem_starts", DType::float32, {1, 3, 4, 6});
    graph.add_node("Focus", "stem", {x}, {"stem_Slice"});
    graph.outputs = {graph.find_value("stem_Slice")};
    ASSERT_TRUE(infer_shapes(graph).has_value());
    const TemporaryFolder folder;
    const Graph loaded = saved_and_loaded(graph, folder / "focus.onnx");
    EXPECT_TRUE(verify(loaded).has_value());
    EXPECT_EQ(loaded.value(loaded.outputs.at(0)).name, "stem_Slice");
}

int files_in(const std::string& folder) {
    const auto entries = std::filesystem::directory_iterator(folder);
    return static_cast<int>(std::distance(begin(entries), end(entries)));
}

// A limit on the size of files makes write() fail as a full disk does.
TEST(Exporter, a_full_disk_leaves_nothing_behind) {
    const TemporaryFolder folder;
    Graph graph = sample_graph();
    ASSERT_TRUE(infer_shapes(graph).has_value());
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit tiny{100, before.rlim_max};
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    const auto saved = save(graph, folder / "model.onnx");
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old_handler);
    ASSERT_FALSE(saved.has_value());
    EXPECT_EQ(saved.error().code, ErrorCode::io);
    EXPECT_THAT(saved.error().message, HasSubstr("model.onnx"));
    EXPECT_EQ(files_in(folder.path()), 0);
}

TEST(Exporter, paths_that_cannot_be_written) {
    const TemporaryFolder folder;
    Graph graph = sample_graph();
    ASSERT_TRUE(infer_shapes(graph).has_value());
    ASSERT_TRUE(save(graph, folder / "file").has_value());
    const auto below_a_file = save(graph, folder / "file/model.onnx");
    ASSERT_FALSE(below_a_file.has_value());
    EXPECT_EQ(below_a_file.error().code, ErrorCode::io);
    const auto onto_a_folder = save(graph, folder.path());
    ASSERT_FALSE(onto_a_folder.has_value());
    EXPECT_THAT(onto_a_folder.error().message, HasSubstr(folder.path()));
    EXPECT_EQ(files_in(folder.path()), 1);
}

}  // namespace
}  // namespace octet::onnx
