#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

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

// As small, with what YOLOP is made of: convolutions with HardSwish and LeakyRelu, a pool, a shortcut, a Resize and a
// Concat in front of two masks; its box is a constant too. The same ports.
inline void save_small_network(const std::string& path) {
    Graph graph;
    graph.name = "small";
    std::mt19937 random(11);
    const ValueId images = graph.add_input("images", DType::float32, {1, 3, 32, 32});
    const auto node = [&](const std::string& op, const std::string& name, std::vector<ValueId> inputs,
                          Attributes attributes = {}, const std::string& output = "") {
        return graph
            .node(graph.add_node(op, name, std::move(inputs), {output.empty() ? name + "_out" : output},
                                 std::move(attributes)))
            .outputs[0];
    };
    const auto conv = [&](const std::string& name, ValueId x, std::int64_t in, std::int64_t out, std::int64_t kernel,
                          std::int64_t stride) {
        Tensor weights(DType::float32, {out, in, kernel, kernel}), bias(DType::float32, {out});
        const float reach = 2 / std::sqrt(static_cast<float>(in * kernel * kernel));
        std::uniform_real_distribution<float> uniform(-reach, reach);
        for (float& w : weights.mutable_data<float>()) w = uniform(random);
        for (float& v : bias.mutable_data<float>()) v = uniform(random);
        const std::int64_t pad = kernel / 2;
        return node("Conv", name,
                    {x, graph.add_constant(name + "_weight", std::move(weights)),
                     graph.add_constant(name + "_bias", std::move(bias))},
                    {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
                     {"strides", std::vector<std::int64_t>{stride, stride}},
                     {"pads", std::vector<std::int64_t>{pad, pad, pad, pad}}});
    };
    const ValueId stem = node("HardSwish", "stem_act", {conv("stem", images, 3, 8, 3, 2)});
    const ValueId pooled =
        node("MaxPool", "pool", {stem},
             {{"kernel_shape", std::vector<std::int64_t>{3, 3}}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
    const ValueId body = node("LeakyRelu", "body_act", {conv("body", pooled, 8, 8, 3, 1)}, {{"alpha", 0.1F}});
    const ValueId sum = node("Add", "shortcut", {body, stem});
    const ValueId both = node("Concat", "both", {sum, pooled}, {{"axis", std::int64_t{1}}});
    const ValueId scales = graph.add_constant("scales", Tensor::from<float>({4}, {1, 1, 2, 2}));
    const ValueId up = node("Resize", "up", {both, no_value, scales},
                            {{"mode", std::string("nearest")},
                             {"coordinate_transformation_mode", std::string("asymmetric")},
                             {"nearest_mode", std::string("floor")}});
    const ValueId nothing = graph.add_constant("nothing", Tensor::from<float>({1}, {0}));
    const ValueId box = graph.add_constant("box", Tensor::from<float>({1, 1, 6}, {16, 16, 8, 6, 1, 0.9F}));
    const ValueId shape = graph.add_constant("shape", Tensor::from<std::int64_t>({3}, {1, 1, 6}));
    const ValueId row =
        node("Reshape", "row", {conv("boxes", node("GlobalAveragePool", "mean", {up}), 16, 6, 1, 1), shape});
    graph.outputs.push_back(node("Add", "add", {node("Mul", "zero", {row, nothing}), box}, {}, "det_out"));
    for (const std::string name : {"drive_area_seg", "lane_line_seg"})
        graph.outputs.push_back(node("Sigmoid", name + "_sigmoid", {conv(name + "_conv", up, 16, 2, 3, 1)}, {}, name));
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
