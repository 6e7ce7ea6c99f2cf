#include "tests/engine/shrink.h"

#include <algorithm>
#include <map>

#include "graph/ir/dump.h"
#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"

namespace octet::test {
namespace {

using Fails = std::function<bool(const RandomNetwork&)>;

// Replaces `network` by the candidate where that fails as well.
bool take(RandomNetwork& network, RandomNetwork candidate, const Fails& fails) {
    candidate.graph.remove_dead();
    // Inputs that nothing reads any more.
    const auto consumers = candidate.graph.consumers();
    for (std::size_t i = candidate.inputs.size(); i-- > 0 && candidate.inputs.size() > 1;) {
        if (!consumers[static_cast<std::size_t>(candidate.graph.inputs[i])].empty()) continue;
        candidate.graph.inputs.erase(candidate.graph.inputs.begin() + static_cast<std::ptrdiff_t>(i));
        candidate.inputs.erase(candidate.inputs.begin() + static_cast<std::ptrdiff_t>(i));
    }
    // Of a copy: inference writes attributes, which were to go.
    Graph inferred = candidate.graph;
    if (!infer_shapes(inferred) || !fails(candidate)) return false;
    network = std::move(candidate);
    return true;
}

bool leave_out_output(RandomNetwork& network, const Fails& fails) {
    for (std::size_t i = 0; i < network.graph.outputs.size() && network.graph.outputs.size() > 1; ++i) {
        RandomNetwork candidate = network;
        candidate.graph.outputs.erase(candidate.graph.outputs.begin() + static_cast<std::ptrdiff_t>(i));
        if (take(network, std::move(candidate), fails)) return true;
    }
    return false;
}

// What a QuantizeLinear reads becomes a graph input.
bool cut(RandomNetwork& network, const Fails& fails) {
    std::map<ValueId, Tensor> values;
    EvaluateOptions options;
    options.observer = [&](ValueId id, const Tensor& tensor) { values[id] = tensor; };
    if (!evaluate(network.graph, network.inputs, options)) return false;
    auto order = network.graph.topological_order();
    std::ranges::reverse(order);
    for (NodeId id : order) {
        const Node& node = network.graph.node(id);
        if (node.op != "QuantizeLinear" || network.graph.producer(node.inputs[0]) == no_node) continue;
        RandomNetwork candidate = network;
        Graph& graph = candidate.graph;
        const Tensor& read = values.at(node.inputs[0]);
        graph.node(id).inputs[0] = graph.add_input(graph.unique_name("cut"), DType::float32, read.shape());
        candidate.inputs.push_back(read);
        if (take(network, std::move(candidate), fails)) return true;
    }
    return false;
}

// An operator gives what it reads, or leaves an optional input or an attribute out.
bool simplify_node(RandomNetwork& network, const Fails& fails) {
    for (NodeId id : network.graph.topological_order()) {
        const Node& node = network.graph.node(id);
        const Graph& graph = network.graph;
        if (node.op != "QuantizeLinear" && node.op != "DequantizeLinear") {
            for (ValueId input : node.inputs) {
                if (input == no_value || graph.constant(input)) continue;
                RandomNetwork candidate = network;
                candidate.graph.replace_uses(node.outputs[0], input);
                if (take(network, std::move(candidate), fails)) return true;
            }
        }
        if (node.inputs.size() > 2) {
            RandomNetwork candidate = network;
            candidate.graph.node(id).inputs.pop_back();
            if (take(network, std::move(candidate), fails)) return true;
        }
        for (const auto& [name, value] : node.attributes) {
            RandomNetwork candidate = network;
            candidate.graph.node(id).attributes.erase(name);
            if (take(network, std::move(candidate), fails)) return true;
        }
    }
    return false;
}

Tensor cropped(const Tensor& image, std::int64_t h, std::int64_t w) {
    const Shape& s = image.shape();
    Tensor out(DType::float32, {s[0], s[1], h, w});
    auto to = out.mutable_data<float>().begin();
    for (std::int64_t plane = 0; plane < s[0] * s[1]; ++plane) {
        for (std::int64_t y = 0; y < h; ++y) {
            const auto row = image.data<float>().begin() + (plane * s[2] + y) * s[3];
            to = std::copy_n(row, w, to);
        }
    }
    return out;
}

// All graph inputs lose rows or columns.
bool crop(RandomNetwork& network, const Fails& fails) {
    for (const std::size_t axis : {std::size_t{2}, std::size_t{3}}) {
        for (const bool half : {true, false}) {
            RandomNetwork candidate = network;
            bool changed = false;
            for (std::size_t i = 0; i < candidate.inputs.size(); ++i) {
                Shape shape = candidate.inputs[i].shape();
                if (shape.size() != 4 || shape[axis] == 1) continue;
                shape[axis] = half ? shape[axis] / 2 : shape[axis] - 1;
                candidate.inputs[i] = cropped(candidate.inputs[i], shape[2], shape[3]);
                candidate.graph.value(candidate.graph.inputs[i]).shape = shape;
                changed = true;
            }
            if (changed && take(network, std::move(candidate), fails)) return true;
        }
    }
    return false;
}

std::string values_of(const Tensor& tensor) {
    const auto values = tensor.to_float();
    constexpr std::size_t most = 64;
    const auto shown = std::span(values).first(std::min(values.size(), most));
    return fmt::format("{} {} [{}{}]", dtype_name(tensor.dtype()), to_string(tensor.shape()), fmt::join(shown, ", "),
                       values.size() > most ? ", …" : "");
}

}  // namespace

RandomNetwork shrink(RandomNetwork network, const Fails& fails) {
    while (leave_out_output(network, fails) || cut(network, fails) || simplify_node(network, fails) ||
           crop(network, fails)) {
    }
    return network;
}

std::string describe(const RandomNetwork& network) {
    const Graph& graph = network.graph;
    std::string text;
    for (std::size_t i = 0; i < network.inputs.size(); ++i) {
        text += fmt::format("{} = {}\n", graph.value(graph.inputs[i]).name, values_of(network.inputs[i]));
    }
    std::map<ValueId, bool> written;
    for (NodeId id : graph.topological_order()) {
        const Node& node = graph.node(id);
        std::vector<std::string> inputs, attributes;
        for (ValueId input : node.inputs) {
            inputs.push_back(input == no_value ? "" : graph.value(input).name);
            if (const Tensor* constant = graph.constant(input); constant && !written[input]) {
                text += fmt::format("{} = {}\n", inputs.back(), values_of(*constant));
                written[input] = true;
            }
        }
        for (const auto& [name, value] : node.attributes) attributes.push_back(name + "=" + to_string(value));
        text += fmt::format("{} = {}({}) {}\n", graph.value(node.outputs[0]).name, node.op, fmt::join(inputs, ", "),
                            fmt::join(attributes, " "));
    }
    for (ValueId output : graph.outputs) text += fmt::format("output {}\n", graph.value(output).name);
    return text;
}

}  // namespace octet::test
