// Models from outside of the repository.

#include <gtest/gtest.h>

#include <filesystem>

#include "frontends/onnx/importer.h"

namespace octet {
namespace {

std::string shared(const std::string& path) {
    return std::string(OCTET_SOURCE_DIR) + "/../shared/" + path;
}

#define NEED_SHARED(path) \
    if (!std::filesystem::exists(shared(path))) GTEST_SKIP() << "needs ../shared/" << (path)

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
    NEED_SHARED("models/yolop-640.onnx");
    expect_yolop("models/yolop-640.onnx");
}

TEST(ModelFiles, simplified_export_of_yolop) {
    NEED_SHARED("models/yolop-640-simplified.onnx");
    expect_yolop("models/yolop-640-simplified.onnx");
}

}  // namespace
}  // namespace octet
