// octet-dump: formats, layouts, the manifest, and a convolution as a C header that a C compiler takes and runs.

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "compare/tensor_layout.h"
#include "frontends/npy.h"
#include "frontends/npz.h"
#include "tests/program.h"

namespace octet::apps {
namespace {

using compare::Layout;
using compare::to_layout;
using compare::to_signedness;

const std::string truth = std::string(OCTET_SOURCE_DIR) + "/data/truth/a_tflite/";
const std::string dump = "octet-dump " + truth + "small_qdq_u8.onnx --input images_q=" + truth +
                         "input_u8_nchw.npy --backend npu-emu --profile tflite-double ";

nlohmann::json json_of(const std::string& path) {
    const auto bytes = read_file(path, 1 << 24).value();
    return nlohmann::json::parse(bytes.begin(), bytes.end());
}

TEST(Layouts, hold_what_their_drawings_say) {
    Tensor x(DType::int8, {1, 5, 1, 2});
    for (std::size_t i = 0; i < 10; ++i) x.mutable_data<std::int8_t>()[i] = static_cast<std::int8_t>(i);
    const auto values = [&](Layout layout, int block) { return to_layout(x, layout, block, 9).to_int64(); };
    using V = std::vector<std::int64_t>;
    EXPECT_EQ(values(Layout::nchw, 4), (V{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(values(Layout::nhwc, 4), (V{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}));
    EXPECT_EQ(values(Layout::nc4hw4, 16), (V{0, 2, 4, 6, 1, 3, 5, 7, 8, 9, 9, 9, 9, 9, 9, 9}));
    EXPECT_EQ(values(Layout::nc1hwc2, 3), (V{0, 2, 4, 1, 3, 5, 6, 8, 9, 7, 9, 9}));
    EXPECT_EQ(to_layout(x, Layout::nc4hw4, 16, 9).shape(), (Shape{1, 2, 1, 2, 4}));
    EXPECT_EQ(to_signedness(x, false).to_int64()[3], 131);
    EXPECT_TRUE(identical(to_signedness(to_signedness(x, false), true), x));
}

TEST(Dump, npz_as_s8_nhwc_is_what_litert_computed) {
    const TemporaryFolder folder;
    const auto result = run_program_text(dump + "--type s8 --layout nhwc -o " + (folder / "d.npz"));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto manifest = json_of(folder / "d.npz.json");
    EXPECT_EQ(manifest["profile"], "tflite-double");
    auto archive = NpzReader::open(folder / "d.npz").value();
    auto expected = NpzReader::open(truth + "free_litert_ref.npz").value();
    std::map<std::string, nlohmann::json> by_onnx;
    for (const auto& tensor : manifest["tensors"]) by_onnx[tensor["onnx"]] = tensor;
    int compared = 0;
    for (const auto& entry : expected.entries()) {
        std::string name = entry.name + "_q";
        for (std::size_t at; (at = name.find("__")) != std::string::npos;) name.erase(at, 1);
        std::replace(name.begin(), name.end(), '/', '_');
        ASSERT_TRUE(by_onnx.contains(name)) << name;
        const Tensor tensor = archive.load(by_onnx[name]["file"].get<std::string>()).value();
        EXPECT_TRUE(identical(tensor, expected.load(entry).value())) << name;
        EXPECT_EQ(by_onnx[name]["dtype"], "int8");
        EXPECT_EQ(by_onnx[name]["shape"].get<Shape>(), tensor.shape());
        ++compared;
    }
    EXPECT_EQ(compared, 48);
    EXPECT_EQ(by_onnx["focus_conv_q"]["op"], "Conv");
}

TEST(Dump, folders_of_npy_and_raw_and_some_layers) {
    const TemporaryFolder folder;
    ASSERT_EQ(run_program_text(dump + "--layers 'd1_*' --dequantize -o " + (folder / "npy")).exit_code, 0);
    ASSERT_EQ(
        run_program_text(dump + "--layers 'd1_conv*' --format raw --layout nc1hwc2 -o " + (folder / "raw")).exit_code,
        0);
    const auto npy = json_of(folder / "npy/manifest.json")["tensors"];
    EXPECT_GE(npy.size(), 3U);
    for (const auto& tensor : npy) {
        const Tensor loaded = load_npy(folder / ("npy/" + tensor["file"].get<std::string>())).value();
        EXPECT_EQ(loaded.dtype(), DType::float32);
        EXPECT_FALSE(tensor["quantized"]);
    }
    const auto raw = json_of(folder / "raw/manifest.json")["tensors"];
    ASSERT_EQ(raw.size(), 1U);
    EXPECT_EQ(raw[0]["shape"].get<Shape>(), (Shape{1, 2, 12, 16, 16}));
    EXPECT_EQ(std::filesystem::file_size(folder / ("raw/" + raw[0]["file"].get<std::string>())), 2U * 12 * 16 * 16);
}

TEST(Dump, wrong_command_lines) {
    const TemporaryFolder folder;
    const std::string out = " -o " + (folder / "x.npz");
    const std::string model = "octet-dump " + truth + "small_qdq_u8.onnx";
    EXPECT_EQ(run_program_text(model).exit_code, 2);
    EXPECT_EQ(run_program_text(model + " --backend npu-emu" + out).exit_code, 2);
    EXPECT_EQ(run_program_text(model + " --profile tflite-double" + out).exit_code, 2);
    EXPECT_EQ(run_program_text(model + " --backend npu-emu --profile nobody" + out).exit_code, 3);
    EXPECT_EQ(run_program_text(dump + "--layers nothing*" + out).exit_code, 3);
    EXPECT_EQ(run_program_text(dump + "--c-header nothing" + out).exit_code, 3);
    EXPECT_EQ(folder.file_count(), 0U);
}

TEST(CHeader, is_compiled_and_holds_what_it_says) {
    const TemporaryFolder folder;
    for (const std::string layer : {"d1/conv", "focus/conv", "d2/dw"}) {
        const auto result = run_program_text(dump + "--c-header " + layer + " -o " + (folder / "layer.h"));
        ASSERT_EQ(result.exit_code, 0) << result.err;
        std::string name = layer, upper;
        name[name.find('/')] = '_';
        for (char c : name) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        const auto source = read_file(OCTET_SOURCE_DIR "/tests/apps/convolution_layer.c", 1 << 16);
        ASSERT_TRUE(source);
        const std::string program(source->begin(), source->end());
        std::string text;
        for (std::size_t i = 0; i < program.size(); ++i) {
            const bool prefix =
                (program.compare(i, 2, "N_") == 0 || program.compare(i, 2, "n_") == 0) &&
                (i == 0 || (std::isalnum(static_cast<unsigned char>(program[i - 1])) == 0 && program[i - 1] != '_'));
            if (prefix) {
                text += program[i] == 'N' ? upper : name;
            } else {
                text += program[i];
            }
        }
        ASSERT_TRUE(write_file(folder / "test.c", text));
        const auto compiled = run_shell("cd " + folder.path() + "; cc -std=c99 -Wall -Werror -o test test.c; ./test");
        EXPECT_EQ(compiled.exit_code, 0) << layer << ": " << compiled.out << compiled.err;
        EXPECT_NE(compiled.out.find("0 of"), std::string::npos) << compiled.out;
    }
}

}  // namespace
}  // namespace octet::apps
