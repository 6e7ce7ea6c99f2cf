#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "frontends/onnx/exporter.h"
#include "graph/ir/graph.h"
#include "graph/ops/infer.h"
#include "vision/image.h"

namespace octet {

// Does what a YOLOP network does by its ports alone, in no time: mean pixels as masks, one box from constants.
// images [1,3,32,32] → det_out [1,1,6], drive_area_seg and lane_line_seg [1,2,32,32].
inline void save_tiny_network(const std::string& path, std::map<std::string, std::string> metadata = {}) {
    Graph graph;
    graph.metadata = std::move(metadata);
    graph.name = "tiny";
    const ValueId images = graph.add_input("images", DType::float32, {1, 3, 32, 32});
    const auto conv = [&](const std::string& name, std::initializer_list<float> weight) {
        const ValueId w = graph.add_constant(name + "_weight", Tensor::from<float>({2, 3, 1, 1}, weight));
        graph.outputs.push_back(graph.node(graph.add_node("Conv", name + "_conv", {images, w}, {name})).outputs[0]);
    };
    const ValueId nothing = graph.add_constant("nothing", Tensor::from<float>({1}, {0}));
    const ValueId box = graph.add_constant("box", Tensor::from<float>({1, 1, 6}, {16, 16, 8, 6, 1, 0.9F}));
    const ValueId pooled = graph.node(graph.add_node("GlobalAveragePool", "pool", {images}, {"pooled"})).outputs[0];
    const ValueId shape = graph.add_constant("shape", Tensor::from<std::int64_t>({3}, {1, 1, 3}));
    const ValueId flat = graph.node(graph.add_node("Reshape", "flatten", {pooled, shape}, {"flat"})).outputs[0];
    const ValueId twice =
        graph.node(graph.add_node("Concat", "twice", {flat, flat}, {"six"}, {{"axis", std::int64_t{2}}})).outputs[0];
    const ValueId zero = graph.node(graph.add_node("Mul", "zero", {twice, nothing}, {"zeros"})).outputs[0];
    graph.outputs.push_back(graph.node(graph.add_node("Add", "add", {zero, box}, {"det_out"})).outputs[0]);
    conv("drive_area_seg", {0, 0, 0, 1, 0, 0});  // the class where red is above its mean
    conv("lane_line_seg", {0, 0, 0, 0, 0, 1});   // … where blue is
    ASSERT_TRUE(infer_shapes(graph));
    const auto saved = onnx::save(graph, path);
    ASSERT_TRUE(saved) << saved.error().message;
}

inline vision::Image red_image(int width, int height) {
    vision::Image image(width, height, 3);
    for (std::size_t i = 0; i < image.pixels.size(); i += 3) image.pixels[i] = 255;
    return image;
}

}  // namespace octet
