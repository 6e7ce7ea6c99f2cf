#include "graph/ops/infer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/ops/evaluator.h"
#include "graph/ops/op_list.h"

namespace octet {
namespace {

using Ints = std::vector<std::int64_t>;

ValueId integers(Graph& graph, const std::string& name, const Ints& values) {
    return graph.add_constant(name, Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
}

// One node "n" over inputs of the given shapes; the error, or the output's shape.
std::string infer_one(const std::string& op, const std::vector<Shape>& inputs, Attributes attributes = {},
                      const std::vector<Ints>& constants = {}) {
    Graph graph;
    std::vector<ValueId> ids;
    for (const Shape& shape : inputs) {
        ids.push_back(graph.add_input(fmt::format("x{}", ids.size()), DType::float32, shape));
    }
    for (const Ints& values : constants) ids.push_back(integers(graph, fmt::format("c{}", ids.size()), values));
    const NodeId node = graph.add_node(op, "n", ids, {"y"}, std::move(attributes));
    graph.outputs = graph.node(node).outputs;
    const auto result = infer_shapes(graph);
    return result ? to_string(*graph.value(graph.outputs[0]).shape) : result.error().message;
}

TEST(OpList, IsSortedAndComplete) {
    const auto list = op_list();
    EXPECT_TRUE(std::is_sorted(list.begin(), list.end(), [](auto* a, auto* b) { return a->name < b->name; }));
    for (const OpDef* def : list) {
        EXPECT_EQ(find_op(def->name), def);
        EXPECT_TRUE(def->infer && def->evaluate) << def->name;
    }
    EXPECT_EQ(find_op("NoSuchOperator"), nullptr);
}

TEST(Infer, ReportsAllUnknownOperatorsAtOnce) {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {1});
    graph.add_node("Warp", "warp_1", {x}, {"a"});
    graph.add_node("Relu", "relu", {x}, {"b"});
    graph.add_node("Fold", "fold", {x}, {"c"});
    graph.add_node("Warp", "warp_2", {x}, {"d"});
    const auto result = infer_shapes(graph);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::unsupported);
    EXPECT_EQ(result.error().message, "unsupported operators (operator: nodes):\n  Fold: fold\n  Warp: warp_1, warp_2");
}

TEST(Infer, ResolvesShapeArithmeticWithoutFolding) {
    // Reshape(x, Concat(Shape(x)[0:1], [-1]))
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {2, 3, 4});
    const auto node = [&](const char* op, std::vector<ValueId> inputs, Attributes attributes = {}) {
        const std::string name = graph.unique_name(op);
        return graph.node(graph.add_node(op, name, std::move(inputs), {name + "_out"}, std::move(attributes)))
            .outputs[0];
    };
    const ValueId shape = node("Shape", {x});
    const ValueId batch = node("Gather", {shape, integers(graph, "zero", {0})});
    const ValueId rest = integers(graph, "rest", {-1});
    const ValueId wanted = node("Concat", {batch, rest}, {{"axis", std::int64_t{0}}});
    const ValueId y = node("Reshape", {x, wanted});
    graph.outputs = {y};
    const auto result = infer_shapes(graph);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(graph.value(y).shape, (Shape{2, 12}));
    EXPECT_EQ(graph.value(shape).dtype, DType::int64);
}

TEST(Infer, SaysThatAShapeKnownOnlyAtRunTimeIsUnsupported) {
    Graph graph;
    const ValueId x = graph.add_input("x", DType::float32, {2, 3});
    const ValueId shape = graph.add_input("shape", DType::int64, {1});
    graph.outputs = graph.node(graph.add_node("Reshape", "flat", {x, shape}, {"y"})).outputs;
    const auto result = infer_shapes(graph);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::unsupported);
    EXPECT_NE(result.error().message.find("node 'flat' (Reshape): dynamic shape"), std::string::npos)
        << result.error().message;
}

TEST(Infer, ChecksConvolutions) {
    const Shape x = {1, 8, 10, 10};
    EXPECT_EQ(infer_one("Conv", {x, {4, 8, 3, 3}}), "1x4x8x8");
    EXPECT_EQ(infer_one("Conv", {x, {4, 8, 3, 3}}, {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}), "1x4x5x5");
    EXPECT_EQ(infer_one("Conv", {x, {4, 8, 3, 3}}, {{"auto_pad", "SAME_UPPER"}, {"strides", Ints{3, 3}}}), "1x4x4x4");
    EXPECT_EQ(infer_one("Conv", {x, {8, 1, 3, 3}}, {{"group", std::int64_t{8}}}), "1x8x8x8");
    EXPECT_EQ(infer_one("Conv", {x, {4, 8, 3, 3}}, {{"strides", Ints{0, 1}}}),
              "node 'n' (Conv): attribute strides holds 0, but has to be in [1, 2147483647]");
    EXPECT_EQ(infer_one("Conv", {x, {4, 8, 3, 3}}, {{"dilations", Ints{5, 5}}}),
              "node 'n' (Conv): a kernel that spans 11 does not fit an input of 10 with pads 0 and 0");
    EXPECT_EQ(infer_one("Conv", {x, {4, 7, 3, 3}}),
              "node 'n' (Conv): weight 4x7x3x3 with 1 groups does not fit the 8 channels of input 1x8x10x10");
    EXPECT_EQ(infer_one("Conv", {x, {3, 4, 3, 3}}, {{"group", std::int64_t{2}}}),
              "node 'n' (Conv): 3 output channels cannot be split into 2 groups");
    EXPECT_EQ(infer_one("Conv", {x, {4, 8, 3, 3}, {5}}),
              "node 'n' (Conv): input 2 has shape 5, but 4 elements are required");
    EXPECT_EQ(infer_one("Conv", {x}), "node 'n' (Conv): has 1 inputs; Conv takes 2 to 3");
}

// What the attributes say afterwards is what they said before, in pads alone.
TEST(Infer, ResolvesAutomaticPadding) {
    const auto ramp = [](const Shape& shape) {
        Tensor tensor(DType::float32, shape);
        float next = -40;
        for (float& v : tensor.mutable_data<float>()) v = next++ * 0.25F;
        return tensor;
    };
    for (const std::string op : {"Conv", "ConvTranspose", "MaxPool", "AveragePool"}) {
        const bool has_weight = op == "Conv" || op == "ConvTranspose";
        ASSERT_NE(find_op(op)->resolve, nullptr);
        for (const char* auto_pad : {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}) {
            for (const std::int64_t size : {4, 7}) {
                for (const std::int64_t stride : {1, 2, 3}) {
                    SCOPED_TRACE(fmt::format("{} {} of {} by {}", op, auto_pad, size, stride));
                    Graph graph;
                    const Tensor x = ramp({1, 2, size, size + 1}), w = ramp({2, 2, 3, 2});
                    std::vector<ValueId> inputs = {graph.add_input("x", DType::float32, x.shape())};
                    std::vector<const Tensor*> arguments = {&x};
                    Attributes attributes = {{"auto_pad", std::string(auto_pad)}, {"strides", Ints{stride, stride}}};
                    if (has_weight) {
                        inputs.push_back(graph.add_constant("w", w));
                        arguments.push_back(&w);
                    } else {
                        attributes.set("kernel_shape", Ints{3, 2});
                        attributes.set("ceil_mode", std::int64_t{1});
                        if (op == "AveragePool") attributes.set("count_include_pad", std::int64_t{1});
                    }
                    if (op == "ConvTranspose" && stride == 3) attributes.set("output_shape", Ints{3 * size, 3 * size});
                    const NodeId node = graph.add_node(op, "n", inputs, {"y"}, std::move(attributes));
                    graph.outputs = graph.node(node).outputs;
                    const auto before = evaluate_node(graph.node(node), arguments);
                    ASSERT_TRUE(infer_shapes(graph).has_value());
                    const Attributes& resolved = graph.node(node).attributes;
                    EXPECT_FALSE(resolved.has("auto_pad") || resolved.has("output_shape"));
                    EXPECT_EQ(resolved.integers("kernel_shape"), (Ints{3, 2}));
                    EXPECT_EQ(resolved.integers("pads").size(), 4U);
                    const auto after = evaluate_node(graph.node(node), arguments);
                    ASSERT_TRUE(before && after);
                    EXPECT_TRUE(identical((*before)[0], (*after)[0]));
                }
            }
        }
    }
}

TEST(Infer, DoesNotOverflowOnHostileNumbers) {
    constexpr std::int64_t huge = std::int64_t{1} << 62;
    const Shape x = {1, 8, 10, 10};
    const auto refuses = [](const std::string& text) { return text.rfind("node 'n'", 0) == 0; };
    EXPECT_TRUE(refuses(infer_one("Conv", {x, {4, 8, 3, 3}}, {{"pads", Ints{huge, huge, huge, huge}}})));
    EXPECT_TRUE(refuses(infer_one("Conv", {x, {4, 8, 3, 3}}, {{"dilations", Ints{huge, huge}}})));
    const Ints most(4, 2147483647);
    EXPECT_TRUE(refuses(infer_one("Conv", {x, {4, 8, 3, 3}}, {{"pads", most}})));
    EXPECT_TRUE(refuses(infer_one("MaxPool", {x}, {{"kernel_shape", Ints{huge, 1}}})));
    EXPECT_TRUE(refuses(infer_one("Reshape", {x}, {}, {{huge, -1}})));
    EXPECT_TRUE(refuses(infer_one("Reshape", {x}, {}, {{-7, 800}})));
    EXPECT_TRUE(refuses(infer_one("Expand", {x}, {}, {{huge, 8, 10, 10}})));
    EXPECT_TRUE(refuses(infer_one("Tile", {x}, {}, {{huge, huge, 1, 1}})));
    EXPECT_TRUE(refuses(infer_one("Pad", {x}, {}, {{huge, 0, 0, 0, huge, 0, 0, 0}})));
    EXPECT_TRUE(refuses(infer_one("ConstantOfShape", {}, {}, {{65536, 65536}})));
    EXPECT_TRUE(refuses(infer_one("ConstantOfShape", {}, {}, {{-1}})));
    EXPECT_TRUE(refuses(infer_one("Transpose", {x}, {{"perm", Ints{0, 0, 1, 2}}})));
    EXPECT_TRUE(refuses(infer_one("Concat", {x, x}, {{"axis", huge}})));
    EXPECT_EQ(infer_one("Slice", {x}, {}, {{0}, {huge}, {1}, {huge}}), "1x1x10x10");
    EXPECT_EQ(infer_one("Slice", {x}, {}, {{-1}, {-huge - huge}, {1}, {-huge - huge}}), "1x1x10x10");
}

TEST(Infer, ChecksTheYoloOperators) {
    EXPECT_EQ(infer_one("Focus", {{1, 3, 64, 32}}), "1x12x32x16");
    EXPECT_EQ(infer_one("Focus", {{1, 3, 63, 32}}), "node 'n' (Focus): the sides of 1x3x63x32 have to be even");
    const Attributes one_level = {{"strides", std::vector<float>{8}}, {"anchors", std::vector<float>{3, 9, 5, 11}}};
    EXPECT_EQ(infer_one("Detect", {{2, 14, 4, 5}}, one_level), "2x40x7");
    EXPECT_EQ(infer_one("Detect", {{2, 14, 4, 5}, {2, 14, 2, 2}}, one_level),
              "node 'n' (Detect): 1 strides are given for 2 levels");
}

}  // namespace
}  // namespace octet
