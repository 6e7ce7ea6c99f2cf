#include "frontends/onnx/opset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontends/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ::testing::HasSubstr;

// A node with inputs x and more, taken from `opset` to opset 21.
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
}

TEST(Opset, dropout_is_an_identity_outside_of_training) {
    EXPECT_EQ(upgraded("Dropout", 11, {{"ratio", 0.5F}}).node.op, "Identity");
    const Tensor ratio = Tensor::scalar(0.5F);
    EXPECT_EQ(upgraded("Dropout", 13, {}, {ratio}).node.inputs.size(), 1U);
    EXPECT_EQ(upgraded("Dropout", 13, {}, {ratio, Tensor::scalar(false)}).node.op, "Identity");
    EXPECT_EQ(upgraded("Dropout", 13, {}, {ratio, Tensor::scalar(true)}).node.op, "Dropout");
    EXPECT_EQ(upgraded("Dropout", 13, {}, {}, 2).node.op, "Dropout");
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

    const Upgraded old = upgraded("Clip", 10, {{"min", 0.0F}});
    ASSERT_FALSE(old.result.has_value());
    EXPECT_THAT(old.result.error().message, HasSubstr("opset 10 is older than opset 11"));
    EXPECT_TRUE(upgraded("Relu", 6, {}).result.has_value()) << "has not changed since";
    EXPECT_TRUE(upgraded("NotAnOperator", 6, {}).result.has_value()) << "is reported with all the other unknown ones";
    EXPECT_FALSE(check_opset(22).has_value());
    EXPECT_FALSE(check_opset(0).has_value());
    EXPECT_FALSE(check_opset(-3).has_value());
    for (const int opset : {11, 12, 17, 21}) EXPECT_TRUE(check_opset(opset).has_value()) << opset;
}

}  // namespace
}  // namespace octet::onnx
