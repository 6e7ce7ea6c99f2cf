#include "frontends/onnx/graph_builder.h"

namespace octet::onnx {

std::string GraphBuilder::unique(std::string_view base, Names& names) {
    std::string name(base);
    while (true) {
        const auto [it, is_new] = names.try_emplace(name, 0);
        if (is_new) return name;
        name = fmt::format("{}_{}", base, ++names[std::string(base)]);
    }
}

ValueId GraphBuilder::constant(std::string_view base, Tensor tensor) {
    return graph_.add_constant(value_name(base), std::move(tensor));
}

ValueId GraphBuilder::node(const std::string& op, std::string_view base, std::vector<ValueId> inputs,
                           Attributes attributes) {
    const std::string name = node_name(base);
    const NodeId id = graph_.add_node(op, name, std::move(inputs), {value_name(name)}, std::move(attributes));
    return graph_.node(id).outputs.front();
}

}  // namespace octet::onnx
