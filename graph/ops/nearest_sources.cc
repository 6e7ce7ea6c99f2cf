#include "graph/ops/nearest_sources.h"

#include "graph/ops/evaluator.h"

namespace octet {

// The operator itself says it, asked with an image of its own coordinates.
Result<std::vector<std::int32_t>> nearest_sources(const Graph& graph, const Node& resize, int axis) {
    const auto& from = graph.value(resize.inputs[0]).shape;
    const auto& to = graph.value(resize.outputs[0]).shape;
    if (!from || !to || from->size() != 4 || to->size() != 4 || (*from)[0] != (*to)[0] || (*from)[1] != (*to)[1]) {
        return fail(ErrorCode::unsupported, "resizes more than rows and columns");
    }
    const Shape& in = *from;
    const Shape& out = *to;
    Tensor ramp(DType::float32, {1, 1, in[2], in[3]});
    auto values = ramp.mutable_data<float>();
    for (std::int64_t i = 0; i < in[2] * in[3]; ++i) {
        values[static_cast<std::size_t>(i)] = static_cast<float>(axis == 2 ? i / in[3] : i % in[3]);
    }
    const Tensor sizes = Tensor::from<std::int64_t>({4}, {1, 1, out[2], out[3]});
    std::vector<const Tensor*> arguments = {&ramp};
    for (std::size_t i = 1; i < resize.inputs.size(); ++i) {
        const Tensor* constant = graph.constant(resize.inputs[i]);
        if (resize.inputs[i] != no_value && !constant) return fail(ErrorCode::unsupported, "its size is no constant");
        arguments.push_back(constant);
    }
    if (arguments.size() > 3 && arguments[3]) arguments[3] = &sizes;
    OCTET_ASSIGN(const auto picked, evaluate_node(resize, arguments));
    const auto coordinates = picked.front().data<float>();
    std::vector<std::int32_t> sources;
    for (std::int64_t i = 0; i < out[static_cast<std::size_t>(axis)]; ++i) {
        sources.push_back(static_cast<std::int32_t>(coordinates[static_cast<std::size_t>(axis == 2 ? i * out[3] : i)]));
    }
    return sources;
}

bool doubles_pixels(const Graph& graph, const Node& resize) {
    for (const int axis : {2, 3}) {
        const auto sources = nearest_sources(graph, resize, axis);
        const auto& from = graph.value(resize.inputs[0]).shape;
        if (!sources || static_cast<std::int64_t>(sources->size()) != 2 * (*from)[static_cast<std::size_t>(axis)]) {
            return false;
        }
        for (std::size_t i = 0; i < sources->size(); ++i) {
            if ((*sources)[i] != static_cast<std::int32_t>(i / 2)) return false;
        }
    }
    return true;
}

}  // namespace octet
