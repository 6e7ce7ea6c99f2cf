#include "graph/ops/resize_sources.h"

#include "graph/ops/resize_plan.h"

namespace octet {

bool copies_values(const Node& resize) {
    const auto attributes = ops::resize_attributes(resize);
    return attributes && attributes->mode == ops::ResizeMode::nearest &&
           attributes->transform != ops::ResizeTransform::tf_crop_and_resize;
}

bool interpolates_linearly(const Node& resize) {
    const auto attributes = ops::resize_attributes(resize);
    return attributes && attributes->mode == ops::ResizeMode::linear && !attributes->antialias &&
           attributes->transform != ops::ResizeTransform::tf_crop_and_resize;
}

namespace {

// Rows or columns, where nothing else is resized.
Result<ops::ResizeAxis> image_axis(const Graph& graph, const Node& resize, int axis) {
    const auto& shape = graph.value(resize.inputs[0]).shape;
    if (!shape || shape->size() != 4) return fail(ErrorCode::unsupported, "resizes no picture");
    std::vector<const Tensor*> arguments(4, nullptr);
    for (std::size_t i = 2; i < resize.inputs.size(); ++i) {
        if (resize.inputs[i] == no_value) continue;
        arguments[i] = graph.constant(resize.inputs[i]);
        if (!arguments[i]) return fail(ErrorCode::unsupported, "its size is no constant");
    }
    ops::ResizeInputs given;
    if (arguments[2]) given.scales = arguments[2]->to_float();
    if (arguments[3]) given.sizes = arguments[3]->to_int64();
    OCTET_ASSIGN(const auto axes, ops::resize_axes(resize, *shape, given));
    if (!axes[0].is_copied() || !axes[1].is_copied()) {
        return fail(ErrorCode::unsupported, "resizes more than rows and columns");
    }
    return axes[static_cast<std::size_t>(axis)];
}

}  // namespace

Result<std::vector<std::int32_t>> nearest_sources(const Graph& graph, const Node& resize, int axis) {
    OCTET_ASSIGN(const ops::ResizeAttributes attributes, ops::resize_attributes(resize));
    if (!copies_values(resize)) return fail(ErrorCode::unsupported, "makes new values");
    OCTET_ASSIGN(const ops::ResizeAxis along, image_axis(graph, resize, axis));
    std::vector<std::int32_t> sources;
    for (std::int64_t o = 0; o < along.out; ++o) {
        sources.push_back(static_cast<std::int32_t>(ops::nearest_source(attributes, along, o)));
    }
    return sources;
}

Result<std::vector<LinearSource>> linear_sources(const Graph& graph, const Node& resize, int axis) {
    OCTET_ASSIGN(const ops::ResizeAttributes attributes, ops::resize_attributes(resize));
    if (!interpolates_linearly(resize)) return fail(ErrorCode::unsupported, "is no linear interpolation");
    OCTET_ASSIGN(const ops::ResizeAxis along, image_axis(graph, resize, axis));
    std::vector<LinearSource> sources;
    for (std::int32_t o = 0; o < along.out; ++o) {
        if (along.is_copied()) {
            sources.push_back({o, o, 0});
            continue;
        }
        const auto taps = ops::resize_taps(attributes, along, o);
        if (taps.empty() || taps.size() > 2) return fail(ErrorCode::unsupported, "is no linear interpolation");
        sources.push_back({static_cast<std::int32_t>(taps.front().index), static_cast<std::int32_t>(taps.back().index),
                           taps.size() == 2 ? taps.back().weight : 0.0});
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
