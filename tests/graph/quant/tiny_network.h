#pragma once

// A network of 12 operators with every structure that the quantizer treats in its own way.
//
//   images [1,3,16,16] → stem Conv 3×3 s2 → HardSwish ─┬─ cv1 Conv 1×1 → HardSwish → Add(stem) → left Conv 1×1 ──┐
//                                                      └─ right Conv 1×1 ─────────────────────────── Concat ─┘
//   → LeakyRelu → MaxPool → head Conv 3×3 → HardSwish → Sigmoid → mask

#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/ops/infer.h"

namespace octet::quant::testing {

inline Tensor random_tensor(Shape shape, float sigma, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, sigma);
    Tensor tensor(DType::float32, std::move(shape));
    for (float& value : tensor.mutable_data<float>()) value = normal(random);
    return tensor;
}

class TinyNetwork {
  public:
    TinyNetwork() {
        const ValueId images = graph.add_input("images", DType::float32, {1, 3, 16, 16});
        const ValueId stem = node("HardSwish", "stem_act", {conv("stem", images, 3, 8, 3, 2)});
        const ValueId cv1 = node("HardSwish", "cv1_act", {conv("cv1", stem, 8, 8, 1, 1)});
        const ValueId sum = node("Add", "sum", {stem, cv1});
        const ValueId left = conv("left", sum, 8, 4, 1, 1);
        const ValueId right = conv("right", stem, 8, 4, 1, 1);
        const ValueId concat = node("Concat", "concat", {left, right}, {{"axis", std::int64_t{1}}});
        const ValueId leaky = node("LeakyRelu", "leaky", {concat}, {{"alpha", 0.1F}});
        const ValueId pool = node("MaxPool", "pool", {leaky},
                                  {{"kernel_shape", std::vector<std::int64_t>{3, 3}},
                                   {"pads", std::vector<std::int64_t>{1, 1, 1, 1}},
                                   {"strides", std::vector<std::int64_t>{1, 1}}});
        const ValueId head = node("HardSwish", "head_act", {conv("head", pool, 8, 2, 3, 1)});
        graph.outputs = {node("Sigmoid", "mask", {head})};
        if (const auto inferred = infer_shapes(graph); !inferred) throw std::runtime_error(inferred.error().message);
    }

    ValueId output_of(const std::string& node_name) const { return graph.find_value(node_name + "_out"); }
    NodeId find(const std::string& node_name) const { return graph.producer(output_of(node_name)); }

    Graph graph;

  private:
    ValueId node(const std::string& op, const std::string& name, std::vector<ValueId> inputs,
                 Attributes attributes = {}) {
        return graph.node(graph.add_node(op, name, std::move(inputs), {name + "_out"}, std::move(attributes)))
            .outputs[0];
    }

    ValueId conv(const std::string& name, ValueId input, std::int64_t in, std::int64_t out, std::int64_t kernel,
                 std::int64_t stride) {
        const float sigma = 1.5F / std::sqrt(static_cast<float>(in * kernel * kernel));
        const ValueId weights =
            graph.add_constant(name + "_w", random_tensor({out, in, kernel, kernel}, sigma, ++seed_));
        const ValueId bias = graph.add_constant(name + "_b", random_tensor({out}, 0.3F, ++seed_));
        const std::int64_t pad = kernel / 2;
        return node("Conv", name, {input, weights, bias},
                    {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
                     {"pads", std::vector<std::int64_t>{pad, pad, pad, pad}},
                     {"strides", std::vector<std::int64_t>{stride, stride}}});
    }

    unsigned seed_ = 0;
};

// Pictures of 8-bit pixels, normalized.
inline Tensor random_picture(unsigned seed) {
    constexpr float mean[3] = {0.485F, 0.456F, 0.406F};
    constexpr float std[3] = {0.229F, 0.224F, 0.225F};
    std::mt19937 random(seed);
    Tensor tensor(DType::float32, {1, 3, 16, 16});
    auto out = tensor.mutable_data<float>();
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = (static_cast<float>(random() % 256) / 255.0F - mean[i / 256]) / std[i / 256];
    }
    return tensor;
}

}  // namespace octet::quant::testing
