#include "graph/ops/resize_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "graph/ir/arithmetic.h"
#include "graph/ops/check.h"

namespace octet::ops {
namespace {

template <typename E, std::size_t size>
Result<E> named(const Node& node, const char* attribute, const std::array<std::pair<std::string_view, E>, size>& names,
                std::string_view fallback) {
    const std::string given = node.attributes.text(attribute, std::string(fallback));
    for (const auto& [name, value] : names) {
        if (name == given) return value;
    }
    return fail(ErrorCode::unsupported, "{} '{}' is not supported", attribute, given);
}

constexpr std::array modes = {std::pair{std::string_view("nearest"), ResizeMode::nearest},
                              std::pair{std::string_view("linear"), ResizeMode::linear},
                              std::pair{std::string_view("cubic"), ResizeMode::cubic}};
constexpr std::array transforms = {
    std::pair{std::string_view("half_pixel"), ResizeTransform::half_pixel},
    std::pair{std::string_view("pytorch_half_pixel"), ResizeTransform::pytorch_half_pixel},
    std::pair{std::string_view("half_pixel_symmetric"), ResizeTransform::half_pixel_symmetric},
    std::pair{std::string_view("align_corners"), ResizeTransform::align_corners},
    std::pair{std::string_view("asymmetric"), ResizeTransform::asymmetric},
    std::pair{std::string_view("tf_crop_and_resize"), ResizeTransform::tf_crop_and_resize}};
constexpr std::array nearest_modes = {
    std::pair{std::string_view("round_prefer_floor"), NearestMode::round_prefer_floor},
    std::pair{std::string_view("round_prefer_ceil"), NearestMode::round_prefer_ceil},
    std::pair{std::string_view("floor"), NearestMode::floor}, std::pair{std::string_view("ceil"), NearestMode::ceil}};

Result<void> apply_sizes(const Node& node, const std::vector<std::int64_t>& axes,
                         const std::vector<std::int64_t>& sizes, std::vector<ResizeAxis>& plan) {
    const std::string policy = node.attributes.text("keep_aspect_ratio_policy", "stretch");
    if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller") {
        return fail(ErrorCode::invalid_model, "attribute keep_aspect_ratio_policy is '{}'", policy);
    }
    float least = std::numeric_limits<float>::infinity(), most = 0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        ResizeAxis& axis = plan[static_cast<std::size_t>(axes[i])];
        if (sizes[i] < 1 || sizes[i] > max_elements || axis.in < 1) {
            return fail(ErrorCode::invalid_model, "cannot resize a dimension of {} to {}", axis.in, sizes[i]);
        }
        axis.out = sizes[i];
        axis.scale = static_cast<float>(axis.out) / static_cast<float>(axis.in);
        least = std::min(least, axis.scale);
        most = std::max(most, axis.scale);
    }
    if (policy == "stretch") return {};
    for (const std::int64_t a : axes) {
        ResizeAxis& axis = plan[static_cast<std::size_t>(a)];
        axis.scale = policy == "not_larger" ? least : most;
        axis.out = convert<std::int64_t>(std::round(axis.scale * static_cast<float>(axis.in)));
    }
    return {};
}

Result<void> apply_scales(const std::vector<std::int64_t>& axes, const std::vector<float>& scales,
                          std::vector<ResizeAxis>& plan) {
    for (std::size_t i = 0; i < axes.size(); ++i) {
        ResizeAxis& axis = plan[static_cast<std::size_t>(axes[i])];
        axis.scale = scales[i];
        if (axis.scale == 1) continue;
        const float out = std::floor(static_cast<float>(axis.in) * axis.scale);
        if (!(axis.scale > 0) || !(out >= 1) || out > static_cast<float>(max_elements)) {
            return fail(ErrorCode::invalid_model, "cannot resize a dimension of {} by {}", axis.in, axis.scale);
        }
        axis.out = static_cast<std::int64_t>(out);
    }
    return {};
}

float input_coordinate(const ResizeAttributes& attributes, const ResizeAxis& axis, std::int64_t o) {
    const auto position = static_cast<float>(o);
    if (axis.scale == 1) return position;
    const auto in = static_cast<float>(axis.in);
    const auto out = static_cast<float>(axis.out);
    switch (attributes.transform) {
        case ResizeTransform::asymmetric:
            return position / axis.scale;
        case ResizeTransform::align_corners:
            return axis.out == 1 ? 0 : position * (in - 1) / (out - 1);
        case ResizeTransform::tf_crop_and_resize:
            if (axis.out == 1) return static_cast<float>(0.5 * (axis.start + axis.end) * (in - 1));
            return axis.start * (in - 1) + position * (axis.end - axis.start) * (in - 1) / (out - 1);
        case ResizeTransform::half_pixel_symmetric: {
            const float shift = in / 2 * (1 - out / (axis.scale * in));
            return static_cast<float>(shift + (position + 0.5) / axis.scale - 0.5);
        }
        case ResizeTransform::pytorch_half_pixel:
            if (axis.out == 1) return 0;
            break;
        case ResizeTransform::half_pixel:
            break;
    }
    return (position + 0.5F) / axis.scale - 0.5F;
}

bool is_outside(const ResizeAttributes& attributes, const ResizeAxis& axis, float coordinate) {
    return attributes.transform == ResizeTransform::tf_crop_and_resize &&
           !(coordinate >= 0 && coordinate <= static_cast<float>(axis.in - 1));  // also what is not a number
}

float nearest_position(NearestMode mode, float coordinate) {
    switch (mode) {
        case NearestMode::floor:
            return std::floor(coordinate);
        case NearestMode::ceil:
            return std::ceil(coordinate);
        case NearestMode::round_prefer_floor:
        case NearestMode::round_prefer_ceil:
            break;
    }
    constexpr float half_tolerance = 1e-6F;
    const float below = std::floor(coordinate);
    const float beyond_half = coordinate - below - 0.5F;  // exact
    if (std::abs(beyond_half) < half_tolerance) return mode == NearestMode::round_prefer_floor ? below : below + 1;
    return beyond_half < 0 ? below : below + 1;
}

double kernel_value(const ResizeAttributes& attributes, double distance) {
    const double d = std::abs(distance);
    if (attributes.mode == ResizeMode::linear) return std::max(0.0, 1 - d);
    // Keys' cubic convolution with parameter a.
    const double a = attributes.cubic_a;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

}  // namespace

Result<ResizeAttributes> resize_attributes(const Node& node) {
    ResizeAttributes a;
    OCTET_ASSIGN(a.mode, named(node, "mode", modes, "nearest"));
    OCTET_ASSIGN(a.transform, named(node, "coordinate_transformation_mode", transforms, "half_pixel"));
    OCTET_ASSIGN(a.nearest, named(node, "nearest_mode", nearest_modes, "round_prefer_floor"));
    a.cubic_a = node.attributes.real("cubic_coeff_a", -0.75F);
    a.extrapolation = node.attributes.real("extrapolation_value", 0.0F);
    a.antialias = node.attributes.integer("antialias", 0) != 0;
    a.exclude_outside = node.attributes.integer("exclude_outside", 0) != 0;
    return a;
}

Result<std::vector<ResizeAxis>> resize_axes(const Node& node, const Shape& shape, const ResizeInputs& given) {
    OCTET_ASSIGN(const ResizeAttributes attributes, resize_attributes(node));
    std::vector<std::int64_t> axes = node.attributes.integers("axes");
    if (!node.attributes.has("axes")) {
        for (std::size_t d = 0; d < shape.size(); ++d) axes.push_back(static_cast<std::int64_t>(d));
    }
    OCTET_ASSIGN(axes, normalize_axes(axes, static_cast<std::int64_t>(shape.size())));
    std::vector<ResizeAxis> plan;
    for (const std::int64_t extent : shape) plan.push_back({extent, extent});
    if (attributes.transform == ResizeTransform::tf_crop_and_resize) {
        if (given.roi.size() != 2 * axes.size()) {
            return fail(ErrorCode::invalid_model, "tf_crop_and_resize needs a region of {} values, got {}",
                        2 * axes.size(), given.roi.size());
        }
        for (std::size_t i = 0; i < axes.size(); ++i) {
            plan[static_cast<std::size_t>(axes[i])].start = given.roi[i];
            plan[static_cast<std::size_t>(axes[i])].end = given.roi[axes.size() + i];
        }
    }
    if (given.scales.empty() == given.sizes.empty()) {
        return fail(ErrorCode::invalid_model, "exactly one of scales and sizes has to be given");
    }
    if (std::max(given.scales.size(), given.sizes.size()) != axes.size()) {
        return fail(ErrorCode::invalid_model, "{} scales or sizes are given for {} axes",
                    std::max(given.scales.size(), given.sizes.size()), axes.size());
    }
    OCTET_TRY(given.sizes.empty() ? apply_scales(axes, given.scales, plan)
                                  : apply_sizes(node, axes, given.sizes, plan));
    const auto keeps_length = [](const ResizeAxis& axis) { return axis.in == axis.out; };
    const bool keeps_shape = std::ranges::all_of(plan, keeps_length);
    for (ResizeAxis& axis : plan) {
        if (keeps_shape || (attributes.antialias && keeps_length(axis))) axis.scale = 1;
    }
    return plan;
}

std::int64_t nearest_source(const ResizeAttributes& attributes, const ResizeAxis& axis, std::int64_t o) {
    const float x = input_coordinate(attributes, axis, o);
    if (is_outside(attributes, axis, x)) return -1;
    const float position = nearest_position(attributes.nearest, x);
    return convert<std::int64_t>(std::clamp(position, 0.0F, static_cast<float>(axis.in - 1)));
}

std::vector<ResizeTap> resize_taps(const ResizeAttributes& attributes, const ResizeAxis& axis, std::int64_t o) {
    const double x = input_coordinate(attributes, axis, o);
    if (is_outside(attributes, axis, static_cast<float>(x))) return {};
    const std::int64_t last = axis.in - 1;
    // Shrinking with antialias stretches the kernel over the input that one output stands for.
    const double stretch = attributes.antialias ? std::min(1.0F, axis.scale) : 1.0F;
    const double radius = (attributes.mode == ResizeMode::linear ? 1 : 2) / stretch;
    std::vector<ResizeTap> taps;
    double sum = 0;
    for (auto i = convert<std::int64_t>(std::floor(x - radius)) + 1; static_cast<double>(i) < x + radius; ++i) {
        if ((i < 0 || i > last) && attributes.exclude_outside) continue;
        const double weight = kernel_value(attributes, (static_cast<double>(i) - x) * stretch);
        taps.push_back({std::clamp(i, std::int64_t{0}, last), weight});
        sum += weight;
    }
    for (ResizeTap& tap : taps) tap.weight /= sum;
    return taps;
}

}  // namespace octet::ops
