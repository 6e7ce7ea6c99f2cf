// The expected numbers are ONNX Runtime's.

#include <gtest/gtest.h>

#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"
#include "graph/ops/resize_sources.h"

namespace octet {
namespace {

// One row of pixels with the given values, resized.
Graph row_graph(const std::vector<float>& pixels, std::variant<float, std::int64_t> to, Attributes attributes) {
    Graph graph;
    const auto width = static_cast<std::int64_t>(pixels.size());
    const ValueId x = graph.add_input("x", DType::float32, {1, 1, 1, width});
    std::vector<ValueId> inputs = {x, no_value};
    if (const float* scale = std::get_if<float>(&to)) {
        inputs.push_back(graph.add_constant("scales", Tensor::from<float>({4}, {1, 1, 1, *scale})));
    } else {
        inputs.push_back(no_value);
        const Tensor sizes = Tensor::from<std::int64_t>({4}, {1, 1, 1, std::get<std::int64_t>(to)});
        inputs.push_back(graph.add_constant("sizes", sizes));
    }
    graph.outputs = graph.node(graph.add_node("Resize", "resize", inputs, {"y"}, std::move(attributes))).outputs;
    const auto inferred = infer_shapes(graph);
    EXPECT_TRUE(inferred.has_value()) << (inferred ? "" : inferred.error().message);
    return graph;
}

std::vector<float> resized(const Graph& graph, const std::vector<float>& pixels) {
    const Tensor x = Tensor::from<float>({1, 1, 1, static_cast<std::int64_t>(pixels.size())}, pixels);
    const auto outputs = evaluate(graph, std::span(&x, 1));
    if (!outputs) ADD_FAILURE() << outputs.error().message;
    return outputs ? outputs->front().to_float() : std::vector<float>{};
}

struct NearestCase {
    std::string transform, rounding;
    std::int64_t width;
    std::variant<float, std::int64_t> to;
    std::vector<std::int32_t> sources;
};

// Coordinates at ties and within float32's rounding of them.
TEST(Resize, NearestAtTies) {
    const NearestCase cases[] = {
        {"asymmetric", "floor", 10, 0.6F, {0, 1, 3, 5, 6, 8}},
        {"asymmetric", "floor", 13, 1.1F, {0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11}},
        {"asymmetric", "ceil", 10, 0.6F, {0, 2, 4, 5, 7, 9}},
        {"asymmetric", "ceil", 7, 1.4F, {0, 1, 2, 3, 3, 4, 5, 5, 6}},
        {"asymmetric", "round_prefer_ceil", 9, 1.2F, {0, 1, 2, 3, 3, 4, 5, 6, 7, 8}},
        {"asymmetric", "round_prefer_floor", 9, 1.2F, {0, 1, 2, 2, 3, 4, 5, 6, 7, 7}},
        {"half_pixel", "round_prefer_floor", 9, 0.6F, {0, 2, 4, 5, 7}},
        {"half_pixel", "round_prefer_ceil", 17, 0.3F, {1, 5, 8, 11, 15}},
        {"half_pixel", "round_prefer_floor", 7, 1.5F, {0, 0, 1, 2, 2, 3, 4, 4, 5, 6}},
        {"half_pixel", "floor", 7, 2.3F, {0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6}},
        {"half_pixel", "ceil", 7, 2.3F, {0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6}},
        {"half_pixel_symmetric", "ceil", 10, 0.7F, {1, 2, 4, 5, 6, 8, 9}},
        {"pytorch_half_pixel", "ceil", 9, 0.15F, {0}},
        {"align_corners", "floor", 7, 2.3F, {0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6}},
        {"align_corners", "round_prefer_floor", 10, 0.7F, {0, 1, 3, 4, 6, 7, 9}},
        {"align_corners", "ceil", 6, std::int64_t{11}, {0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5}},
    };
    for (const NearestCase& c : cases) {
        SCOPED_TRACE(c.transform + " " + c.rounding + ", " + std::to_string(c.width) + " pixels");
        std::vector<float> ramp(static_cast<std::size_t>(c.width));
        for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i);
        const Attributes attributes = {{"coordinate_transformation_mode", c.transform}, {"nearest_mode", c.rounding}};
        const Graph graph = row_graph(ramp, c.to, attributes);
        EXPECT_EQ(resized(graph, ramp), std::vector<float>(c.sources.begin(), c.sources.end()));
        // What engines copy.
        const auto columns = nearest_sources(graph, graph.node(graph.producer(graph.outputs[0])), 3);
        ASSERT_TRUE(columns.has_value()) << columns.error().message;
        EXPECT_EQ(*columns, c.sources);
    }
}

TEST(Resize, InterpolatesByFractionalScales) {
    struct Case {
        std::string transform, mode, option;
        float scale;
        std::vector<float> expected;
    };
    const Case cases[] = {
        {"align_corners", "linear", "", 1.6F, {0, 0.625F, 1.75F, 3.625F, 6.5F, 9.875F, 14.25F, 19.375F, 25}},
        {"align_corners", "cubic", "", 0.6F, {0, 6.125F, 25}},
        {"asymmetric", "linear", "", 0.45F, {0, 5.11111F}},
        {"half_pixel_symmetric", "linear", "", 1.6F, {0, 0.625F, 1.75F, 3.625F, 6.5F, 9.875F, 14.25F, 19.375F, 25}},
        {"half_pixel", "linear", "antialias", 0.45F, {1.05682F, 8.64045F}},
        {"half_pixel", "cubic", "antialias", 0.45F, {0.349786F, 8.38095F}},
        {"half_pixel",
         "cubic",
         "exclude_outside",
         1.6F,
         {-0.111006F, 0.16992F, 1.17651F, 2.61938F, 5.44165F, 8.47144F, 12.4607F, 18.2673F, 23.7891F}},
    };
    const std::vector<float> pixels = {0, 1, 4, 9, 16, 25};
    for (const Case& c : cases) {
        SCOPED_TRACE(c.transform + " " + c.mode + " " + c.option);
        Attributes attributes = {{"coordinate_transformation_mode", c.transform}, {"mode", c.mode}};
        if (!c.option.empty()) attributes.set(c.option, std::int64_t{1});
        const auto actual = resized(row_graph(pixels, c.scale, attributes), pixels);
        ASSERT_EQ(actual.size(), c.expected.size());
        for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], c.expected[i], 1e-4) << i;
    }
}

TEST(Resize, LengthsAreFloat32Products) {
    const std::vector<float> pixels(10, 1.0F);
    EXPECT_EQ(resized(row_graph(pixels, 2.3F, {}), pixels).size(), 23U) << "2.3F is less than 2.3";
    EXPECT_EQ(resized(row_graph(pixels, 0.7F, {}), pixels).size(), 7U);
}

TEST(Resize, CopiesWhatKeepsItsShape) {
    const std::vector<float> pixels = {1, 5};
    const Attributes attributes = {{"coordinate_transformation_mode", "asymmetric"}, {"mode", "linear"}};
    EXPECT_EQ(resized(row_graph(pixels, 1.25F, attributes), pixels), pixels);
}

TEST(NearestSources, RefuseWhatIsNoCopyOfPixels) {
    const std::vector<float> pixels = {1, 5};
    for (const Attributes& attributes : {Attributes{{"mode", "linear"}}, Attributes{{"mode", "cubic"}}}) {
        const Graph graph = row_graph(pixels, 2.0F, attributes);
        const Node& resize = graph.node(graph.producer(graph.outputs[0]));
        EXPECT_FALSE(copies_values(resize));
        EXPECT_FALSE(nearest_sources(graph, resize, 3).has_value());
    }
    // What lies outside of the crop is a new value.
    EXPECT_FALSE(
        copies_values({"Resize", "r", {}, {}, {{"coordinate_transformation_mode", "tf_crop_and_resize"}}, false}));
}

}  // namespace
}  // namespace octet
