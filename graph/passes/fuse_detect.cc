// The box decode of YOLO networks has as many spellings as there are exporters: in-place slice writes as ScatterND,
// slices and a Concat, shape arithmetic folded or not, boxes scaled before or after the levels are joined. So the graph
// only says where the decode begins and ends:
//
//   begin   one tensor [N, na·no, h, w] a level, made by something that is no arithmetic of the decode
//   end     [N, Σ na·h·w, no], as far down as the formula of Detect still holds
//
// and running it says what it is. On zeros s = σ(0) = 1/2, so the first row of a level reads xy = stride/2, and row
// a·h·w reads wh = anchor[a]: exactly, as the other terms are powers of two. Random values then confirm the formula.

#include <algorithm>
#include <array>
#include <cmath>

#include "graph/ops/evaluator.h"
#include "graph/passes/match.h"
#include "graph/passes/pass.h"
#include "graph/passes/region.h"

namespace octet {
namespace {

constexpr std::array<std::string_view, 23> decode_operators = {
    "Add",      "Cast", "Concat",    "ConstantOfShape", "Div",       "Equal", "Expand",  "Flatten", "Gather",
    "Identity", "Mul",  "Pow",       "Reshape",         "ScatterND", "Shape", "Sigmoid", "Slice",   "Split",
    "Squeeze",  "Sub",  "Transpose", "Unsqueeze",       "Where"};

bool is_decode_operator(std::string_view op) {
    return std::find(decode_operators.begin(), decode_operators.end(), op) != decode_operators.end();
}

struct Level {
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t first_row = 0;   // of its rows in the output
    double stride = 0;            // times the box scale
    std::vector<double> anchors;  // w, h of each anchor, times the box scale
};

struct Decode {
    std::int64_t batch = 0;
    std::int64_t anchors = 0;  // of a level
    std::int64_t columns = 0;  // 5 + classes
    std::vector<Level> levels;
};

// Checks the shapes of the sources against the output's.
std::optional<Decode> lay_out(const Graph& graph, const passes::Region& region, const Shape& output) {
    Decode decode{output[0], 0, output[2], {}};
    std::int64_t rows = 0;
    for (ValueId source : region.sources) {
        const Shape& s = *graph.value(source).shape;
        if (s[0] != output[0] || s[1] % output[2] != 0 || s[2] < 1 || s[3] < 1) return std::nullopt;
        const std::int64_t anchors = s[1] / output[2];
        if (anchors < 1 || (decode.anchors != 0 && anchors != decode.anchors)) return std::nullopt;
        decode.anchors = anchors;
        decode.levels.push_back({s[2], s[3], rows, 0, {}});
        rows += anchors * s[2] * s[3];
    }
    if (rows != output[1]) return std::nullopt;
    return decode;
}

bool read_parameters(const Tensor& zeros, Decode& decode) {
    const auto values = zeros.data<float>();
    const auto element = [&](std::int64_t row, std::int64_t column) {
        return static_cast<double>(values[static_cast<std::size_t>(row * decode.columns + column)]);
    };
    for (Level& level : decode.levels) {
        level.stride = 2 * element(level.first_row, 0);
        if (!std::isfinite(level.stride) || level.stride <= 0) return false;
        for (std::int64_t a = 0; a < decode.anchors; ++a) {
            for (std::int64_t column : {2, 3}) {
                const double anchor = element(level.first_row + a * level.height * level.width, column);
                if (!std::isfinite(anchor) || anchor <= 0) return false;
                level.anchors.push_back(anchor);
            }
        }
    }
    return true;
}

bool near(double a, double b) {
    return std::abs(a - b) <= 1e-5 * std::abs(b);
}

// The first 4-dimensional graph input that is not itself a level of the decode.
const Shape* image_shape(const Graph& graph, const passes::Region& region) {
    for (ValueId id : graph.inputs) {
        const auto& shape = graph.value(id).shape;
        const bool is_level = std::find(region.sources.begin(), region.sources.end(), id) != region.sources.end();
        if (shape && shape->size() == 4 && !is_level) return &*shape;
    }
    return nullptr;
}

// The factor near `scale` that the graph knows, as a constant or as the reciprocal of a constant or of the image's
// side.
std::optional<double> known_factor(const Graph& region, const Shape& image, double scale) {
    for (std::size_t i = 0; i < region.value_count(); ++i) {
        const Tensor* constant = region.constant(static_cast<ValueId>(i));
        if (!constant || constant->dtype() != DType::float32) continue;
        for (float c : constant->data<float>()) {
            if (near(c, scale)) return c;
            if (c != 0 && near(1.0 / c, scale)) return 1.0 / c;
        }
    }
    for (std::int64_t side : {image[2], image[3]}) {
        if (near(1.0 / static_cast<double>(side), scale)) return 1.0 / static_cast<double>(side);
    }
    return std::nullopt;
}

// Running the decode tells strides and anchors times the box scale only. Where the graph has an image that each level
// divides, image over level is the stride and what remains is the scale. It is believed when all levels agree on it and
// the graph knows it; the strides are then set to the whole numbers that they are.
double split_off_box_scale(const Graph& graph, const passes::Region& region, Decode& decode) {
    const Shape* image = image_shape(graph, region);
    if (!image) return 1;
    std::vector<double> strides;
    for (const Level& level : decode.levels) {
        const std::int64_t stride = (*image)[2] / level.height;
        if (stride < 1 || stride * level.height != (*image)[2] || stride * level.width != (*image)[3]) return 1;
        strides.push_back(static_cast<double>(stride));
    }
    const double found = decode.levels[0].stride / strides[0];
    for (std::size_t i = 0; i < strides.size(); ++i) {
        if (!near(decode.levels[i].stride / strides[i], found)) return 1;
    }
    const auto scale = near(found, 1) ? std::nullopt : known_factor(region.graph, *image, found);
    if (!scale) return 1;
    for (std::size_t i = 0; i < strides.size(); ++i) decode.levels[i].stride = strides[i] * *scale;
    return *scale;
}

Attributes detect_attributes(const Decode& decode, double box_scale) {
    std::vector<float> strides;
    std::vector<float> anchors;
    for (const Level& level : decode.levels) {
        strides.push_back(static_cast<float>(level.stride / box_scale));
        for (double anchor : level.anchors) anchors.push_back(static_cast<float>(anchor / box_scale));
    }
    return {{"strides", strides}, {"anchors", anchors}, {"box_scale", static_cast<float>(box_scale)}};
}

// What one unit of a column is worth; an error of 1e-4 of it, or of the value, is rounding.
double unit_of(const Level& level, std::int64_t row, std::int64_t column) {
    if (column < 2) return level.stride;
    if (column > 3) return 0.1;
    const std::int64_t anchor = row / (level.height * level.width);
    return level.anchors[static_cast<std::size_t>(2 * anchor + column - 2)];
}

bool agrees(const Tensor& found, const Tensor& wanted, const Decode& decode) {
    if (found.shape() != wanted.shape() || found.dtype() != wanted.dtype()) return false;
    const auto a = found.data<float>();
    const auto b = wanted.data<float>();
    std::size_t i = 0;
    for (std::int64_t n = 0; n < decode.batch; ++n) {
        for (const Level& level : decode.levels) {
            for (std::int64_t row = 0; row < decode.anchors * level.height * level.width; ++row) {
                for (std::int64_t column = 0; column < decode.columns; ++column, ++i) {
                    const double unit = std::max(unit_of(level, row, column), std::abs(double{b[i]}));
                    if (!(std::abs(double{a[i]} - double{b[i]}) <= 1e-4 * unit)) return false;
                }
            }
        }
    }
    return true;
}

bool confirmed(const passes::Region& region, const Decode& decode, const Attributes& attributes) {
    std::vector<Tensor> inputs;
    std::vector<const Tensor*> pointers;
    Node detect{"Detect", "detect", {}, {0}, attributes, false};
    for (ValueId source : region.graph.inputs) {
        inputs.push_back(passes::random_tensor(*region.graph.value(source).shape, 3, 11));
        detect.inputs.push_back(source);
    }
    for (const Tensor& input : inputs) pointers.push_back(&input);
    const auto found = passes::run_region(region.graph, inputs);
    const auto wanted = evaluate_node(detect, pointers);
    return found && wanted && agrees(*found, wanted->front(), decode);
}

bool fuse(Graph& graph, NodeId id) {
    const Node& node = graph.node(id);
    if (!is_decode_operator(node.op)) return false;
    const ValueId output = node.outputs[0];
    if (output == no_value) return false;
    const Value& value = graph.value(output);
    if (node.outputs.size() != 1 || value.dtype != DType::float32 || !value.shape) return false;
    const Shape shape = *value.shape;
    if (shape.size() != 3 || shape[2] < 5 || element_count(shape).value_or(0) == 0) return false;

    const auto is_source = [&](ValueId candidate) {
        const Value& v = graph.value(candidate);
        if (v.dtype != DType::float32 || !v.shape || v.shape->size() != 4) return false;
        return v.producer == no_node || !is_decode_operator(graph.node(v.producer).op);
    };
    const auto region = passes::cut_region(graph, output, {decode_operators, is_source});
    if (!region) return false;
    auto decode = lay_out(graph, *region, shape);
    if (!decode) return false;
    std::vector<Tensor> zeros;
    for (ValueId source : region->sources) zeros.emplace_back(DType::float32, *graph.value(source).shape);
    const auto at_zero = passes::run_region(region->graph, zeros);
    if (!at_zero || at_zero->shape() != shape || !read_parameters(*at_zero, *decode)) return false;
    const double box_scale = split_off_box_scale(graph, *region, *decode);
    const Attributes attributes = detect_attributes(*decode, box_scale);
    if (!confirmed(*region, *decode, attributes)) return false;
    passes::produce_instead(graph, output, "Detect", node.name + "_detect", region->sources, attributes);
    return true;
}

}  // namespace

int fuse_detect(Graph& graph) {
    return passes::rewrite_each(graph, passes::Order::consumers_first,
                                [&](NodeId id, const passes::Uses&) { return fuse(graph, id); });
}

}  // namespace octet
