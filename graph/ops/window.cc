#include "graph/ops/window.h"

#include <algorithm>

namespace octet::ops {
namespace {

constexpr std::int64_t max_parameter = max_elements;

Extent widen(const std::vector<std::int64_t>& values, std::int64_t filler) {
    Extent extent = {filler, filler, filler};
    std::copy(values.begin(), values.end(), extent.end() - static_cast<std::ptrdiff_t>(values.size()));
    return extent;
}

// Pads that make the output ceil(input / stride); the odd one comes last (SAME_UPPER) or first (SAME_LOWER).
void pad_same(Window& w, std::size_t d, bool upper) {
    const std::int64_t out = (w.in[d] + w.stride[d] - 1) / w.stride[d];
    const std::int64_t extent = w.dilation[d] * (w.kernel[d] - 1) + 1;
    const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * w.stride[d] + extent - w.in[d]);
    w.pad_begin[d] = upper ? total / 2 : total - total / 2;
    w.pad_end[d] = total - w.pad_begin[d];
}

Result<void> set_output(Window& w, std::size_t d, bool ceil) {
    const std::int64_t extent = w.dilation[d] * (w.kernel[d] - 1) + 1;
    const std::int64_t room = w.in[d] + w.pad_begin[d] + w.pad_end[d] - extent;
    if (room < 0) {
        return fail(ErrorCode::invalid_model, "a kernel that spans {} does not fit an input of {} with pads {} and {}",
                    extent, w.in[d], w.pad_begin[d], w.pad_end[d]);
    }
    w.out[d] = room / w.stride[d] + 1;
    if (ceil && room % w.stride[d] != 0) {
        // The last window has to start inside of the input or its leading padding.
        if (w.out[d] * w.stride[d] < w.in[d] + w.pad_begin[d]) ++w.out[d];
    }
    return {};
}

}  // namespace

bool Window::pointwise() const {
    const Extent zeros = {0, 0, 0};
    const Extent ones = {1, 1, 1};
    return kernel == ones && stride == ones && pad_begin == zeros && pad_end == zeros;
}

Shape Window::output_shape(const Shape& input, std::int64_t channels) const {
    Shape shape = {input[0], channels};
    shape.insert(shape.end(), out.end() - static_cast<std::ptrdiff_t>(input.size() - 2), out.end());
    return shape;
}

Result<Window> make_window(const Node& node, const Shape& input, const Shape& kernel) {
    if (input.size() < 3 || input.size() > 5) {
        return fail(ErrorCode::unsupported, "input 0 has shape {}; one to three spatial dimensions are supported",
                    to_string(input));
    }
    const std::size_t rank = input.size() - 2;
    for (std::int64_t k : kernel) {
        if (k < 1) return fail(ErrorCode::invalid_model, "kernel {} has an empty dimension", to_string(kernel));
    }
    OCTET_ASSIGN(const auto strides, integers_in(node, "strides", rank, 1, 1, max_parameter));
    OCTET_ASSIGN(const auto dilations, integers_in(node, "dilations", rank, 1, 1, max_parameter));
    OCTET_ASSIGN(const auto pads, integers_in(node, "pads", 2 * rank, 0, 0, max_parameter));
    Window w;
    w.in = widen({input.begin() + 2, input.end()}, 1);
    w.out = {1, 1, 1};
    w.kernel = widen(kernel, 1);
    w.stride = widen(strides, 1);
    w.dilation = widen(dilations, 1);
    w.pad_begin = widen({pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank)}, 0);
    w.pad_end = widen({pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end()}, 0);
    const std::string auto_pad = node.attributes.text("auto_pad", "NOTSET");
    if (auto_pad != "NOTSET" && auto_pad != "VALID" && auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER") {
        return fail(ErrorCode::invalid_model, "attribute auto_pad is '{}'", auto_pad);
    }
    const bool ceil = node.attributes.integer("ceil_mode", 0) != 0;
    for (std::size_t d = 3 - rank; d < 3; ++d) {
        if (auto_pad == "VALID") w.pad_begin[d] = w.pad_end[d] = 0;
        if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") pad_same(w, d, auto_pad == "SAME_UPPER");
        OCTET_TRY(set_output(w, d, ceil));
    }
    return w;
}

void write_window(const Window& window, std::size_t rank, Node& node) {
    const auto spatial = [&](const Extent& extent) {
        return std::vector<std::int64_t>(extent.end() - static_cast<std::ptrdiff_t>(rank), extent.end());
    };
    node.attributes.set("kernel_shape", spatial(window.kernel));
    node.attributes.set("strides", spatial(window.stride));
    node.attributes.set("dilations", spatial(window.dilation));
    std::vector<std::int64_t> pads = spatial(window.pad_begin);
    const std::vector<std::int64_t> ends = spatial(window.pad_end);
    pads.insert(pads.end(), ends.begin(), ends.end());
    node.attributes.set("pads", std::move(pads));
    node.attributes.erase("auto_pad");
}

Result<Window> pool_window(const Node& node, const Shape& input) {
    if (input.size() < 3) {
        return fail(ErrorCode::invalid_model, "input 0 has shape {}, but has to be [N, C, …]", to_string(input));
    }
    if (!node.attributes.has("kernel_shape"))
        return fail(ErrorCode::invalid_model, "attribute kernel_shape is missing");
    OCTET_ASSIGN(const Shape kernel, integers_in(node, "kernel_shape", input.size() - 2, 1, 1, max_parameter));
    return make_window(node, input, kernel);
}

void resolve_pool(Node& node, std::span<const TensorType* const> inputs) {
    const Shape& x = inputs[0]->shape;
    if (const auto window = pool_window(node, x)) write_window(*window, x.size() - 2, node);
}

}  // namespace octet::ops
