#include "frontends/onnx/opset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/ops/evaluator.h"
#include "tests/frontends/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using testing::attribute;
using ::testing::HasSubstr;
using testing::ModelBuilder;

// A node with inputs x and more, taken from `opset` to graph_opset.
struct Upgraded {
    Graph graph;
    Node node;
    Result<void> result;
};

Upgraded upgraded(const std::string& op, int opset, Attributes attributes, const std::vector<Tensor>& more = {},
                  std::size_t outputs = 1) {
    Upgraded u;
    GraphBuilder builder(u.graph);
    u.node = {op, "n", {u.graph.add_input("x", DType::float32, {2, 3, 4})}, {}, std::move(attributes), false};
    for (const Tensor& tensor : more) u.node.inputs.push_back(builder.constant("c", tensor));
    for (std::size_t i = 0; i < outputs; ++i) u.node.outputs.push_back(u.graph.add_value(builder.value_name("y")));
    u.result = upgrade(u.node, opset, builder);
    return u;
}

std::vector<std::int64_t> constant_input(const Upgraded& u, std::size_t i) {
    const Tensor* tensor = i < u.node.inputs.size() ? u.graph.constant(u.node.inputs[i]) : nullptr;
    EXPECT_NE(tensor, nullptr) << "input " << i << " of " << u.node.op << " is no constant";
    return tensor ? tensor->to_int64() : std::vector<std::int64_t>{};
}

const std::vector<std::int64_t> axes = {0, -1};

TEST(Opset, axes_become_an_input) {
    for (const std::string op : {"Squeeze", "Unsqueeze", "ReduceSum"}) {
        const Upgraded old = upgraded(op, 12, {{"axes", axes}});
        EXPECT_EQ(constant_input(old, 1), axes) << op;
        EXPECT_FALSE(old.node.attributes.has("axes")) << op;
    }
    for (const std::string op : {"ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2",
                                 "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"}) {
        const Upgraded old = upgraded(op, 17, {{"axes", axes}, {"keepdims", std::int64_t{0}}});
        EXPECT_EQ(constant_input(old, 1), axes) << op;
        EXPECT_EQ(old.node.attributes.integer("keepdims", 1), 0) << op;
    }
    EXPECT_EQ(upgraded("ReduceMean", 17, {}).node.inputs.size(), 1U) << "no axes: all of them";
}

TEST(Opset, split) {
    const std::vector<std::int64_t> parts = {1, 2};
    const Upgraded old = upgraded("Split", 11, {{"split", parts}}, {}, 2);
    EXPECT_EQ(constant_input(old, 1), parts);
    EXPECT_FALSE(old.node.attributes.has("num_outputs"));
    EXPECT_EQ(upgraded("Split", 13, {}, {}, 3).node.attributes.integer("num_outputs", 0), 3);
    EXPECT_TRUE(upgraded("Split", 18, {}, {}, 3).node.attributes.empty()) << "since 18 it is the file's business";
}

TEST(Opset, softmax_of_opset_12_flattens) {
    const Upgraded old = upgraded("Softmax", 12, {});
    EXPECT_EQ(old.node.op, "Reshape");
    const Node& softmax = old.graph.node(old.graph.producer(old.node.inputs[0]));
    EXPECT_EQ(softmax.op, "Softmax");
    EXPECT_EQ(softmax.attributes.integer("axis", 0), -1);
    const Node& flatten = old.graph.node(old.graph.producer(softmax.inputs[0]));
    EXPECT_EQ(flatten.op, "Flatten");
    EXPECT_EQ(flatten.attributes.integer("axis", 0), 1);
    EXPECT_EQ(upgraded("Softmax", 12, {{"axis", std::int64_t{-1}}}).node.op, "Softmax");
    EXPECT_EQ(upgraded("Softmax", 13, {{"axis", std::int64_t{1}}}).node.op, "Softmax");
}

TEST(Opset, resize_omits_empty_inputs) {
    const Tensor none(DType::float32, {0});
    const Tensor scales = Tensor::from<float>({4}, {1, 1, 2, 2});
    const Upgraded by_scale = upgraded("Resize", 11, {}, {none, scales});
    ASSERT_EQ(by_scale.node.inputs.size(), 3U);
    EXPECT_EQ(by_scale.node.inputs[1], no_value);
    EXPECT_EQ(constant_input(by_scale, 2), (std::vector<std::int64_t>{1, 1, 2, 2}));
    const Upgraded by_size = upgraded("Resize", 12, {}, {none, none, Tensor::from<std::int64_t>({4}, {1, 1, 8, 8})});
    EXPECT_EQ(by_size.node.inputs[2], no_value);
    EXPECT_EQ(constant_input(by_size, 3), (std::vector<std::int64_t>{1, 1, 8, 8}));
}

TEST(Opset, upsample_is_a_resize) {
    const Upgraded old = upgraded("Upsample", 9, {{"mode", std::string("nearest")}}, {Tensor::from<float>({1}, {2})});
    EXPECT_EQ(old.node.op, "Resize");
    EXPECT_EQ(old.node.inputs[1], no_value);
    EXPECT_EQ(constant_input(old, 2), (std::vector<std::int64_t>{2}));
    EXPECT_EQ(old.node.attributes.text("mode", ""), "nearest");
    EXPECT_EQ(old.node.attributes.text("coordinate_transformation_mode", ""), "asymmetric");
    EXPECT_EQ(old.node.attributes.text("nearest_mode", ""), "floor");
    const Upgraded older = upgraded("Upsample", 7, {{"scales", std::vector<float>{1, 2, 2}}});
    EXPECT_EQ(older.node.op, "Resize");
    EXPECT_EQ(constant_input(older, 2), (std::vector<std::int64_t>{1, 2, 2}));
}

TEST(Opset, dropout_is_an_identity_outside_of_training) {
    EXPECT_EQ(upgraded("Dropout", 11, {{"ratio", 0.5F}}).node.op, "Identity");
    const Tensor ratio = Tensor::scalar(0.5F);
    EXPECT_EQ(upgraded("Dropout", 13, {}, {ratio}).node.inputs.size(), 1U);
    EXPECT_EQ(upgraded("Dropout", 13, {}, {ratio, Tensor::scalar(false)}).node.op, "Identity");
    EXPECT_EQ(upgraded("Dropout", 13, {}, {ratio, Tensor::scalar(true)}).node.op, "Dropout");
    EXPECT_EQ(upgraded("Dropout", 13, {}, {}, 2).node.op, "Dropout");
    EXPECT_TRUE(upgraded("Dropout", 10, {{"ratio", 0.5F}}, {}, 2).node.attributes.empty()) << "has become an input";
}

TEST(Opset, casts_to_16_bits_go_to_float) {
    for (const std::int64_t to : {10, 16}) {
        EXPECT_EQ(upgraded("Cast", 13, {{"to", to}}).node.attributes.integer("to", 0), 1);
    }
    EXPECT_EQ(upgraded("Cast", 13, {{"to", std::int64_t{7}}}).node.attributes.integer("to", 0), 7);
}

TEST(Opset, refusals) {
    const Upgraded blocks = upgraded("QuantizeLinear", 21, {{"block_size", std::int64_t{16}}});
    ASSERT_FALSE(blocks.result.has_value());
    EXPECT_THAT(blocks.result.error().message, HasSubstr("block_size"));

    const Upgraded old = upgraded("Add", 6, {{"broadcast", std::int64_t{1}}});
    ASSERT_FALSE(old.result.has_value());
    EXPECT_THAT(old.result.error().message, HasSubstr("opset 6 is older than opset 7"));
    EXPECT_TRUE(upgraded("Relu", 6, {}).result.has_value()) << "has not changed since";
    EXPECT_TRUE(upgraded("NotAnOperator", 6, {}).result.has_value()) << "is reported with all the other unknown ones";

    const Upgraded bare = upgraded("Slice", 9, {{"starts", axes}});
    ASSERT_FALSE(bare.result.has_value());
    EXPECT_THAT(bare.result.error().message, HasSubstr("attribute ends is missing"));
    const Upgraded wide = upgraded("DequantizeLinear", 23, {{"output_dtype", std::int64_t{11}}});
    ASSERT_FALSE(wide.result.has_value());
    EXPECT_THAT(wide.result.error().message, HasSubstr("output_dtype 11"));

    for (const int opset : {26, 0, -3}) EXPECT_FALSE(check_opset(opset).has_value()) << opset;
    for (const int opset : {6, 7, 11, 17, 21, 25}) EXPECT_TRUE(check_opset(opset).has_value()) << opset;
}

// A message about a node that an operator of the file became is about the file's node.
TEST(Opset, errors_name_nodes_of_the_file) {
    const auto message = [](ModelBuilder& builder) {
        const auto graph = builder.parse();
        return graph ? "no error" : graph.error().message;
    };
    ModelBuilder softmax(11);
    softmax.input("x", {2, 3}).output("y");
    attribute(softmax.node("Softmax", {"x"}, {"y"}, "n"), "axis", std::int64_t{5});
    EXPECT_THAT(message(softmax), HasSubstr("node 'n' (Softmax): "));

    ModelBuilder relu6(10);
    relu6.input("x", {2, 3}, testing::int32).output("y");
    attribute(relu6.node("Clip", {"x"}, {"y"}, "n"), "max", 6.0F);
    EXPECT_THAT(message(relu6), HasSubstr("node 'n' (Clip): "));

    ModelBuilder integer(13);
    integer.input("x", {1, 2, 4, 4}, testing::uint8).output("y");
    integer.small("w", {1, 3, 1, 1}, {1, 2, 3}, testing::int8);
    integer.node("ConvInteger", {"x", "w"}, {"y"}, "n");
    EXPECT_THAT(message(integer), HasSubstr("node 'n' (ConvInteger): "));
}

// ---- what files of each opset compute

// One node, whose input x is given 0, 1, 2 … − `below`.
struct OneNode {
    ModelBuilder builder;
    Shape shape;

    OneNode(const std::string& op, int opset, const Shape& x, const std::vector<std::string>& constants = {})
        : builder(opset), shape(x) {
        builder.input("x", x).output("y");
        auto& node = builder.node(op, {"x"}, {"y"}, "n");
        for (const std::string& name : constants) node.add_input(name);
    }
    template <typename T>
    OneNode& with(const std::string& name, const T& value) {
        attribute(*builder.graph().mutable_node(0), name, value);
        return *this;
    }
    OneNode& floats(const std::string& name, const Shape& of, const std::vector<float>& values) {
        builder.floats(name, of, values);
        return *this;
    }

    // An empty vector after a failure, which is reported.
    std::vector<float> run(float below = 0) const {
        Tensor x(DType::float32, shape);
        auto values = x.mutable_data<float>();
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - below;
        const auto graph = builder.parse();
        const auto outputs =
            graph ? evaluate(*graph, std::span(&x, 1)) : Result<std::vector<Tensor>>(tl::unexpected(graph.error()));
        if (!outputs) ADD_FAILURE() << outputs.error().message;
        return outputs ? outputs->front().to_float() : std::vector<float>{};
    }
};

using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

TEST(OldForms, clip) {
    for (const int opset : {6, 7, 10}) {
        EXPECT_EQ(OneNode("Clip", opset, {4}).with("min", 0.0F).with("max", 1.5F).run(1), (Floats{0, 0, 1, 1.5F}));
        EXPECT_EQ(OneNode("Clip", opset, {4}).with("max", 1.0F).run(1), (Floats{-1, 0, 1, 1}));
        EXPECT_EQ(OneNode("Clip", opset, {4}).run(1), (Floats{-1, 0, 1, 2}));
    }
    // A bound that bounds nothing is left out.
    EXPECT_EQ(upgraded("Clip", 6, {{"min", 0.0F}, {"max", std::numeric_limits<float>::max()}}).node.inputs.size(), 2U);
}

TEST(OldForms, pad) {
    const Integers pads = {0, 1, 0, -1};
    EXPECT_EQ(OneNode("Pad", 10, {1, 3}).with("pads", pads).with("value", 7.0F).run(), (Floats{7, 0, 1}));
    EXPECT_EQ(OneNode("Pad", 7, {1, 3}).with("pads", pads).run(1), (Floats{0, -1, 0}));
    EXPECT_EQ(OneNode("Pad", 2, {1, 3}).with("pads", Integers{0, 1, 0, 1}).with("mode", "reflect").run(),
              (Floats{1, 0, 1, 2, 1}));
}

TEST(OldForms, slice) {
    const auto slice = [](int opset, const Integers& starts, const Integers& ends) {
        return OneNode("Slice", opset, {2, 3}).with("starts", starts).with("ends", ends);
    };
    EXPECT_EQ(slice(9, {0, 1}, {1, 1000}).run(), (Floats{1, 2}));
    EXPECT_EQ(slice(1, {-2}, {-1}).with("axes", Integers{1}).run(), (Floats{1, 4}));
}

TEST(OldForms, top_k) {
    EXPECT_EQ(OneNode("TopK", 9, {2, 3}).with("k", std::int64_t{2}).run(), (Floats{2, 1, 5, 4}));
}

TEST(OldForms, softmax_and_its_kin_flatten) {
    // Two rows of [1, 2, 2] and of [2, 2]: the largest of each row is its last.
    EXPECT_EQ(OneNode("Hardmax", 12, {1, 2, 2}).run(), (Floats{0, 0, 0, 1}));
    EXPECT_EQ(OneNode("Hardmax", 12, {1, 2, 2}).with("axis", std::int64_t{2}).run(), (Floats{0, 1, 0, 1}));
    EXPECT_EQ(OneNode("Hardmax", 13, {1, 2, 2}).run(), (Floats{0, 1, 0, 1}));
    EXPECT_EQ(OneNode("Softmax", 7, {1, 2, 1}).run(), OneNode("Softmax", 13, {2}).run());
    EXPECT_EQ(OneNode("LogSoftmax", 11, {1, 2, 1}).run(), OneNode("LogSoftmax", 13, {2}).run());
}

TEST(OldForms, batch_normalization) {
    const auto normalization = [](int opset, const Shape& x, const Shape& parameters) {
        OneNode model("BatchNormalization", opset, x, {"scale", "bias", "mean", "variance"});
        model.floats("scale", parameters, {2, 4}).floats("bias", parameters, {10, 20});
        model.floats("mean", parameters, {1, 0}).floats("variance", parameters, {0.25F, 1});
        return model.with("epsilon", 0.0F);
    };
    // 4 (x - 1) + 10, 4 x + 20
    const Floats by_channel = {6, 10, 28, 32};
    EXPECT_EQ(normalization(7, {1, 2, 2}, {2}).with("spatial", std::int64_t{1}).run(), by_channel);
    for (const int opset : {7, 9, 14, 15, 25}) EXPECT_EQ(normalization(opset, {1, 2, 2}, {2}).run(), by_channel);
    const Floats by_position = {6, 24, 14, 32};
    EXPECT_EQ(normalization(8, {2, 1, 2}, {1, 2}).with("spatial", std::int64_t{0}).run(), by_position);
    EXPECT_EQ(normalization(8, {2, 2}, {2}).with("spatial", std::int64_t{0}).run(), by_position);
}

TEST(OldForms, group_normalization_scales_groups) {
    const auto normalization = [](int opset, const Shape& parameters, const Floats& scale, const Floats& bias) {
        OneNode model("GroupNormalization", opset, {1, 4, 1, 2}, {"scale", "bias"});
        model.floats("scale", parameters, scale).floats("bias", parameters, bias);
        return model.with("num_groups", std::int64_t{2});
    };
    const Floats grouped = normalization(18, {2}, {1, 3}, {0, 5}).run();
    EXPECT_EQ(grouped.size(), 8U);
    EXPECT_EQ(grouped, normalization(21, {4}, {1, 1, 3, 3}, {0, 0, 5, 5}).run());
}

TEST(OldForms, upsample_and_resize) {
    const Floats doubled = {0, 0, 1, 1, 2, 2};
    EXPECT_EQ(OneNode("Upsample", 7, {1, 3}).with("scales", Floats{1, 2}).run(), doubled);
    EXPECT_EQ(OneNode("Upsample", 9, {1, 3}, {"scales"}).floats("scales", {2}, {1, 2}).run(), doubled);
    EXPECT_EQ(OneNode("Resize", 10, {1, 3}, {"scales"}).floats("scales", {2}, {1, 2}).run(), doubled);
    // 0 / 0.7, 1 / 0.7 … rounded up; rows grow and columns shrink.
    const Floats rows = {0, 2, 3, 5, 0, 2, 3, 5};
    EXPECT_EQ(OneNode("Resize", 10, {1, 6}, {"scales"}).floats("scales", {2}, {1, 0.7F}).run(), (Floats{0, 2, 3, 5}));
    EXPECT_EQ(OneNode("Resize", 10, {1, 6}, {"scales"}).floats("scales", {2}, {2, 0.7F}).run(), rows);
    // Scales that come from a computation
    OneNode computed("Resize", 10, {1, 6}, {"scales"});
    computed.floats("half", {2}, {1, 0.35F});
    computed.builder.node("Add", {"half", "half"}, {"scales"});
    EXPECT_EQ(computed.run(), rows);
    EXPECT_EQ(OneNode("Resize", 10, {1, 2}, {"scales"}).floats("scales", {2}, {1, 2}).with("mode", "linear").run(),
              (Floats{0, 0.5F, 1, 1}));
}

TEST(OldForms, half_pixels_of_tensorflow) {
    OneNode model("Resize", 11, {1, 5}, {"", "scales"});
    model.floats("scales", {2}, {1, 0.6F}).with("coordinate_transformation_mode", "tf_half_pixel_for_nn");
    // (o + 0.5) / 0.6 = 0.83, 2.5, 4.17
    EXPECT_EQ(model.with("nearest_mode", "floor").run(), (Floats{0, 2, 4}));
}

TEST(OldForms, scatter) {
    OneNode model("Scatter", 9, {1, 3}, {"indices", "updates"});
    model.builder.integers("indices", {1, 1}, {1});
    EXPECT_EQ(model.floats("updates", {1, 1}, {9}).with("axis", std::int64_t{1}).run(), (Floats{0, 9, 2}));
}

TEST(NewOperators, swish) {
    const Floats plain = OneNode("Swish", 24, {3}).run(1), steep = OneNode("Swish", 24, {3}).with("alpha", 2.0F).run(1);
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const float x = static_cast<float>(i) - 1;
        EXPECT_FLOAT_EQ(plain[i], x / (1 + std::exp(-x)));
        EXPECT_FLOAT_EQ(steep[i], x / (1 + std::exp(-2 * x)));
    }
}

TEST(NewOperators, rms_normalization) {
    const auto normalization = [](std::int64_t axis, const Shape& of, const Floats& scale) {
        OneNode model("RMSNormalization", 23, {2, 1, 2}, {"scale"});
        return model.floats("scale", of, scale).with("axis", axis).with("epsilon", 0.0F);
    };
    // Roots of the mean squares: of (0, 1) and (2, 3); of all four.
    const float first = std::sqrt(0.5F), second = std::sqrt(6.5F), all = std::sqrt(3.5F);
    const auto expect_near = [](const Floats& actual, const Floats& expected) {
        ASSERT_EQ(actual.size(), expected.size());
        for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_FLOAT_EQ(actual[i], expected[i]) << i;
    };
    expect_near(normalization(-1, {2}, {1, 10}).run(), {0, 10 / first, 2 / second, 30 / second});
    expect_near(normalization(1, {1, 2}, {1, 10}).run(), {0, 10 / first, 2 / second, 30 / second});
    expect_near(normalization(0, {2, 1, 1}, {1, 10}).run(), {0, 1 / all, 20 / all, 30 / all});
}

}  // namespace
}  // namespace octet::onnx
