#include "frontends/onnx/importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/frontends/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using testing::attribute;
using ::testing::HasSubstr;
using testing::ModelBuilder;
using testing::operators;
using testing::write_text;

ModelBuilder small_model(int opset = 13) {
    ModelBuilder builder(opset);
    builder.input("x", {1, 2}).output("y");
    builder.floats("w", {2}, {1, 2});
    builder.node("Add", {"x", "w"}, {"y"}, "add");
    return builder;
}

void expect_error(const Result<Graph>& graph, ErrorCode code, const std::vector<std::string>& words) {
    ASSERT_FALSE(graph.has_value()) << "an error was expected";
    EXPECT_EQ(graph.error().code, code) << graph.error().message;
    for (const std::string& word : words) EXPECT_THAT(graph.error().message, HasSubstr(word));
}

TEST(Importer, reads_inputs_constants_and_nodes) {
    const auto graph = small_model().parse();
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    EXPECT_EQ(operators(*graph), "Add");
    EXPECT_EQ(graph->value(graph->inputs.at(0)).name, "x");
    const ValueId y = graph->outputs.at(0);
    EXPECT_EQ(graph->value(y).shape, (Shape{1, 2}));
    EXPECT_EQ(graph->node(graph->producer(y)).name, "add");
    const Tensor* w = graph->constant(graph->find_value("w"));
    ASSERT_NE(w, nullptr);
    EXPECT_EQ(w->to_float(), (std::vector<float>{1, 2}));
}

TEST(Importer, keeps_metadata) {
    ModelBuilder builder = small_model();
    auto* entry = builder.model.add_metadata_props();
    entry->set_key("octet.recipe");
    entry->set_value("best");
    const auto graph = builder.parse();
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    EXPECT_EQ(graph->metadata.at("octet.recipe"), "best");
}

TEST(Importer, nodes_get_unique_names) {
    ModelBuilder builder;
    builder.input("x", {2}).output("c");
    builder.node("Relu", {"x"}, {"a"});
    builder.node("Relu", {"a"}, {"b"}, "twice");
    builder.node("Relu", {"b"}, {"c"}, "twice");
    const auto graph = builder.parse();
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    EXPECT_EQ(graph->node(0).name, "Relu_0");
    EXPECT_EQ(graph->node(1).name, "twice");
    EXPECT_EQ(graph->node(2).name, "twice_1");
}

TEST(Importer, nodes_may_come_in_any_order) {
    ModelBuilder builder;
    builder.input("x", {2}).output("y");
    builder.node("Relu", {"a"}, {"y"});
    builder.node("Sigmoid", {"x"}, {"a"});
    const auto graph = builder.parse();
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    EXPECT_EQ(operators(*graph), "Sigmoid Relu");
}

TEST(Importer, constant_nodes_become_constants) {
    ModelBuilder builder;
    builder.input("x", {2}).output("y").output("s").output("i").output("n");
    const auto constant = [&](const std::string& output) {
        return builder.node("Constant", {}, {output}).add_attribute();
    };
    auto* tensor = constant("t");
    tensor->set_name("value");
    tensor->mutable_t()->set_data_type(1);
    tensor->mutable_t()->add_dims(2);
    tensor->mutable_t()->add_float_data(3);
    tensor->mutable_t()->add_float_data(4);
    auto* real = constant("s");
    real->set_name("value_float");
    real->set_f(1.5F);
    auto* integer = constant("i");
    integer->set_name("value_int");
    integer->set_i(7);
    auto* list = constant("n");
    list->set_name("value_ints");
    list->add_ints(8);
    list->add_ints(9);
    builder.node("Add", {"x", "t"}, {"y"});
    const auto graph = builder.parse();
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    EXPECT_EQ(operators(*graph), "Add");
    EXPECT_EQ(graph->constant(graph->find_value("t"))->to_float(), (std::vector<float>{3, 4}));
    EXPECT_EQ(graph->constant(graph->find_value("s"))->to_float(), (std::vector<float>{1.5F}));
    EXPECT_EQ(graph->constant(graph->find_value("i"))->dtype(), DType::int64);
    EXPECT_EQ(graph->constant(graph->find_value("n"))->to_int64(), (std::vector<std::int64_t>{8, 9}));
}

TEST(Importer, initializers_listed_as_inputs_are_constants) {
    ModelBuilder builder = small_model();
    builder.input("w", {2});
    const auto graph = builder.parse();
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    EXPECT_EQ(graph->inputs.size(), 1U);
}

TEST(Importer, refuses_other_opsets) {
    expect_error(small_model(26).parse(), ErrorCode::unsupported, {"test.onnx", "26", "25"});
    expect_error(small_model(6).parse(), ErrorCode::unsupported, {"node 'add' (Add)", "opset 6"});
    ModelBuilder none = small_model();
    none.model.mutable_opset_import(0)->set_domain("com.example");
    expect_error(none.parse(), ErrorCode::invalid_model, {"node 'add' (Add)", "default operator set"});
}

TEST(Importer, bytes_that_are_no_model) {
    const auto parse_text = [](const std::string& text) {
        return parse(std::as_bytes(std::span(text)), "bad.onnx", "");
    };
    expect_error(parse_text(""), ErrorCode::invalid_model, {"bad.onnx", "empty"});
    expect_error(parse_text("\x89PNG\r\n not a model"), ErrorCode::invalid_model, {"bad.onnx", "is not an ONNX model"});
    expect_error(parse_text("\x08\x07"), ErrorCode::invalid_model, {"bad.onnx", "is not an ONNX model"});
    const std::string whole = small_model().bytes();
    expect_error(parse_text(whole.substr(0, whole.size() / 2)), ErrorCode::invalid_model, {"bad.onnx", "truncated"});
}

TEST(Importer, files_that_cannot_be_read) {
    const TemporaryFolder folder;
    expect_error(load(folder / "none.onnx"), ErrorCode::io, {"none.onnx", "no such file"});
    expect_error(load(folder.path()), ErrorCode::io, {folder.path(), "directory"});
    write_text(folder / "empty.onnx", "");
    expect_error(load(folder / "empty.onnx"), ErrorCode::invalid_model, {"empty.onnx", "empty"});
    write_text(folder / "text.onnx", "hello, world\n");
    expect_error(load(folder / "text.onnx"), ErrorCode::invalid_model, {"text.onnx", "is not an ONNX model"});
    write_text(folder / "good.onnx", small_model().bytes());
    EXPECT_TRUE(load(folder / "good.onnx").has_value());
}

TEST(Importer, graphs_that_contradict_themselves) {
    ModelBuilder undefined = small_model();
    undefined.node("Relu", {"ghost"}, {"z"}, "reader");
    expect_error(undefined.parse(), ErrorCode::invalid_model, {"test.onnx", "node 'reader' (Relu)", "'ghost'"});

    ModelBuilder twice = small_model();
    twice.node("Relu", {"x"}, {"y"}, "again");
    expect_error(twice.parse(), ErrorCode::invalid_model, {"node 'again' (Relu)", "two tensors", "'y'"});

    ModelBuilder doubled = small_model();
    doubled.floats("w", {1}, {1});
    expect_error(doubled.parse(), ErrorCode::invalid_model, {"two tensors", "'w'"});

    ModelBuilder cycle;
    cycle.input("x", {2}).output("b");
    cycle.node("Add", {"x", "b"}, {"a"}, "first");
    cycle.node("Relu", {"a"}, {"b"}, "second");
    expect_error(cycle.parse(), ErrorCode::invalid_model, {"test.onnx", "cycle", "node '"});

    ModelBuilder loose = small_model();
    loose.output("nowhere");
    expect_error(loose.parse(), ErrorCode::invalid_model, {"output 'nowhere'"});

    ModelBuilder mute;
    mute.input("x", {2});
    mute.node("Relu", {"x"}, {"y"});
    expect_error(mute.parse(), ErrorCode::invalid_model, {"no outputs"});
}

TEST(Importer, all_unsupported_operators_in_one_message) {
    ModelBuilder builder = small_model();
    builder.node("NonMaxSuppression", {"y"}, {"a"}, "nms");
    auto& branch = builder.node("If", {"y"}, {"b"}, "branch");
    auto* body = branch.add_attribute();
    body->set_name("then_branch");
    body->set_type(5);
    body->set_g("whatever");
    builder.node("NonMaxSuppression", {"a"}, {"c"}, "nms2");
    builder.node("Fused", {"c"}, {"d"}, "custom").set_domain("com.example");
    expect_error(builder.parse(), ErrorCode::unsupported,
                 {"test.onnx", "NonMaxSuppression", "nms", "nms2", "If", "branch", "com.example.Fused", "custom"});
}

TEST(Importer, inputs_that_are_no_tensors) {
    ModelBuilder builder = small_model();
    builder.graph().add_input()->set_name("sequence");
    expect_error(builder.parse(), ErrorCode::unsupported, {"'sequence'", "not a tensor"});
    ModelBuilder strings;
    strings.input("text", {1}, 8).output("text");
    expect_error(strings.parse(), ErrorCode::unsupported, {"'text'", "string"});
}

TEST(Importer, sizes_beyond_32_bits) {
    ModelBuilder input;
    input.input("x", {1, 3, 1 << 20, 1 << 20}).output("y");
    input.node("Relu", {"x"}, {"y"});
    expect_error(input.parse(), ErrorCode::out_of_range, {"input 'x'"});

    ModelBuilder weights = small_model();
    weights.tensor("huge", {std::int64_t{1} << 40, std::int64_t{1} << 40}, 1);
    expect_error(weights.parse(), ErrorCode::out_of_range, {"initializer 'huge'"});
    ModelBuilder negative = small_model();
    negative.tensor("negative", {-2, -3}, 1);
    expect_error(negative.parse(), ErrorCode::invalid_model, {"initializer 'negative'", "negative dimension"});
}

// Whatever stands in the file: an error or a graph, never a crash (the sanitizers look on) and never an endless run.
TEST(Importer, survives_mutated_files) {
    ModelBuilder builder = small_model();
    auto& conv = builder.node("Conv", {"image", "kernel"}, {"z"}, "conv");
    attribute(conv, "pads", std::vector<std::int64_t>{1, 1, 1, 1});
    attribute(conv, "auto_pad", "NOTSET");
    builder.input("image", {1, 1, 4, 4}).output("z");
    builder.floats("kernel", {1, 1, 3, 3}, std::vector<float>(9, 1.0F));
    builder.node("Reshape", {"z", "shape"}, {"flat"});
    builder.integers("shape", {2}, {1, -1});
    builder.node("Sigmoid", {"flat"}, {"soft"});
    builder.output("soft");
    const std::string whole = builder.bytes();
    ASSERT_TRUE(builder.parse().has_value());

    std::uint32_t state = 1;
    const auto random = [&](std::size_t below) {  // a linear congruential generator: the same on every machine
        state = state * 1664525U + 1013904223U;
        return static_cast<std::size_t>(state >> 8) % below;
    };
    int graphs = 0;
    constexpr int rounds = 4000;
    for (int i = 0; i < rounds; ++i) {
        std::string bytes = whole;
        if (i % 4 == 0) bytes.resize(random(bytes.size()));
        for (std::size_t flips = random(4) + 1; flips-- > 0 && !bytes.empty();) {
            bytes[random(bytes.size())] = static_cast<char>(random(256));
        }
        const auto graph = parse(std::as_bytes(std::span(bytes)), "mutated.onnx", "");
        if (graph) {
            ++graphs;
        } else {
            ASSERT_THAT(graph.error().message, HasSubstr("mutated.onnx"));
        }
    }
    EXPECT_GT(graphs, rounds / 100) << "nearly all mutations fail early: the test sees the parser only";
    EXPECT_LT(graphs, rounds) << "no mutation was noticed";
}

}  // namespace
}  // namespace octet::onnx
