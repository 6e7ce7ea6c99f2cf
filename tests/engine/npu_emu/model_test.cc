// Whole networks under a profile, every tensor, against what the profile's program computed.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/compile.h"
#include "engine/session.h"
#include "frontends/npy.h"
#include "frontends/npz.h"
#include "frontends/onnx/importer.h"
#include "tests/engine/npu_emu/truth.h"
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

}  // namespace
}  // namespace octet::engine::npu_emu
