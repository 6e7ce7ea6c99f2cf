// octet-compare and octet-vectors as a user calls them, on a network that octet-dump dumps: what is read, what is said of
// bad input.

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "compare/vectors.h"
#include "frontends/npy.h"
#include "frontends/npz.h"
#include "tests/program.h"

namespace octet::compare {
namespace {

using testing::HasSubstr;

const std::string truth = std::string(OCTET_SOURCE_DIR) + "/data/truth/a_tflite/";
const std::string model = truth + "small_qdq_u8.onnx", input = " --input images_q=" + truth + "input_u8_nchw.npy";

nlohmann::json json_of(const std::string& path) {
    const auto bytes = read_file(path, 1 << 24).value();
    return nlohmann::json::parse(bytes.begin(), bytes.end());
}

void write_text(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

std::string dump(const std::string& out, const std::string& options = "") {
    const auto result = run_program_text("octet-dump " + model + input + " --backend npu-emu --profile tflite-double " +
                                         options + " -o " + out);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return out;
}

TEST(Compare, octets_own_dumps_are_identical_in_every_form) {
    const TemporaryFolder folder;
    for (const char* form : {"--format npz", "--format npy --type s8 --layout nhwc", "--format raw --layout nc1hwc2",
                             "--format raw --type s8 --layout nc4hw4", "--format npy --dequantize"}) {
        const std::string out = folder / (std::string(form).find("npz") != std::string::npos ? "d.npz" : "d");
        std::filesystem::remove_all(out);
        dump(out, form);
        const auto result =
            run_program_text("octet-compare " + model + input + " --dump " + out + " --profile tflite-double");
        EXPECT_EQ(result.exit_code, 0) << form << "\n" << result.out << result.err;
        EXPECT_THAT(result.out, HasSubstr("are identical")) << form;
    }
}

TEST(Compare, another_profile_is_the_change_that_is_found) {
    const TemporaryFolder folder;
    const auto result = run_program_text(
        "octet-compare " + model + input + " --against-profile ruy-x86 --profile tflite-double --json " +
        (folder / "c.json") + " --html " + (folder / "c.html") + " --save-profile " + (folder / "p.json"));
    EXPECT_EQ(result.exit_code, 1) << result.err;
    const auto json = json_of(folder / "c.json");
    EXPECT_FALSE(json["identical"]);
    ASSERT_TRUE(json["profile_change"].is_array()) << json["verdict"];
    std::set<std::string> keys;
    for (const auto& change : json["profile_change"]) {
        keys.insert(change["key"]);
        EXPECT_EQ(change["to"], "double-up");
        EXPECT_GT(change["explains"], 0);
    }
    EXPECT_TRUE(keys.contains("rules.conv"));
    const auto page = read_file(folder / "c.html", 1 << 24).value();
    EXPECT_THAT(std::string(page.begin(), page.end()), HasSubstr("<svg"));
    const auto again = run_program_text("octet-compare " + model + input + " --against-profile ruy-x86 --profile " +
                                        (folder / "p.json"));
    EXPECT_EQ(again.exit_code, 0) << again.out << again.err;
}

// A machine that nobody has made: its dump says what it can, the vectors that are named decide the rest.
TEST(Compare, a_made_up_profile_is_inferred_to_the_key) {
    const TemporaryFolder folder;
    write_text(folder / "chip.json", R"({"name": "chip", "extends": "tflite-double", "multiplier": {"bits": 16},
        "padding": {"value": 0}, "rules": {"leaky_relu": "double-up", "add": "ort-22"}})");
    const auto run_on_chip = [&](const std::string& arguments) {
        const auto dumped =
            run_program_text("octet-dump -q --backend npu-emu --profile " + (folder / "chip.json") + " " + arguments);
        ASSERT_EQ(dumped.exit_code, 0) << dumped.err;
    };
    run_on_chip(model + input + " -o " + (folder / "chip.npz"));
    const std::string infer = "octet-compare " + model + input + " --dump " + (folder / "chip.npz") +
                              " --infer-profile --json " + (folder / "i.json") + " --save-profile " +
                              (folder / "found.json");
    const auto first = run_program_text(infer);
    EXPECT_EQ(first.exit_code, 0) << first.out << first.err;

    std::set<std::string> vectors;
    const auto so_far = json_of(folder / "i.json");
    for (const auto& undecided : so_far["undecided"]) {
        for (const std::string name : undecided["decided_by"]) vectors.insert(name);
    }
    ASSERT_FALSE(vectors.empty()) << first.out;
    ASSERT_EQ(run_program_text("octet-vectors tflite-double -o " + (folder / "vectors")).exit_code, 0);
    std::string also;
    const auto made_vectors = json_of(folder / "vectors/vectors.json");
    for (const auto& vector : made_vectors["vectors"]) {
        const std::string name = vector["name"], network = folder / ("vectors/" + name + ".onnx"),
                          dumped = folder / (name + ".npz");
        if (vectors.erase(name) == 0) continue;
        std::string arguments = network + " -o " + dumped;
        for (const auto& [port, file] : vector["inputs"].items())
            arguments += " --input " + port + "=" + (folder / ("vectors/" + file.get<std::string>()));
        run_on_chip(arguments);
        also += " --also " + network + "=" + dumped;
    }
    EXPECT_TRUE(vectors.empty()) << "not written: " << *vectors.begin();
    const auto result = run_program_text(infer + also);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    const auto json = json_of(folder / "i.json");
    EXPECT_TRUE(json["explains_everything"]);
    EXPECT_EQ(json["unexplained"].size(), 0U);
    EXPECT_EQ(json["profile"], "tflite-double") << result.out;
    std::map<std::string, nlohmann::json> changes;
    for (const auto& change : json["changes"]) changes[change["key"]] = change["to"];
    const std::map<std::string, nlohmann::json> made = {
        {"multiplier.bits", 16}, {"padding.value", 0}, {"rules.leaky_relu", "double-up"}, {"rules.add", "ort-22"}};
    EXPECT_EQ(changes, made) << result.out;
    const auto again = run_program_text("octet-compare " + model + input + " --dump " + (folder / "chip.npz") +
                                        " --profile " + (folder / "found.json"));
    EXPECT_EQ(again.exit_code, 0) << again.out;
}

TEST(Compare, a_map_names_what_nothing_else_does) {
    const TemporaryFolder folder;
    dump(folder / "d.npz");
    auto archive = NpzReader::open(folder / "d.npz").value();
    const auto manifest = json_of(folder / "d.npz.json");
    const std::string key = manifest["tensors"][3]["file"], name = manifest["tensors"][3]["name"];
    std::filesystem::create_directory(folder / "mine");
    ASSERT_TRUE(save_npy(archive.load(key).value(), folder / "mine/layer_3.npy"));
    const std::string command =
        "octet-compare " + model + input + " --dump " + (folder / "mine") + " --profile tflite-double";
    const auto unknown = run_program_text(command);
    EXPECT_EQ(unknown.exit_code, 3);
    EXPECT_THAT(unknown.err, HasSubstr("layer_3"));
    write_text(folder / "names", "layer_3 " + name + "\n");
    const auto result = run_program_text(command + " --map " + (folder / "names"));
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

// What each error names.
TEST(Compare, bad_input_is_an_error_that_names_tensor_and_file) {
    const TemporaryFolder folder;
    dump(folder / "d.npz");
    const auto manifest = json_of(folder / "d.npz.json");
    const std::string command = "octet-compare " + model + input + " --profile tflite-double --dump ";
    const auto expect_error = [&](const std::string& arguments, const std::string& first, const std::string& second) {
        const auto result = run_program_text(command + arguments);
        EXPECT_EQ(result.exit_code, 3) << arguments << result.out;
        EXPECT_THAT(result.err, HasSubstr(first)) << arguments;
        EXPECT_THAT(result.err, HasSubstr(second)) << arguments;
    };
    const auto with = [&](const char* file, const std::function<void(nlohmann::json&)>& lie) {
        nlohmann::json changed = manifest;
        lie(changed["tensors"][2]);
        write_text(folder / file, changed.dump());
        return (folder / "d.npz") + " --manifest " + (folder / file);
    };
    const std::string name = manifest["tensors"][2]["name"];
    expect_error(with("scale.json", [](auto& t) { t["scale"] = 0.5; }), name, "scale.json");
    expect_error(with("zero.json", [](auto& t) { t["zero_point"] = 1; }), name, "zero.json");
    expect_error(with("shape.json", [](auto& t) { t["shape_nchw"] = {1, 2, 3, 4}; }), name, "shape.json");
    expect_error(with("type.json", [](auto& t) { t["dtype"] = "int7"; }), name, "int7");
    expect_error(with("file.json", [](auto& t) { t["file"] = "nowhere"; }), name, "nowhere");
    expect_error(with("big.json", [](auto& t) { t["shape"] = {1000000, 1000000, 1000000}; }), name, "big.json");
    write_text(folder / "text.json", "{ \"tensors\": 3");
    expect_error((folder / "d.npz") + " --manifest " + (folder / "text.json"), "text.json", "not JSON");
    const auto bytes = read_file(folder / "d.npz", 1 << 26).value();
    write_text(folder / "short.npz",
               std::string(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2)));
    expect_error(folder / "short.npz", "short.npz", "truncated");
    write_text(folder / "foreign.npz", "PNG, not npz at all: a file of something else");
    expect_error(folder / "foreign.npz", "foreign.npz", "not an npz file");
    expect_error(folder / "nowhere", "nowhere", "");
    // An array that is larger than its tensor can be.
    auto writer = NpzWriter::create(folder / "bomb.npz").value();
    const std::string file = manifest["tensors"][2]["file"];
    ASSERT_TRUE(writer.add(file, Tensor(DType::float32, {1 << 24})));
    ASSERT_TRUE(writer.close());
    expect_error(folder / "bomb.npz", file, "limit");
    // A text that holds none.
    std::filesystem::create_directory(folder / "texts");
    write_text(folder / ("texts/" + file + ".txt"), "1 2 three");
    expect_error(folder / "texts", file, "'three'");
}

TEST(Compare, rknns_snapshot_is_read) {
    OCTET_NEEDS_SHARED("truth/e_rknn_snapshot/map_name_to_file.txt");
    const TemporaryFolder folder;
    const auto result =
        run_program_text("octet-compare " + model + input + " --dump " + shared_folder +
                         "/truth/e_rknn_snapshot/simulator --profile tflite-double --json " + (folder / "r.json"));
    EXPECT_LE(result.exit_code, 1) << result.err;
    EXPECT_EQ(json_of(folder / "r.json")["compared"], 6);
}

TEST(Vectors, separate_left_shifts_edges_and_every_width) {
    std::map<std::pair<std::string, std::string>, Pair> pairs;
    const Matrix matrix = make_matrix("conv", settings("conv")).value();
    for (const Pair& pair : matrix.pairs) pairs[{pair.a, pair.b}] = pair;
    for (const auto& [a, b] :
         std::vector<std::pair<std::string, std::string>>{{"double", "double-up"},
                                                          {"double", "single"},
                                                          {"single", "fp32"},
                                                          {"fp32", "onnx-ref"},
                                                          {"accumulator-wraps-16", "accumulator-saturates-16"},
                                                          {"accumulator-wraps-24", "accumulator-saturates-24"},
                                                          {"accumulator-saturates-16", "accumulator-saturates-18"}}) {
        EXPECT_GT((pairs.at({a, b})).differing, 0) << a << " " << b;
    }
    EXPECT_EQ((pairs.at({"double", "tosa-double"})).differing, 0);
    EXPECT_FALSE((pairs.at({"double", "tosa-double"})).proof.empty());
    const std::vector<Vector> vectors = make_vectors("conv");
    const auto found =
        std::find_if(vectors.begin(), vectors.end(), [](const Vector& v) { return v.name == "conv-left-shifts"; });
    ASSERT_NE(found, vectors.end());
    const Vector& left = *found;
    const auto emulation = emulation_of(left).value();
    std::vector<Tensor> results;
    for (const Setting& setting : settings("conv")) {
        if (setting.id == "single" || setting.id == "fp32")
            results.push_back(result_of(left, *emulation, setting).value());
    }
    EXPECT_FALSE(identical(results[0], results[1]));
}

TEST(Vectors, separate_every_two_rules_or_there_is_a_proof) {
    for (const std::string& kind : vector_kinds()) {
        const Matrix matrix = make_matrix(kind, settings(kind)).value();
        for (const Pair& pair : matrix.pairs) {
            EXPECT_GT(pair.tried, 0) << kind << " " << pair.a << " " << pair.b;
            EXPECT_EQ(pair.differing == 0, !pair.proof.empty())
                << kind << " " << pair.a << " " << pair.b << ": " << pair.differing << " of " << pair.tried << "; "
                << pair.proof;
        }
    }
}

TEST(Vectors, are_networks_that_run) {
    const TemporaryFolder folder;
    const auto made = run_program_text("octet-vectors tflite-double ruy-x86 -o " + folder.path());
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const auto json = json_of(folder / "vectors.json");
    for (const auto& vector : json["vectors"]) {
        const std::string name = vector["name"];
        std::string command =
            "octet-compare " + (folder / (name + ".onnx")) + " --profile tflite-double --against-profile ruy-x86";
        for (const auto& [port, file] : vector["inputs"].items())
            command += " --input " + port + "=" + (folder / file.get<std::string>());
        EXPECT_EQ(run_program_text(command).exit_code, 1) << name;
    }
}

}  // namespace
}  // namespace octet::compare
