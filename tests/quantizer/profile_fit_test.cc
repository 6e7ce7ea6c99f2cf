// Recipe npu: what it writes runs in the emulator, whole, in the form that the file has.

#include "quantizer/profile_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/file.h"
#include "engine/session.h"
#include "frontends/load.h"
#include "frontends/onnx/exporter.h"
#include "graph/ops/infer.h"
#include "quantizer/quantize_job.h"
#include "tests/quantizer/random_pictures.h"
#include "tests/temporary_folder.h"
#include "vision/image.h"

namespace octet::quantizer {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t size = 16;

// Every form that the recipe treats in its own way; two outputs, one behind a Sigmoid.
//
//   images → c1 3×3 s2 → HardSwish ─┬─ c2 → Swish → Add ─┬─ Concat → MaxPool → LeakyRelu → Resize ×2 → c4 → BatchNorm
//                                   └────────────────────┘  c3 → Relu ┘        → Tanh → head → Sigmoid
//                                                                                    └─ AveragePool → logits
class Network {
  public:
    Graph graph;

    Network() {
        const ValueId images = graph.add_input("images", DType::float32, {1, 3, size, size});
        const ValueId x = node("HardSwish", "a1", {conv("c1", images, 3, 8, 3, 2)});
        const ValueId c2 = conv("c2", x, 8, 8, 3, 1);
        const ValueId swish = node("Mul", "swish", {c2, node("Sigmoid", "gate", {c2})});
        const ValueId sum = node("Add", "sum", {swish, x});
        const ValueId c3 = node("Relu", "a3", {conv("c3", x, 8, 8, 1, 1)});
        const ValueId concat = node("Concat", "concat", {sum, c3}, {{"axis", std::int64_t{1}}});
        const ValueId pool =
            node("MaxPool", "pool", {concat},
                 {{"kernel_shape", std::vector<std::int64_t>{3, 3}}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
        const ValueId leaky = node("LeakyRelu", "leaky", {pool}, {{"alpha", 0.1F}});
        const ValueId scales = graph.add_constant("scales", Tensor::from<float>({4}, {1, 1, 2, 2}));
        const ValueId large = node("Resize", "resize", {leaky, no_value, scales},
                                   {{"mode", std::string("nearest")},
                                    {"coordinate_transformation_mode", std::string("asymmetric")},
                                    {"nearest_mode", std::string("floor")}});
        const ValueId norm = node("BatchNormalization", "norm",
                                  {node("Relu", "a4", {conv("c4", large, 16, 6, 3, 1)}), vector("s", 6, 1),
                                   vector("b", 6, 0), vector("m", 6, 0.5F), vector("v", 6, 2)});
        const ValueId tanh = node("Tanh", "tanh", {norm});
        const ValueId scores = node("Sigmoid", "scores", {conv("head", tanh, 6, 4, 1, 1)});
        const ValueId mean =
            node("AveragePool", "mean", {tanh},
                 {{"kernel_shape", std::vector<std::int64_t>{4, 4}}, {"strides", std::vector<std::int64_t>{4, 4}}});
        graph.outputs = {scores, conv("logits", mean, 6, 5, 1, 1)};
    }

  private:
    ValueId node(const std::string& op, const std::string& name, std::vector<ValueId> inputs,
                 Attributes attributes = {}) {
        return graph.node(graph.add_node(op, name, std::move(inputs), {name + "_out"}, std::move(attributes)))
            .outputs[0];
    }
    ValueId vector(const std::string& name, std::int64_t count, float value) {
        Tensor tensor(DType::float32, {count});
        for (float& v : tensor.mutable_data<float>()) v = value;
        return graph.add_constant(name, std::move(tensor));
    }
    ValueId conv(const std::string& name, ValueId x, std::int64_t in, std::int64_t out, std::int64_t kernel,
                 std::int64_t stride) {
        std::normal_distribution<float> normal(0, 1.5F / std::sqrt(static_cast<float>(in * kernel * kernel)));
        Tensor weights(DType::float32, {out, in, kernel, kernel});
        for (float& w : weights.mutable_data<float>()) w = normal(random_);
        const std::int64_t pad = kernel / 2;
        return node("Conv", name,
                    {x, graph.add_constant(name + "_w", std::move(weights)), vector(name + "_b", out, 0.1F)},
                    {{"pads", std::vector<std::int64_t>{pad, pad, pad, pad}},
                     {"strides", std::vector<std::int64_t>{stride, stride}}});
    }

    std::mt19937 random_{3};
};

class NpuRecipe : public testing::Test {
  protected:
    void SetUp() override {
        save_random_pictures(images_, 3, size, size);
        Network network;
        const auto inferred = infer_shapes(network.graph);
        ASSERT_TRUE(inferred) << inferred.error().message;
        ASSERT_TRUE(onnx::save(network.graph, model_));
    }

    QuantizeOutcome quantize(const std::string& profile, quant::QuantizeOptions options = {}) {
        QuantizeJob job;
        job.model = model_;
        job.images = images_;
        job.output = int8_;
        job.threads = 1;
        job.profile = profile;
        job.options = std::move(options);
        job.options.recipe = quant::Recipe::npu;
        auto outcome = run_quantize_job(job, [](auto, auto, auto) {});
        EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
        return outcome ? std::move(*outcome) : QuantizeOutcome();
    }

    std::shared_ptr<const engine::Executable> emulate(const std::string& profile) {
        auto executable = load_executable(int8_, {}, {.backend = "npu-emu", .profile = profile});
        EXPECT_TRUE(executable) << (executable ? "" : executable.error().message);
        return executable ? *executable : nullptr;
    }

    std::string write_profile(const std::string& text) {
        std::string path = folder_ / "chip.json";
        EXPECT_TRUE(write_file(path, text));
        return path;
    }

    const TemporaryFolder folder_;
    const std::string model_ = folder_ / "net.onnx", int8_ = folder_ / "int8.onnx", images_ = folder_ / "set";
};

std::vector<std::string> float_nodes(const engine::Program& program) {
    std::vector<std::string> names;
    for (const engine::Op& op : program.ops) {
        if (const auto* layer = std::get_if<engine::FloatOp>(&op.form)) names.push_back(layer->node.op);
    }
    return names;
}

TEST_F(NpuRecipe, TheEmulatorRunsTheFileAsItIs) {
    const QuantizeOutcome outcome = quantize("tflite-double");
    EXPECT_THAT(outcome.refused, IsEmpty());
    const auto executable = emulate("tflite-double");
    ASSERT_TRUE(executable);
    EXPECT_THAT(executable->rewrites(), IsEmpty());
    // Pixels in front; ranges of the heads and the Sigmoid behind.
    EXPECT_THAT(float_nodes(executable->program()),
                testing::UnorderedElementsAre("Mul", "Add", "Mul", "Add", "Sigmoid", "Mul", "Add"));
    for (const engine::QuantValue& value : executable->program().values)
        EXPECT_EQ(value.grid.dtype, DType::int8) << value.name;

    auto from = engine::Session::create(load_executable(model_).value()).value();
    auto to = engine::Session::create(executable).value();
    const quant::Dataset dataset = image_dataset(outcome.images.paths, {1, 3, size, size}, vision::Preprocessing{});
    std::vector<quant::Fidelity> fidelity(2);
    for (std::int64_t i = 0; i < dataset.size; ++i) {
        const Tensor image = dataset.load(i).value();
        const auto a = from.run({&image, 1}).value(), b = to.run({&image, 1}).value();
        for (std::size_t o = 0; o < 2; ++o) fidelity[o].add(a[o].data<float>(), b[o].data<float>());
    }
    for (const quant::Fidelity& output : fidelity) EXPECT_GT(output.sqnr_db(), 20);
}

TEST_F(NpuRecipe, WhatTheProfileHasNoRuleForOrIsTooLargeStaysFloat) {
    const std::string profile =
        write_profile(R"({"name": "small", "extends": "tflite-double", "rules": {"tanh": null, "float": "run"},)"
                      R"( "limits": {"max_pool": {"max_kernel": 2}}})");
    const QuantizeOutcome outcome = quantize(profile);
    std::vector<std::string> refused, reasons;
    for (const engine::FloatLayer& layer : outcome.refused) {
        refused.push_back(layer.name);
        reasons.push_back(layer.reason);
    }
    EXPECT_THAT(refused, testing::UnorderedElementsAre("tanh", "pool"));
    EXPECT_THAT(reasons,
                testing::UnorderedElementsAre(HasSubstr("no rule for \"tanh\""), HasSubstr("its window is 3x3")));
    const auto executable = emulate(profile);
    ASSERT_TRUE(executable);
}

// Nothing of the recipe's plan is in float when the profile is asked again.
TEST_F(NpuRecipe, WhatIsPlannedOnIntegersRunsOnThem) {
    const std::string profile =
        write_profile(R"({"name": "bare", "extends": "tflite-double", "rules": {"leaky_relu": null, "hardswish": null,)"
                      R"( "sigmoid": null, "resize": null, "float": "run"}})");
    const QuantizeOutcome outcome = quantize(profile);
    EXPECT_FALSE(outcome.refused.empty());
    const auto executable = emulate(profile);
    ASSERT_TRUE(executable);
    for (const engine::FloatLayer& layer : executable->program().float_layers()) {
        for (const NodeId id : outcome.model.graph.topological_order()) {
            if (outcome.model.graph.node(id).name == layer.name)
                EXPECT_FALSE(outcome.model.plan.integer[static_cast<std::size_t>(id)]) << layer.name;
        }
    }
}

TEST_F(NpuRecipe, GridsAreThoseThatTheProfileDemands) {
    const std::string profile = write_profile(
        R"({"name": "plain", "extends": "tflite-double", "activations": {"zero_point": "zero", "range": "symmetric"},)"
        R"( "weights": {"scales": "tensor", "range": "symmetric"}, "demands": {"sigmoid": "any"}})");
    EXPECT_THAT(quantize(profile, {.normalization = std::nullopt}).refused, IsEmpty());
    const auto executable = emulate(profile);
    ASSERT_TRUE(executable);
    for (const engine::QuantValue& value : executable->program().values)
        EXPECT_EQ(value.grid.zero_point, 0) << value.name;
}

TEST_F(NpuRecipe, SixteenBitsAreForHeadsAndTheirInputs) {
    quantize("tflite-double", {.chip_int16 = true, .keep_int16 = {"head"}});
    const auto executable = emulate("tflite-double");
    ASSERT_TRUE(executable);
    int wide = 0;
    for (const engine::Op& op : executable->program().ops) {
        const auto* conv = std::get_if<engine::ConvOp>(&op.form);
        if (!conv) continue;
        const DType y = executable->program().values[engine::index_of(conv->y)].grid.dtype;
        EXPECT_EQ(conv->x.grid.dtype, y) << op.name << ": TensorFlow Lite's kernels are 8x8 or 16x8";
        wide += y == DType::int16;
    }
    EXPECT_EQ(wide, 1);
}

}  // namespace
}  // namespace octet::quantizer
