// Models from outside of the repository.

#include <gtest/gtest.h>

#include <filesystem>

#include "frontends/onnx/exporter.h"
#include "frontends/onnx/importer.h"
#include "graph/ir/dump.h"
#include "graph/passes/pass.h"
#include "tests/frontends/onnx/model_builder.h"
#include "tests/test_files.h"

namespace octet {
namespace {

std::string shared(const std::string& path) {
    return shared_folder + "/" + path;
}

void expect_yolop(const std::string& path) {
    const auto graph = onnx::load(shared(path));
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    ASSERT_EQ(graph->inputs.size(), 1U);
    EXPECT_EQ(graph->value(graph->inputs[0]).name, "images");
    EXPECT_EQ(graph->value(graph->inputs[0]).shape, (Shape{1, 3, 640, 640}));
    ASSERT_EQ(graph->outputs.size(), 3U);
    EXPECT_EQ(graph->value(graph->outputs[0]).name, "det_out");
    EXPECT_EQ(graph->value(graph->outputs[1]).name, "drive_area_seg");
    EXPECT_EQ(graph->value(graph->outputs[2]).name, "lane_line_seg");
    int convolutions = 0;
    for (const NodeId id : graph->topological_order()) convolutions += graph->node(id).op == "Conv" ? 1 : 0;
    EXPECT_EQ(convolutions, 102);
}

TEST(ModelFiles, straight_export_of_yolop) {
    OCTET_NEEDS_SHARED("models/yolop-640.onnx");
    expect_yolop("models/yolop-640.onnx");
}

TEST(ModelFiles, simplified_export_of_yolop) {
    OCTET_NEEDS_SHARED("models/yolop-640-simplified.onnx");
    expect_yolop("models/yolop-640-simplified.onnx");
}

// The optimized graph survives the way through a file: Focus and Detect are written as standard operators, and the
// passes find them again.
TEST(ModelFiles, optimized_yolop_survives_export) {
    OCTET_NEEDS_SHARED("models/yolop-640-simplified.onnx");
    const TemporaryFolder folder;
    auto graph = onnx::load(shared("models/yolop-640-simplified.onnx"));
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    ASSERT_TRUE(optimize(*graph).has_value());
    const auto saved = onnx::save(*graph, folder / "optimized.onnx");
    ASSERT_TRUE(saved.has_value()) << saved.error().message;
    auto loaded = onnx::load(folder / "optimized.onnx");
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    EXPECT_EQ(summarize(*loaded).operators.count("Detect"), 0U) << "ONNX has no such operator";
    ASSERT_TRUE(optimize(*loaded).has_value());

    const Summary before = summarize(*graph);
    const Summary after = summarize(*loaded);
    EXPECT_EQ(before.operators, after.operators);
    EXPECT_EQ(before.weight_bytes, after.weight_bytes);
    EXPECT_EQ(before.macs, after.macs);
    const auto detect = [](const Graph& g) {
        const Node& node = g.node(g.producer(g.outputs[0]));
        return node.op + " " + to_string(node.attributes.reals("anchors")) +
               to_string(node.attributes.reals("strides"));
    };
    EXPECT_EQ(detect(*graph), detect(*loaded));
}

// Quantized by ONNX Runtime: QDQ and opset imports of many domains that no node uses.
TEST(ModelFiles, quantized_models_of_onnx_runtime) {
    for (const std::string path :
         {"models/neighbours/twinlitenet-320x320-qdq.onnx", "models/reference-recipe/yolop-640-ort-entropy.onnx"}) {
        OCTET_NEEDS_SHARED(path);
        const auto graph = onnx::load(shared(path));
        ASSERT_TRUE(graph.has_value()) << graph.error().message;
        const Summary summary = summarize(*graph);
        EXPECT_GT(summary.operators.at("DequantizeLinear"), summary.operators.at("QuantizeLinear")) << path;
    }
}

}  // namespace
}  // namespace octet
