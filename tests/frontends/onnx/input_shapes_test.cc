// Sizes for the dimensions that a model leaves open.

#include "frontends/onnx/input_shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ::testing::HasSubstr;
using testing::ModelBuilder;
using testing::set_shape;

// Inputs, each a name and what set_shape() takes.
ModelBuilder model(const std::vector<std::pair<std::string, std::string>>& inputs) {
    ModelBuilder builder;
    for (const auto& [name, text] : inputs) {
        builder.input(name, {});
        set_shape(*builder.graph().mutable_input()->rbegin(), text);
    }
    return builder;
}

std::string shapes(ModelBuilder builder, const ImportOptions& options) {
    const auto found = input_shapes(builder.graph(), options);
    if (!found) return found.error().message;
    std::string text;
    for (const auto& [name, shape] : *found)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, to_string(shape));
    return text;
}

ImportOptions by_name(std::map<std::string, std::int64_t> dimensions) {
    return {.dimensions = std::move(dimensions), .input_shapes = {}};
}

ImportOptions by_shape(std::map<std::string, Shape> shapes) {
    return {.dimensions = {}, .input_shapes = std::move(shapes)};
}

TEST(InputShapes, OpenDimensionsGetSizesByNameOrByInput) {
    const ModelBuilder named = model({{"x", "Nx3xHxW"}}), unnamed = model({{"x", "?x3x?x-1"}});
    EXPECT_EQ(shapes(named, by_name({{"H", 5}, {"W", 7}})), "x 1x3x5x7");
    EXPECT_EQ(shapes(named, by_name({{"H", 5}, {"W", 7}, {"N", 2}})), "x 2x3x5x7");
    EXPECT_EQ(shapes(named, by_shape({{"x", {4, 3, 8, 9}}})), "x 4x3x8x9");
    EXPECT_EQ(shapes(named, {.dimensions = {{"H", 8}}, .input_shapes = {{"x", {4, 3, 8, 9}}}}), "x 4x3x8x9");
    EXPECT_EQ(shapes(unnamed, by_shape({{"x", {1, 3, 8, 9}}})), "x 1x3x8x9");
    EXPECT_EQ(shapes(model({{"x", ""}}), by_shape({{"x", {2, 3}}})), "x 2x3");
    EXPECT_EQ(shapes(model({{"x", "N"}}), {}), "x 1");
    EXPECT_EQ(shapes(model({{"x", "2x3"}}), by_shape({{"x", {2, 3}}})), "x 2x3");
}

TEST(InputShapes, ANameMeansTheSameInEveryInput) {
    const ModelBuilder builder = model({{"ids", "batchxlength"}, {"mask", "batchxlength"}});
    EXPECT_EQ(shapes(builder, by_name({{"length", 9}})), "ids 1x9, mask 1x9");
    EXPECT_EQ(shapes(builder, by_shape({{"mask", {2, 8}}})), "ids 2x8, mask 2x8");
    EXPECT_EQ(shapes(builder, by_shape({{"ids", {2, 8}}, {"mask", {2, 9}}})),
              "input 'mask' given as 2x9: its dimension 1, 'length', is given as 8 too");
}

TEST(InputShapes, AQuestionMarkIsNoName) {
    const ModelBuilder builder = model({{"images", "1x3x?x?"}});
    EXPECT_EQ(shapes(builder, by_shape({{"images", {1, 3, 48, 192}}})), "images 1x3x48x192");
    EXPECT_EQ(shapes(builder, {}), "input 'images' has open dimensions: 1x3x?x?; add --shape images=1x3xHEIGHTxWIDTH");
}

TEST(InputShapes, WhatStaysOpenIsSaidWithTheOptionsToAdd) {
    EXPECT_EQ(shapes(model({{"images", "1x3xHxW"}}), {}),
              "input 'images' has open dimensions: 1x3xHxW; add --dim H=SIZE --dim W=SIZE, or --shape "
              "images=1x3xHEIGHTxWIDTH");
    EXPECT_EQ(shapes(model({{"images", "Nx3xSxS"}}), {}),
              "input 'images' has open dimensions: Nx3xSxS; add --dim S=SIZE, or --shape images=1x3xHEIGHTxWIDTH");
    EXPECT_EQ(shapes(model({{"images", "Nx3xHxW"}}), by_name({{"H", 64}})),
              "input 'images' has open dimensions: Nx3xHxW; add --dim W=SIZE, or --shape images=1x3x64xWIDTH");
    EXPECT_EQ(shapes(model({{"images", "?x3x?xW"}}), {}),
              "input 'images' has open dimensions: ?x3x?xW; add --shape images=1x3xHEIGHTxWIDTH");
    EXPECT_EQ(shapes(model({{"my ids", "batchxold length"}, {"fixed", "2"}, {"any", ""}}), {}),
              "input 'my ids' has open dimensions: batchxold length, input 'any' has no shape; add --shape "
              "'my ids=1xSIZE' --shape any=SIZExSIZE");
    EXPECT_EQ(shapes(model({{"x", "1xit's"}}), {}),
              "input 'x' has open dimensions: 1xit's; add --dim 'it'\\''s=SIZE', or --shape x=1xSIZE");
}

TEST(InputShapes, NamesThatTheModelLacksAreRefused) {
    const ModelBuilder builder = model({{"x", "Nx3xH"}, {"y", "2"}});
    EXPECT_EQ(shapes(builder, by_name({{"h", 5}})),
              "a size is given for 'h', but no open dimension has this name; the inputs are: 'x' Nx3xH, 'y' 2");
    EXPECT_EQ(shapes(model({{"x", "1x?"}}), by_name({{"", 5}})),
              "a size is given for '', but no open dimension has this name; the inputs are: 'x' 1x?");
    EXPECT_EQ(shapes(builder, by_shape({{"z", {1}}})),
              "a shape is given for 'z', but the inputs are: 'x' Nx3xH, 'y' 2");
    ModelBuilder with_weight = model({{"x", "1"}, {"w", "2"}});
    with_weight.floats("w", {2}, {1, 2});
    EXPECT_EQ(shapes(with_weight, by_shape({{"w", {2}}})), "a shape is given for 'w', but the inputs are: 'x' 1");
}

TEST(InputShapes, SizesThatContradictTheFileOrEachOtherAreRefused) {
    const ModelBuilder builder = model({{"x", "Nx3xHxH"}});
    EXPECT_EQ(shapes(builder, by_shape({{"x", {1, 4, 8, 8}}})),
              "input 'x' given as 1x4x8x8: its dimension 1 is fixed to 3");
    EXPECT_EQ(shapes(builder, by_shape({{"x", {3, 8, 8}}})),
              "input 'x' given as 3x8x8: it has 4 dimensions (Nx3xHxH), not 3");
    EXPECT_EQ(shapes(builder, by_shape({{"x", {1, 3, 8, 9}}})),
              "input 'x' given as 1x3x8x9: its dimension 3, 'H', is given as 8 too");
    EXPECT_EQ(shapes(builder, {.dimensions = {{"H", 4}}, .input_shapes = {{"x", {1, 3, 8, 8}}}}),
              "input 'x' given as 1x3x8x8: its dimension 2, 'H', is given as 4 too");
    EXPECT_EQ(shapes(builder, by_name({{"H", -5}})), "dimension 'H': -5 is not a size from 0 to 2147483647");
    EXPECT_EQ(shapes(builder, by_name({{"H", std::int64_t{1} << 40}})),
              "dimension 'H': 1099511627776 is not a size from 0 to 2147483647");
    EXPECT_EQ(shapes(builder, by_shape({{"x", {1, 3, -1, 8}}})),
              "input 'x' given as 1x3x-1x8: -1 is not a size from 0 to 2147483647");
    // Each size is one, all together are not.
    ModelBuilder huge = model({{"x", "1xHxW"}});
    huge.output("y").node("Relu", {"x"}, {"y"});
    const auto graph = huge.parse(by_name({{"H", 1 << 20}, {"W", 1 << 20}}));
    ASSERT_FALSE(graph);
    EXPECT_THAT(graph.error().message, HasSubstr("test.onnx: input 'x': shape 1x1048576x1048576 has more than"));
}

TEST(InputShapes, ANetworkForOtherSizesIsRefusedWithTheSizesGiven) {
    ModelBuilder builder = model({{"x", "1xH"}});
    builder.output("y");
    builder.integers("shape", {2}, {2, 8});
    builder.node("Reshape", {"x", "shape"}, {"y"}, "fold");
    EXPECT_TRUE(builder.parse(by_name({{"H", 16}})));
    const auto graph = builder.parse(by_name({{"H", 12}}));
    ASSERT_FALSE(graph);
    EXPECT_THAT(graph.error().message, HasSubstr("test.onnx: node 'fold' (Reshape): "));
    EXPECT_THAT(graph.error().message, HasSubstr("; the network may be made for other sizes than x=1x12"));
}

}  // namespace
}  // namespace octet::onnx
