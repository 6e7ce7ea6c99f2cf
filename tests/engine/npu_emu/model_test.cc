// Whole networks under a profile, every tensor, against what the profile's program computed.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/compile.h"
#include "engine/npu_emu/profile.h"
#include "engine/npu_emu/rules.h"
#include "engine/session.h"
#include "frontends/npy.h"
#include "frontends/npz.h"
#include "frontends/onnx/importer.h"
#include "tests/engine/npu_emu/truth.h"
#include "tests/quantized_graph.h"
#include "tests/temporary_folder.h"
#include "tests/test_files.h"

namespace octet::engine::npu_emu {
namespace {

using Tensors = std::map<std::string, Tensor>;

// Every tensor that a run makes, integers by the name in the file and by that of the real values.
Tensors run(Graph graph, const std::string& profile, const std::vector<Tensor>& inputs, int threads = 2) {
    auto executable = compile(std::move(graph), {.backend = "npu-emu", .profile = profile});
    if (!executable) {
        ADD_FAILURE() << executable.error().message;
        return {};
    }
    auto session = Session::create(*executable, {.threads = threads}).value();
    Tensors tensors;
    session.set_observer(
        {.tensor = [&](const TensorInfo& info) { tensors.insert_or_assign(std::string(info.name), info.values); }});
    EXPECT_TRUE(session.run(inputs));
    for (const QuantValue& value : (*executable)->program().values) {
        if (!value.quantized_name.empty()) tensors.emplace(value.quantized_name, tensors.at(value.name));
    }
    return tensors;
}

// NCHW, int8 or uint8, as int8 NHWC.
std::vector<int> as_truth(const Tensor& tensor) {
    const int offset = tensor.dtype() == DType::uint8 ? 128 : 0;
    const auto values = tensor.to_int64();
    const Shape& s = tensor.shape();
    std::vector<int> out;
    if (s.size() != 4) {
        for (std::int64_t v : values) out.push_back(static_cast<int>(v) - offset);
        return out;
    }
    for (std::int64_t n = 0; n < s[0]; ++n) {
        for (std::int64_t i = 0; i < s[2] * s[3]; ++i) {
            for (std::int64_t c = 0; c < s[1]; ++c)
                out.push_back(static_cast<int>(values[static_cast<std::size_t>((n * s[1] + c) * s[2] * s[3] + i)]) -
                              offset);
        }
    }
    return out;
}

int differing(const Tensor& computed, const Tensor& truth) {
    const std::vector<int> a = as_truth(computed);
    const auto b = truth.to_int64();
    if (a.size() != b.size()) return -1;
    int count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
    return count;
}

struct Small {
    std::string profile, model, truth;  // of data/truth
    int tensors;                        // that the truth has
};

void PrintTo(const Small& small, std::ostream* out) {
    *out << small.profile << " on " << small.model;
}

class SmallNetwork : public testing::TestWithParam<Small> {};

TEST_P(SmallNetwork, every_tensor_is_the_programs) {
    const std::filesystem::path folder = *truth_folder("a_tflite/");
    const bool u8 = GetParam().model.find("u8") != std::string::npos;
    Tensor input = load_npy((folder / "a_tflite/input_u8_nchw.npy").string()).value();
    if (!u8) {
        Tensor s8(DType::int8, input.shape());
        for (std::size_t i = 0; i < s8.bytes(); ++i) s8.mutable_raw()[i] = input.raw()[i] ^ std::byte{0x80};
        input = s8;
    }
    const Tensors tensors = run(onnx::load((folder / GetParam().model).string()).value(), GetParam().profile, {input});
    auto truth = NpzReader::open((folder / GetParam().truth).string()).value();
    EXPECT_EQ(truth.entries().size(), GetParam().tensors);
    for (const auto& entry : truth.entries()) {
        std::string name = entry.name;
        for (std::size_t at; (at = name.find("__")) != std::string::npos;) name.erase(at, 1);
        std::replace(name.begin(), name.end(), '/', '_');
        if (!name.ends_with("_q")) name += "_q";
        ASSERT_TRUE(tensors.contains(name)) << name;
        EXPECT_EQ(differing(tensors.at(name), truth.load(entry).value()), 0) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Truth, SmallNetwork,
    testing::Values(Small{"tflite-double", "a_tflite/small_qdq_s8.onnx", "a_tflite/free_litert_ref.npz", 48},
                    Small{"tflite-double", "a_tflite/small_qdq_u8.onnx", "a_tflite/free_litert_ref.npz", 48},
                    Small{"ruy-x86", "a_tflite/small_qdq_s8.onnx", "a_tflite/free_litert_opt_where_different.npz", 43},
                    Small{"litert-xnnpack", "a_tflite/small_qdq_s8.onnx",
                          "a_tflite/free_litert_xnnpack_where_different.npz", 43},
                    Small{"onnxruntime-unfused", "a_tflite/small_qdq_u8.onnx", "b_ort/qdq_u8_off.npz", 48},
                    Small{"onnxruntime-unfused", "a_tflite/small_qdq_s8.onnx", "b_ort/qdq_u8_off.npz", 48},
                    Small{"onnxruntime-x86-fused", "a_tflite/small_qdq_u8.onnx", "b_ort/qdq_u8_off.npz", 48}));

// What Vela wrote into its command stream for the small network: (m, right shift).
class Vela : public testing::Test {
  protected:
    struct Scale {
        std::int64_t m = 0;
        int shift = 0;
        friend bool operator==(const Scale&, const Scale&) = default;
        friend void PrintTo(const Scale& scale, std::ostream* out) { *out << scale.m << " >> " << scale.shift; }
    };

    void SetUp() override {
        const std::filesystem::path folder = *truth_folder("d_ethos_u/");
        std::ifstream file(folder / "d_ethos_u/small_u55nb.json");
        truth_ = nlohmann::json::parse(file);
        auto compiled = compile(onnx::load((folder / "a_tflite/small_qdq_s8.onnx").string()).value(),
                                {.backend = "npu-emu", .profile = "ethos-u"});
        ASSERT_TRUE(compiled) << compiled.error().message;
        executable_ = *compiled;
    }

    const Grid& grid(QuantId id) const { return executable_->program().values[index_of(id)].grid; }
    static Scale scale_of(Multiplier q) { return {q.m, 31 - q.e}; }
    static Scale scale_of(const nlohmann::json& scale) { return {scale[0], scale[1]}; }

    // Of the elementwise operators of a kind, in order.
    std::vector<nlohmann::json> elementwise(const std::string& kind) const {
        std::vector<nlohmann::json> found;
        for (const auto& entry : truth_["elementwise"]) {
            if (entry["desc"][0] == kind) found.push_back(entry["scales"]);
        }
        return found;
    }
    template <typename Form>
    std::vector<const Form*> forms() const {
        std::vector<const Form*> found;
        for (const Op& op : executable_->program().ops) {
            if (const auto* form = std::get_if<Form>(&op.form)) found.push_back(form);
        }
        return found;
    }

    nlohmann::json truth_;
    std::shared_ptr<const Executable> executable_;
};

TEST_F(Vela, has_the_multiplier_shift_and_bias_of_every_channel) {
    int channels = 0;
    for (const auto& truth : truth_["convs"]) {
        std::string name = truth["tflite"].get<std::string>() + "_q";
        std::replace(name.begin(), name.end(), '/', '_');
        const ConvOp* conv = nullptr;
        for (const ConvOp* candidate : forms<ConvOp>()) {
            if (executable_->program().values[index_of(candidate->y)].quantized_name == name) conv = candidate;
        }
        ASSERT_TRUE(conv) << name;
        const auto& stream = truth["channels"];
        ASSERT_EQ(stream["multiplier"].size(), conv->weight_scales.size()) << name;
        for (std::size_t c = 0; c < conv->weight_scales.size(); ++c, ++channels) {
            const double scale = static_cast<double>(conv->x.grid.scale) * conv->weight_scales[c] /
                                 static_cast<double>(grid(conv->y).scale);
            const Scale expected{stream["multiplier"][c], stream["shift"][c]};
            EXPECT_EQ(scale_of(quantize_multiplier(scale)), expected) << name << " " << c;
            EXPECT_EQ(conv->integer_bias.at(c), stream["bias"][c].get<int>()) << name << " " << c;
        }
    }
    EXPECT_EQ(channels, 248);
}

TEST_F(Vela, scales_one_operand_of_an_add) {
    const auto truth = elementwise("Add");
    const auto sums = forms<AddOp>();
    ASSERT_EQ(truth.size(), 1U);
    ASSERT_EQ(sums.size(), 1U);
    const Adder adder = make_adder(AddRule::ethos_one, RequantRule::double_round, sums[0]->a.grid, sums[0]->b.grid,
                                   grid(sums[0]->y), {})
                            .value();
    const bool a_is_scaled = sums[0]->a.grid.scale < sums[0]->b.grid.scale;
    // q << 20 is in the multiplier here.
    Scale operand = scale_of(a_is_scaled ? adder.a : adder.b);
    operand.shift -= adder.shift;
    EXPECT_EQ(operand, scale_of(truth[0]["NPU_SET_OPA_SCALE"]));
    EXPECT_EQ(scale_of(adder.out), scale_of(truth[0]["NPU_SET_OFM_SCALE"]));
}

TEST_F(Vela, scales_products_and_requantizations) {
    const auto products = elementwise("Mul"), requantizations = elementwise("Quantize");
    const auto muls = forms<MulOp>();
    ASSERT_EQ(muls.size(), products.size());
    EXPECT_EQ(load_profile("ethos-u")->rule("mul"), "double-f32");
    EXPECT_GT(muls.size(), 0U);
    for (std::size_t i = 0; i < muls.size(); ++i) {
        // In float32, unlike all others.
        const float scale = muls[i]->a.grid.scale * muls[i]->b.grid.scale / grid(muls[i]->y).scale;
        EXPECT_EQ(scale_of(quantize_multiplier(scale)), scale_of(products[i]["NPU_SET_OFM_SCALE"]));
        const Requantizer rule = make_multiplication(MulRule::requant, RequantRule::double_round, muls[i]->a.grid,
                                                     muls[i]->b.grid, grid(muls[i]->y), {}, {.from_float32 = true})
                                     .value()
                                     .requantizer;
        EXPECT_EQ(scale_of(Multiplier{rule.m, rule.e}), scale_of(products[i]["NPU_SET_OFM_SCALE"]));
    }
    // Vela orders them by its own schedule.
    std::multiset<std::pair<std::int64_t, int>> ours, velas;
    for (const TableOp* table : forms<TableOp>()) {
        if (!table->steps.empty()) continue;
        const Scale scale = scale_of(
            quantize_multiplier(static_cast<double>(table->x.grid.scale) / static_cast<double>(grid(table->y).scale)));
        ours.emplace(scale.m, scale.shift);
    }
    for (const auto& scales : requantizations) {
        const Scale scale = scale_of(scales["NPU_SET_OFM_SCALE"]);
        velas.emplace(scale.m, scale.shift);
    }
    EXPECT_EQ(velas.size(), 7U);
    EXPECT_EQ(ours, velas);
}

// Which pixel a nearest Resize takes, as each engine and mode of ONNX's picked it.
TEST(ResizeNearest, takes_the_pixels_that_the_engines_take) {
    std::ifstream file(*truth_folder("probes/") / "probes/resize_nearest_index.json");
    const auto taken = [](int in, int out, const std::string& coordinates, const std::string& rounding,
                          const std::string& profile) {
        test::QuantizedGraph b;
        const ValueId x = b.quantize(b.input({1, 1, 1, in}), 1, 0, DType::int8);
        const ValueId none = b.constant(Tensor(DType::float32, {0})),
                      sizes = b.constant(Tensor::from<std::int64_t>({4}, {1, 1, 1, out}));
        const ValueId y = b.node("Resize", {x, none, none, sizes},
                                 {{"mode", std::string("nearest")},
                                  {"coordinate_transformation_mode", coordinates},
                                  {"nearest_mode", rounding}});
        b.output(b.quantize(y, 1, 0, DType::int8));
        Tensor ramp(DType::float32, {1, 1, 1, in});
        for (int i = 0; i < in; ++i) ramp.mutable_data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i);
        return run(b.graph, profile, {ramp}).at(b.graph.value(y).name).to_int64();
    };
    int compared = 0;
    for (const auto& entry : nlohmann::json::parse(file)) {
        const int in = entry["in_"], out = entry["out"];
        for (const auto& [key, index] : entry["index"].items()) {
            const std::size_t first = key.find('/'), second = key.find('/', first + 1);
            const std::string engine = key.substr(0, first), mode = key.substr(first + 1, second - first - 1);
            if (index.is_string()) continue;  // the engine refused it
            const auto expected = index.get<std::vector<std::int64_t>>();
            if (engine == "ort") {
                EXPECT_EQ(taken(in, out, mode, key.substr(second + 1), "onnxruntime-unfused"), expected)
                    << key << " " << in << " to " << out;
                ++compared;
            } else if (mode == "asymmetric") {
                const std::string profile = engine == "tosa" ? "tosa" : "tflite-double";
                EXPECT_EQ(taken(in, out, mode, "floor", profile), expected) << key << " " << in << " to " << out;
                ++compared;
            } else if (mode == "half_pixel" && engine != "tosa") {
                // TensorFlow Lite's floor((o + 1/2) * in / out) rounds ties upwards.
                EXPECT_EQ(taken(in, out, mode, "round_prefer_ceil", "tflite-double"), expected)
                    << key << " " << in << " to " << out;
                ++compared;
            }
        }
    }
    EXPECT_EQ(compared, 6 * (16 + 5 + 4) - 1);
}

// The real YOLOP at 64x64, 257 tensors, with the rewrites that TFLite's operators want.
class Yolop64 : public testing::Test {
  protected:
    void SetUp() override {
        OCTET_NEEDS_SHARED("models/peers/ort-int8.onnx");
        OCTET_NEEDS_SHARED("truth/c_yolop");
        model_ = shared_folder + "/models/peers/ort-int8.onnx";
        truth_ = shared_folder + "/truth/c_yolop";
    }

    Graph model() const {
        Graph graph = onnx::load(model_.string()).value();
        for (std::size_t i = 0; i < graph.value_count(); ++i) {
            Value& value = graph.value(static_cast<ValueId>(i));
            if (!value.constant) value.shape.reset();
        }
        graph.value(graph.inputs[0]).shape = Shape{1, 3, 64, 64};
        return graph;
    }

    std::filesystem::path model_, truth_;
};

TEST_F(Yolop64, every_tensor_is_litert_references) {
    std::ifstream file(truth_ / "manifest_64.json");
    const auto manifest = nlohmann::json::parse(file)["tensors"];
    // The picture as integers → the float that they stand for.
    const Tensor s8 = load_npy((truth_ / "input_s8_nhwc.npy").string()).value();
    const auto scale = manifest[0]["scale"].get<float>();
    const int zero_point = manifest[0]["zero_point"];
    Tensor input(DType::float32, {1, 3, 64, 64});
    for (std::size_t i = 0; i < s8.bytes(); ++i) {
        input.mutable_data<float>()[i % 3 * 64 * 64 + i / 3] =
            static_cast<float>(s8.data<std::int8_t>()[i] - zero_point) * scale;
    }
    const Tensors tensors = run(model(), "tflite-double", {input});
    auto truth = NpzReader::open((truth_ / "litert_ref_64_all.npz").string()).value();
    EXPECT_EQ(truth.entries().size(), 257U);
    // The truth's names are the file's without what exporters put around them.
    std::map<std::string, const Tensor*> by_node;
    for (const auto& [name, tensor] : tensors) {
        std::string stripped = name.substr(name.find_first_not_of('/'));
        if (const std::size_t at = stripped.find("_output_0"); at != std::string::npos) stripped.erase(at, 9);
        by_node.emplace(stripped, &tensor);
    }
    std::int64_t values = 0;
    for (const auto& entry : truth.entries()) {
        // A pool whose result is requantized has both tensors.
        std::string name = entry.name;
        if (truth.find(name + "/requant")) name += "/input_scale";
        if (name.ends_with("/requant")) name.resize(name.size() - std::string("/requant").size());
        ASSERT_TRUE(by_node.contains(name)) << name;
        const Tensor expected = truth.load(entry).value();
        EXPECT_EQ(differing(*by_node.at(name), expected), 0) << name;
        values += expected.size();
    }
    EXPECT_EQ(values, 1'618'792);
}

// ONNX Runtime itself, beside octet, on a network that its own quantizer wrote.
class OnnxRuntime : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        OCTET_NEEDS_SHARED("models/reference-recipe/yolop-640-ort-entropy.onnx");
        model_ = shared_folder + "/models/reference-recipe/yolop-640-ort-entropy.onnx";
        const char* peers = std::getenv("PEERS_VENV");
        for (const std::string& python :
             {peers ? std::string(peers) + "/bin/python" : std::string(),
              std::string(OCTET_SOURCE_DIR) + "/build/peers-venv/bin/python", std::string("python3")}) {
            const std::string program = fmt::format("'{}' '{}'", python, script_);
            if (std::system((program + " 2> /dev/null").c_str()) == 0) {
                program_ = program;
                return;
            }
        }
        GTEST_SKIP() << "needs onnxruntime 1.32.0 and onnx in $PEERS_VENV, build/peers-venv or python3";
    }

    const std::string script_ = std::string(OCTET_SOURCE_DIR) + "/tests/engine/npu_emu/run_onnxruntime.py";
    std::string model_, program_;
};

TEST_P(OnnxRuntime, has_the_same_integers_in_every_tensor) {
    const std::string mode = GetParam();
    // Waves of all lengths, so that no layer rests at its zero point.
    Tensor input(DType::float32, {1, 3, 640, 640});
    for (std::int64_t i = 0; i < input.size(); ++i) {
        const std::int64_t row = i / 640;
        const auto x = static_cast<float>(i % 640), y = static_cast<float>(row);
        input.mutable_data<float>()[static_cast<std::size_t>(i)] =
            std::sin(x * x * 1e-3F) + std::cos(y * 0.05F + x * 0.011F);
    }
    const TemporaryFolder folder;
    ASSERT_TRUE(save_npy(input, folder / "input.npy"));
    const std::string command =
        fmt::format("{} '{}' '{}' {} '{}'", program_, model_, folder / "input.npy", mode, folder / "tensors.npz");
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    const Tensors computed =
        run(onnx::load(model_).value(), mode == "fused" ? "onnxruntime-x86-fused" : "onnxruntime-unfused", {input});
    auto truth = NpzReader::open(folder / "tensors.npz").value();
    std::int64_t integers = 0;
    for (const auto& entry : truth.entries()) {
        std::string name = entry.name;
        std::replace(name.begin(), name.end(), '|', '/');
        ASSERT_TRUE(computed.contains(name)) << name;
        const Tensor& ours = computed.at(name);
        const Tensor theirs = truth.load(entry).value();
        ASSERT_EQ(ours.shape(), theirs.shape()) << name;
        if (theirs.dtype() == DType::float32) {
            for (std::size_t i = 0; i < theirs.data<float>().size(); ++i)
                ASSERT_NEAR(ours.data<float>()[i], theirs.data<float>()[i], 1e-5) << name;
            continue;
        }
        EXPECT_TRUE(identical(ours, theirs)) << name;
        integers += theirs.size();
    }
    EXPECT_EQ(integers, 236'060'000);
}

INSTANTIATE_TEST_SUITE_P(ReferenceRecipe, OnnxRuntime, testing::Values("fused", "unfused"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace octet::engine::npu_emu
