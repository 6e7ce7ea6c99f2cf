#include <string>
#include <utility>
#include <vector>

#include "graph/quant/quant_model.h"

namespace octet::quant {
namespace {

class Emitter {
  public:
    explicit Emitter(const QuantModel& model)
        : model_(model), from_(model.graph), reader_(model.graph.value_count(), no_value) {}

    Result<Graph> run() {
        to_.name = from_.name;
        to_.metadata = from_.metadata;
        for (const ValueId input : from_.inputs) {
            const Value& value = from_.value(input);
            reader_[index(input)] = to_.add_input(value.name, value.dtype, *value.shape);
            if (model_.grid(input)) put_on_grid(input, reader_[index(input)], value.name);
        }
        for (const NodeId id : from_.topological_order()) {
            const Node& node = from_.node(id);
            if (model_.pixel && id == model_.pixel->centre) {
                reader_[index(model_.pixel->centred)] = reader_[index(model_.pixel->pixels)];
            } else if (node.op == "Identity" && model_.grid(node.outputs[0])) {
                const ValueId input = node.inputs[0], output = node.outputs[0];
                reader_[index(output)] = read(input);
                if (model_.plan.group(input) != model_.plan.group(output))
                    put_on_grid(output, read(input), from_.value(output).name);
            } else {
                copy(id);
            }
        }
        for (const ValueId output : from_.outputs) to_.outputs.push_back(read(output));
        return std::move(to_);
    }

  private:
    static std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }

    ValueId constant(const std::string& name, Tensor tensor) { return to_.add_constant(name, std::move(tensor)); }

    // The value of the new graph that stands for a value of the old one.
    ValueId read(ValueId id) {
        if (id == no_value) return no_value;
        ValueId& reader = reader_[index(id)];
        if (reader == no_value && from_.constant(id)) reader = constant(from_.value(id).name, *from_.constant(id));
        return reader;
    }

    void copy(NodeId id) {
        const Node& node = from_.node(id);
        const auto layer = model_.layers.find(id);
        std::vector<ValueId> inputs;
        Attributes attributes = node.attributes;
        if (layer == model_.layers.end()) {
            for (const ValueId input : node.inputs) inputs.push_back(read(input));
        } else {
            inputs = layer_inputs(node, layer->second);
            if (node.op == "BatchNormalization") attributes.set("epsilon", 0.0F);
        }
        std::vector<std::string> names;
        for (const ValueId output : node.outputs) names.push_back(raw_name(output));
        const NodeId copied =
            to_.add_node(node.op, node.name, std::move(inputs), std::move(names), std::move(attributes));
        to_.node(copied).stands_for = node.stands_for;
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            const ValueId output = node.outputs[i];
            ValueId& made = to_.node(copied).outputs[i];
            if (output == no_value) {
                made = no_value;
                continue;
            }
            to_.value(made).dtype = from_.value(output).dtype;
            to_.value(made).shape = from_.value(output).shape;
            reader_[index(output)] = made;
            if (model_.grid(output)) put_on_grid(output, made, from_.value(output).name);
        }
    }

    // A graph output keeps its name, so what comes before its grid needs another one.
    std::string raw_name(ValueId output) const {
        if (output == no_value) return {};
        const std::string& name = from_.value(output).name;
        return from_.is_output(output) && model_.grid(output) ? name + "_real" : name;
    }

    static Tensor zero_point_tensor(const Grid& grid) {
        return Tensor::from<std::int32_t>({}, {grid.zero_point}).cast(grid.dtype);
    }

    void put_on_grid(ValueId old, ValueId real, const std::string& name) {
        const Grid& grid = *model_.grid(old);
        const ValueId scale = constant(name + "_scale", Tensor::scalar(grid.scale));
        const ValueId zero = constant(name + "_zero_point", zero_point_tensor(grid));
        const NodeId quantize =
            to_.add_node("QuantizeLinear", name + "_quantize", {real, scale, zero}, {name + "_quantized"});
        const ValueId integers = to_.node(quantize).outputs[0];
        to_.value(integers).dtype = grid.dtype;
        to_.value(integers).shape = from_.value(old).shape;
        const bool pixels = model_.pixel && model_.pixel->centre != no_node && old == model_.pixel->pixels;
        const std::string real_name = from_.is_output(old) ? name : name + "_dequantized";
        const NodeId dequantize =
            pixels ? dequantize_pixels(integers, name, real_name)
                   : to_.add_node("DequantizeLinear", name + "_dequantize", {integers, scale, zero}, {real_name});
        const ValueId back = to_.node(dequantize).outputs[0];
        to_.value(back).shape = from_.value(old).shape;
        reader_[index(old)] = back;
    }

    NodeId dequantize_pixels(ValueId integers, const std::string& name, const std::string& real_name) {
        const auto& z = model_.pixel->zero_points;
        const ValueId scales = constant(name + "_scales", Tensor::from<float>({3}, {1, 1, 1}));
        const ValueId zeros =
            constant(name + "_zero_points", Tensor::from<std::int32_t>({3}, {z[0], z[1], z[2]}).cast(DType::uint8));
        return to_.add_node("DequantizeLinear", name + "_dequantize", {integers, scales, zeros}, {real_name},
                            {{"axis", std::int64_t{1}}});
    }

    ValueId dequantized_constant(const std::string& name, Tensor integers, const std::vector<float>& scales) {
        Attributes attributes;
        const bool per_tensor = scales.size() == 1;
        if (!per_tensor) attributes.set("axis", std::int64_t{0});
        const Shape shape = per_tensor ? Shape{} : Shape{static_cast<std::int64_t>(scales.size())};
        const ValueId scale = constant(name + "_scale", Tensor::from<float>(shape, scales));
        const ValueId values = constant(name, std::move(integers));
        const Shape tensor_shape = *to_.value(values).shape;
        const NodeId node = to_.add_node("DequantizeLinear", name + "_dequantize", {values, scale},
                                         {name + "_dequantized"}, std::move(attributes));
        to_.value(to_.node(node).outputs[0]).shape = tensor_shape;
        return to_.node(node).outputs[0];
    }

    std::vector<ValueId> layer_inputs(const Node& node, const LayerWeights& layer) {
        std::vector<float> bias_scales;
        for (std::size_t c = 0; c < layer.weights.scales.size(); ++c) bias_scales.push_back(layer.bias_scale(c));
        const ValueId weights =
            dequantized_constant(node.name + "_weights", layer.weights.integers, layer.weights.scales);
        const ValueId bias = dequantized_constant(node.name + "_bias", layer.bias, bias_scales);
        std::vector<ValueId> inputs{read(node.inputs[0]), weights, bias};
        if (node.op == "BatchNormalization") {
            const std::vector<float> zeros(static_cast<std::size_t>(layer.bias.size()), 0.0F);
            const std::vector<float> ones(zeros.size(), 1.0F);
            inputs.push_back(constant(node.name + "_mean", Tensor::from<float>(layer.bias.shape(), zeros)));
            inputs.push_back(constant(node.name + "_variance", Tensor::from<float>(layer.bias.shape(), ones)));
        }
        return inputs;
    }

    const QuantModel& model_;
    const Graph& from_;
    Graph to_;
    std::vector<ValueId> reader_;
};

}  // namespace

Result<Graph> to_qdq(const QuantModel& model) {
    return Emitter(model).run();
}

}  // namespace octet::quant
