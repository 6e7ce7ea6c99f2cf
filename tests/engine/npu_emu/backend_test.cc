// The backend on small networks that are made here, and octet-fixed16 against the cpu backend.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/file.h"
#include "engine/compile.h"
#include "engine/npu_emu/rules.h"
#include "engine/session.h"
#include "frontends/onnx/importer.h"
#include "tests/engine/random_network.h"
#include "tests/quantized_graph.h"
#include "tests/temporary_folder.h"

namespace octet::engine::npu_emu {
namespace {

using test::QuantizedGraph;
using Tensors = std::map<std::string, Tensor, std::less<>>;

CompileOptions options_for(const std::string& profile) {
    return profile == "cpu" ? CompileOptions{.observable = true}
                            : CompileOptions{.backend = "npu-emu", .profile = profile};
}

Result<Tensors> tensors_of(const Graph& graph, const std::vector<Tensor>& inputs, const std::string& profile) {
    OCTET_ASSIGN(const auto executable, compile(graph, options_for(profile)));
    OCTET_ASSIGN(auto session, Session::create(executable, {.threads = 2}));
    Tensors tensors;
    session.set_observer(
        {.tensor = [&](const TensorInfo& info) { tensors.insert_or_assign(std::string(info.name), info.values); }});
    OCTET_TRY(session.run(inputs));
    return tensors;
}

// A profile of these lines more than tflite-double.
class Written {
  public:
    explicit Written(const std::string& lines) {
        const auto written =
            write_file(folder_ / "p.json", std::string(R"({"name": "p", "extends": "tflite-double", )") + lines + "}");
        EXPECT_TRUE(written);
    }
    std::string path() const { return folder_ / "p.json"; }

  private:
    TemporaryFolder folder_;
};

std::string refusal(const Graph& graph, const std::string& profile) {
    const auto executable = compile(graph, options_for(profile));
    return executable ? "" : executable.error().message;
}

TEST(OctetFixed16, equals_the_cpu_backend_on_every_tensor_of_every_committed_model) {
    int models = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(OCTET_SOURCE_DIR) / "models")) {
        if (entry.path().extension() != ".onnx") continue;
        ++models;
        Graph graph = onnx::load(entry.path().string()).value();
        QuantizedGraph random(7);
        std::vector<Tensor> inputs;
        for (ValueId input : graph.inputs) inputs.push_back(random.random_tensor(*graph.value(input).shape, -2, 2));
        const Tensors cpu = tensors_of(graph, inputs, "cpu").value(),
                      emulated = tensors_of(graph, inputs, "octet-fixed16").value();
        EXPECT_GT(cpu.size(), 100U);
        EXPECT_EQ(cpu.size(), emulated.size());
        for (const auto& [name, tensor] : cpu) {
            ASSERT_TRUE(emulated.contains(name)) << name;
            EXPECT_TRUE(identical(tensor, emulated.at(name))) << entry.path() << ": " << name;
        }
    }
    EXPECT_GT(models, 0);
}

TEST(OctetFixed16, equals_the_cpu_backend_on_random_networks) {
    int compared = 0;
    for (unsigned seed = 1; seed <= 120; ++seed) {
        const test::RandomNetwork network = test::random_network(seed);
        const auto executable = compile(network.graph, options_for("cpu"));
        const auto other = compile(network.graph, options_for("octet-fixed16"));
        ASSERT_EQ(executable.has_value(), other.has_value()) << "seed " << seed;
        // The cpu runs batches in float.
        if (!executable || (*executable)->program().values.size() != (*other)->program().values.size()) continue;
        const Tensors cpu = tensors_of(network.graph, network.inputs, "cpu").value(),
                      emulated = tensors_of(network.graph, network.inputs, "octet-fixed16").value();
        ASSERT_EQ(cpu.size(), emulated.size()) << "seed " << seed;
        for (const auto& [name, tensor] : cpu)
            EXPECT_TRUE(identical(tensor, emulated.at(name))) << "seed " << seed << ": " << name;
        ++compared;
    }
    EXPECT_GT(compared, 60);
}

// The accumulators as loops over int64, in all widths.
TEST(Accumulators, of_every_width_are_what_their_definition_says) {
    constexpr int cin = 48, cout = 8, size = 5;
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({2, cin, size, size}), 0.02F, 3, DType::int8);
    const ValueId conv = b.conv(x, cin, cout, 3, 1, 0.02F, 0.01F);
    b.output(b.quantize(conv, 0.5F, -5, DType::int8));
    const std::vector<Tensor> inputs = {b.random_tensor({2, cin, size, size}, -2.6F, 2.5F)};
    const std::string y_name = b.graph.value(conv).name;
    const auto executable = compile(b.graph, options_for("tflite-double"));
    ASSERT_TRUE(executable) << executable.error().message;
    const Program& program = (*executable)->program();
    const ConvOp* op = nullptr;
    for (const Op& candidate : program.ops) {
        if (const auto* found = std::get_if<ConvOp>(&candidate.form)) op = found;
    }
    ASSERT_TRUE(op);
    ASSERT_EQ(op->integer_bias.size(), cout);

    struct Case {
        const char* lines;
        int bits;
        bool saturates, inside, channel_kernel, bias_first;
    };
    const Case cases[] = {
        {R"("accumulator": {"bits": 16, "overflow": "wrap"})", 16, false, false, false, false},
        {R"("accumulator": {"bits": 16, "overflow": "saturate"})", 16, true, false, false, false},
        {R"("accumulator": {"bits": 16, "overflow": "saturate", "bias": "first"})", 16, true, false, false, true},
        {R"("accumulator": {"bits": 16, "overflow": "saturate", "when": "addition"})", 16, true, true, false, false},
        {R"("accumulator": {"bits": 16, "overflow": "saturate", "when": "addition", "bias": "first"})", 16, true, true,
         false, true},
        {R"("accumulator": {"bits": 16, "overflow": "saturate", "when": "addition", "order": "channel-kernel"})", 16,
         true, true, true, false},
        {R"("accumulator": {"bits": 24, "overflow": "saturate", "when": "addition"})", 24, true, true, false, false},
        {R"("accumulator": {"bits": 40})", 40, false, false, false, false},
        {R"("accumulator": {"bits": 64, "overflow": "saturate"})", 64, true, false, false, false},
    };
    std::vector<Tensor> results;
    for (const Case& c : cases) {
        const Written profile(c.lines);
        const Tensors tensors = tensors_of(b.graph, inputs, profile.path()).value();
        const Tensor& y = tensors.at(y_name);
        const Tensor& in = tensors.at(program.values[index_of(op->x.id)].name);
        const auto limit = [&](std::int64_t v) {
            if (c.bits == 64) return v;
            const std::int64_t top = std::int64_t{1} << (c.bits - 1);
            if (c.saturates) return std::clamp(v, -top, top - 1);
            const std::int64_t rest = (v + top) & (2 * top - 1);
            return rest - top;
        };
        std::size_t at = 0;
        for (int n = 0; n < 2; ++n) {
            for (int o = 0; o < cout; ++o) {
                const auto r =
                    make_requantizer(RequantRule::double_round, 0.02F,
                                     static_cast<float>(op->weight_scales[static_cast<std::size_t>(o)]), 0.5F, -5, {})
                        .value();
                for (int p = 0; p < size * size; ++p, ++at) {
                    std::int64_t acc =
                        c.inside && c.bias_first ? limit(op->integer_bias[static_cast<std::size_t>(o)]) : 0;
                    for (int k = 0; k < 9 * cin; ++k) {
                        const int tap = c.channel_kernel ? k % 9 : k / cin, i = c.channel_kernel ? k / 9 : k % cin;
                        const int iy = p / size + tap / 3 - 1, ix = p % size + tap % 3 - 1;
                        const bool outside = iy < 0 || ix < 0 || iy >= size || ix >= size;
                        const int value = outside ? 3
                                                  : in.data<std::int8_t>()[static_cast<std::size_t>(
                                                        ((n * cin + i) * size + iy) * size + ix)];
                        acc += std::int64_t{value - 3} *
                               op->weights.data<std::int8_t>()[static_cast<std::size_t>((o * cin + i) * 9 + tap)];
                        if (c.inside) acc = limit(acc);
                    }
                    const std::int64_t bias = op->integer_bias[static_cast<std::size_t>(o)];
                    if (!c.inside) acc = c.bias_first ? limit(acc + bias) : limit(limit(acc) + bias);
                    if (c.inside && !c.bias_first) acc = limit(acc + bias);
                    ASSERT_EQ(y.data<std::int8_t>()[at], requantize(acc, r)) << c.lines << " at " << at;
                }
            }
        }
        results.push_back(y);
    }
    // The data overflow 16 bits, and the cases differ.
    EXPECT_FALSE(identical(results[0], results[1]));
    EXPECT_FALSE(identical(results[1], results[3]));
    EXPECT_FALSE(identical(results[3], results[5]));
    EXPECT_TRUE(identical(results[7], results[8]));
}

TEST(Refusals, name_node_reason_and_cure) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.02F, 3);
    b.output(b.quantize(b.node("HardSwish", {b.conv(x, 8, 8, 1, 1, 0.02F, 0.01F)}), 0.1F, 5));
    const std::string text = refusal(b.graph, "tflite-double");
    EXPECT_NE(text.find("node 'Conv_"), std::string::npos) << text;
    EXPECT_NE(text.find("no quantization between it and the HardSwish"), std::string::npos) << text;
    EXPECT_NE(text.find("octet-quantize --recipe npu"), std::string::npos) << text;
    EXPECT_EQ(refusal(b.graph, "onnxruntime-unfused"), "");
    EXPECT_EQ(refusal(b.graph, "octet-fixed16"), "");
}

TEST(Refusals, operators_without_a_rule_and_grids_outside_of_the_profile) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 8, 6, 6}), 0.25F, 3, DType::int8);
    const ValueId c = b.quantize(b.conv(x, 8, 8, 3, 2, 0.25F, 0.03F), 0.1F, 5, DType::int8);
    b.output(b.quantize(b.node("Sigmoid", {c}), 0x1p-8F, -128, DType::int8));
    EXPECT_EQ(refusal(b.graph, "tflite-double"), "");
    const auto refused = [&](const std::string& lines) { return refusal(b.graph, Written(lines).path()); };
    EXPECT_NE(refused(R"("rules": {"sigmoid": null})").find("no rule for \"sigmoid\""), std::string::npos);
    EXPECT_NE(refused(R"("activations": {"zero_point": "zero"})").find("its zero point is"), std::string::npos);
    EXPECT_NE(refused(R"("weights": {"scales": "tensor"})").find("quantize per tensor"), std::string::npos);
    EXPECT_NE(refused(R"("limits": {"conv": {"max_kernel": 2}})").find("its window is 3x3"), std::string::npos);
    EXPECT_NE(refused(R"("limits": {"conv": {"max_stride": 1}})").find("its stride is 2x2"), std::string::npos);
    EXPECT_NE(refusal(b.graph, "pow2-rne").find("no power of two"), std::string::npos);
    EXPECT_NE(refusal(b.graph, "int16x8").find("no rule for \"conv\""), std::string::npos);
    EXPECT_NE(refusal(b.graph, "int16x8").find("\"float\": \"run\""), std::string::npos);
}

TEST(Rewrites, are_said_and_keep_their_values) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 4, 8, 8}), 0.05F, 10);
    const ValueId p = b.quantize(b.node("MaxPool", {x}, {{"kernel_shape", std::vector<std::int64_t>{3, 3}}}), 0.07F, 3);
    const ValueId c = b.quantize(b.conv(p, 4, 4, 3, 2, 0.07F, 0.01F), 0.2F, 9);
    b.output(b.quantize(b.node("Concat", {c, c}, {{"axis", std::int64_t{1}}}), 0.3F, 1));
    const auto executable = compile(b.graph, options_for("tflite-double"));
    ASSERT_TRUE(executable) << executable.error().message;
    EXPECT_EQ((*executable)->rewrites().size(), 4U);  // two inputs of the Concat, the pool, the padding
    const std::vector<Tensor> inputs = {b.random_tensor({1, 4, 8, 8}, -0.5F, 12)};
    const Tensors inside =
        tensors_of(b.graph, inputs,
                   Written(R"("padding": {"uneven": "inside"}, "demands": {"equal_scales": []})").path())
            .value();
    const Tensors rewritten = tensors_of(b.graph, inputs, "tflite-double").value();
    for (const auto& [name, tensor] : inside) EXPECT_TRUE(identical(tensor, rewritten.at(name))) << name;
    EXPECT_GT(rewritten.size(), inside.size());
}

TEST(Constants, clamps_and_padding_change_what_they_name) {
    QuantizedGraph b;
    const ValueId x = b.quantize(b.input({1, 4, 8, 8}), 0.05F, -10, DType::int8);
    const ValueId c = b.quantize(b.conv(x, 4, 4, 3, 1, 0.05F, 0.01F), 0.02F, 9, DType::int8);
    b.output(b.quantize(b.node("LeakyRelu", {c}, {{"alpha", 0.1F}}), 0.02F, 20, DType::int8));
    const std::vector<Tensor> inputs = {b.random_tensor({1, 4, 8, 8}, -6, 6)};
    const auto result = [&](const std::string& lines) {
        auto tensors = tensors_of(b.graph, inputs, Written(lines).path()).value();
        return std::pair(
            tensors.at(
                b.graph.value(b.graph.node(b.graph.producer(b.graph.node(b.graph.producer(c)).inputs[0])).inputs[0])
                    .name),
            tensors);
    };
    const auto plain = result(R"("description": "")"), padded = result(R"("padding": {"value": 0})"),
               slope = result(R"("constants": {"leaky_alpha": "26/256"})"),
               clamped = result(R"("activations": {"range": "symmetric"})");
    EXPECT_FALSE(identical(plain.first, padded.first));
    EXPECT_TRUE(identical(plain.first, slope.first));
    for (const auto& [name, tensor] : clamped.second) {
        if (tensor.dtype() != DType::int8) continue;
        for (std::int8_t v : tensor.data<std::int8_t>()) ASSERT_NE(v, -128) << name;
    }
    int lowest = 0;
    for (std::int8_t v : plain.first.data<std::int8_t>()) lowest += v == -128;
    EXPECT_GT(lowest, 0);
}

}  // namespace
}  // namespace octet::engine::npu_emu
