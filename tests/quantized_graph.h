#pragma once

// Builds small networks with QuantizeLinear and DequantizeLinear, as a quantizer writes them.

#include <random>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace octet::test {

class QuantizedGraph {
  public:
    explicit QuantizedGraph(unsigned seed = 1) : random_(seed) {}

    Graph graph;

    ValueId input(Shape shape) { return graph.add_input("x", DType::float32, std::move(shape)); }
    // The float value that a consumer of the quantized tensor reads.
    ValueId quantize(ValueId value, float scale, int zero_point, DType type = DType::uint8) {
        const ValueId s = constant(Tensor::scalar(scale));
        const ValueId z = constant(Tensor::scalar<std::int64_t>(zero_point).cast(type));
        const ValueId q = node("QuantizeLinear", {value, s, z});
        return node("DequantizeLinear", {q, s, z});
    }
    ValueId conv(ValueId x, std::int64_t cin, std::int64_t cout, std::int64_t kernel, std::int64_t stride,
                 float x_scale, float weight_scale) {
        Tensor weights(DType::int8, {cout, cin, kernel, kernel});
        for (std::int8_t& w : weights.mutable_data<std::int8_t>())
            w = static_cast<std::int8_t>(static_cast<int>(random_() % 255) - 127);
        std::vector<float> scales, bias_scales;
        Tensor bias(DType::int32, {cout});
        for (std::int64_t o = 0; o < cout; ++o) {
            scales.push_back(weight_scale * (1 + 0.1F * static_cast<float>(random_() % 10)));
            bias_scales.push_back(scales.back() * x_scale);
            bias.mutable_data<std::int32_t>()[static_cast<std::size_t>(o)] =
                static_cast<std::int32_t>(random_() % 4001) - 2000;
        }
        const ValueId s = constant(Tensor::from<float>({cout}, scales));
        const ValueId z = constant(Tensor(DType::int8, {cout}));
        const ValueId w = node("DequantizeLinear", {constant(std::move(weights)), s, z}, {{"axis", std::int64_t{0}}});
        const ValueId bs = constant(Tensor::from<float>({cout}, bias_scales));
        const ValueId b = node("DequantizeLinear", {constant(std::move(bias)), bs}, {{"axis", std::int64_t{0}}});
        const std::int64_t pad = kernel / 2;
        return node("Conv", {x, w, b},
                    {{"kernel_shape", std::vector<std::int64_t>{kernel, kernel}},
                     {"strides", std::vector<std::int64_t>{stride, stride}},
                     {"pads", std::vector<std::int64_t>{pad, pad, pad, pad}}});
    }
    ValueId node(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        const std::string name = op + "_" + std::to_string(count_++);
        return graph.node(graph.add_node(op, name, std::move(inputs), {name + "_out"}, std::move(attributes)))
            .outputs[0];
    }
    ValueId constant(Tensor tensor) { return graph.add_constant("c_" + std::to_string(count_++), std::move(tensor)); }
    void output(ValueId value) { graph.outputs.push_back(value); }

    Tensor random_tensor(Shape shape, float low, float high) {
        Tensor tensor(DType::float32, std::move(shape));
        std::uniform_real_distribution<float> uniform(low, high);
        for (float& v : tensor.mutable_data<float>()) v = uniform(random_);
        return tensor;
    }

  private:
    std::mt19937 random_;
    int count_ = 0;
};

}  // namespace octet::test
