// The ONNX backend node tests of Debian's libonnx-testdata. Each case is a model with inputs and expected outputs.
//
// A case is unsupported when octet says so itself: its importer or its shape inference return ErrorCode::unsupported.
// Every other case has to give the expected outputs, within the tolerance of ONNX's own runner, but for those where
// octet follows ONNX Runtime instead. The environment variable OCTET_NODE_SUITE names another folder of such cases.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "frontends/onnx/importer.h"
#include "frontends/onnx/proto_file.h"
#include "frontends/onnx/tensor_file.h"
#include "graph/ops/evaluator.h"
#include "octet_onnx.pb.h"

namespace octet::onnx {
namespace {

namespace fs = std::filesystem;

std::string suite_folder() {
    const char* other = std::getenv("OCTET_NODE_SUITE");
    return other ? other : "/usr/share/libonnx-testdata/data/node";
}

// graph/ops/resize_plan.h says how they differ.
constexpr std::array follow_onnx_runtime = {std::string_view("test_resize_downsample_scales_cubic_align_corners"),
                                            std::string_view("test_resize_downsample_scales_linear_align_corners")};

constexpr double relative_tolerance = 1e-3;
constexpr double absolute_tolerance = 1e-7;
// What is reached with the package of Debian 12. Raise it with every operator that is added.
constexpr int least_passing = 703;

enum class Outcome { passed, different, unsupported, failed };
struct Verdict {
    Outcome outcome;
    std::string reason;
};

std::vector<std::string> case_names() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(suite_folder(), error)) {
        if (fs::exists(entry.path() / "model.onnx")) names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

fs::path data_file(const std::string& name, const char* stem, int i) {
    return fs::path(suite_folder()) / name / "test_data_set_0" / fmt::format("{}_{}.pb", stem, i);
}

constexpr int bfloat16 = 16;  // TensorProto.DataType

using Ports = google::protobuf::RepeatedPtrField<onnx_schema::ValueInfoProto>;

bool is_declared(const onnx_schema::ValueInfoProto& port, const Shape& shape) {
    const auto& declared = port.type().tensor_type().shape();
    if (!port.type().tensor_type().has_shape()) return true;
    if (declared.dim_size() != static_cast<int>(shape.size())) return false;
    for (int d = 0; d < declared.dim_size(); ++d) {
        const auto& dimension = declared.dim(d);
        if (dimension.has_dim_value() && dimension.dim_value() != shape[static_cast<std::size_t>(d)]) return false;
    }
    return true;
}

// The first `count` input or output files, which belong to the model's ports.
Result<std::vector<Tensor>> load_tensors(const std::string& name, const char* stem, const Ports& ports, int count) {
    std::vector<Tensor> tensors;
    for (int i = 0; i < count; ++i) {
        OCTET_ASSIGN(Tensor tensor, load_tensor(data_file(name, stem, i).string()));
        // The suite stores bfloat16 as its bits, the upper half of a float32's.
        if (ports[i].type().tensor_type().elem_type() == bfloat16 && tensor.dtype() == DType::uint16) {
            Tensor wide(DType::float32, tensor.shape());
            for (std::size_t k = 0; k < static_cast<std::size_t>(tensor.size()); ++k) {
                const std::uint32_t bits = std::uint32_t{tensor.data<std::uint16_t>()[k]} << 16;
                wide.mutable_data<float>()[k] = std::bit_cast<float>(bits);
            }
            tensor = std::move(wide);
        }
        if (!is_declared(ports[i], tensor.shape())) {
            return fail(ErrorCode::unsupported,
                        "the case contradicts itself: '{}' holds a tensor of {}, not as declared", ports[i].name(),
                        to_string(tensor.shape()));
        }
        tensors.push_back(std::move(tensor));
    }
    return tensors;
}

// The model with its inputs from `first` on turned into constants.
Result<Graph> load_model(const std::string& name, const onnx_schema::ModelProto& model, int first) {
    onnx_schema::ModelProto bound = model;
    for (int i = first; i < model.graph().input_size(); ++i) {
        onnx_schema::TensorProto& value = *bound.mutable_graph()->add_initializer();
        OCTET_TRY(parse_file(data_file(name, "input", i).string(), value, "a tensor"));
        value.set_name(model.graph().input(i).name());
    }
    const std::string bytes = bound.SerializeAsString();
    return parse(std::as_bytes(std::span(bytes)), name, "");
}

bool is_dynamic(const Result<Graph>& graph) {
    return !graph && graph.error().message.find("dynamic shape") != std::string::npos;
}

std::optional<std::string> difference(const Tensor& actual, const Tensor& expected) {
    if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape()) {
        return fmt::format("{} {} instead of {} {}", dtype_name(actual.dtype()), to_string(actual.shape()),
                           dtype_name(expected.dtype()), to_string(expected.shape()));
    }
    if (identical(actual, expected)) return std::nullopt;
    if (actual.dtype() == DType::int64 || actual.dtype() == DType::uint64) return "64-bit integers differ";
    const Tensor wide_actual = actual.cast(DType::float64);
    const Tensor wide_expected = expected.cast(DType::float64);
    for (std::size_t i = 0; i < static_cast<std::size_t>(actual.size()); ++i) {
        const double a = wide_actual.data<double>()[i];
        const double e = wide_expected.data<double>()[i];
        if (a == e || (std::isnan(a) && std::isnan(e))) continue;
        if (!(std::abs(a - e) <= absolute_tolerance + relative_tolerance * std::abs(e))) {
            return fmt::format("element {} is {} instead of {}", i, a, e);
        }
    }
    return std::nullopt;
}

Verdict verdict_of(const Error& error) {
    return {error.code == ErrorCode::unsupported ? Outcome::unsupported : Outcome::failed, error.message};
}

Verdict run_case(const std::string& name) {
    onnx_schema::ModelProto model;
    const fs::path path = fs::path(suite_folder()) / name / "model.onnx";
    if (auto parsed = parse_file(path.string(), model, "an ONNX model"); !parsed) return verdict_of(parsed.error());
    const int inputs = model.graph().input_size();
    // A model that takes shapes, axes or sizes as inputs gets them as constants: all inputs but the first, or all.
    int fed = inputs;
    Result<Graph> graph = load_model(name, model, fed);
    for (const int first : {1, 0}) {
        if (is_dynamic(graph) && first < fed) graph = load_model(name, model, fed = first);
    }
    if (!graph) return verdict_of(graph.error());

    const auto arguments = load_tensors(name, "input", model.graph().input(), fed);
    if (!arguments) return verdict_of(arguments.error());
    const auto expected = load_tensors(name, "output", model.graph().output(), model.graph().output_size());
    if (!expected) return verdict_of(expected.error());
    for (const auto& output : model.graph().output()) {
        if (output.type().tensor_type().elem_type() == bfloat16) {
            return {Outcome::unsupported, "an output is bfloat16, which octet computes and returns as float32"};
        }
    }
    const auto actual = evaluate(*graph, *arguments);
    if (!actual) return {Outcome::failed, actual.error().message};
    const bool differs = std::ranges::find(follow_onnx_runtime, name) != follow_onnx_runtime.end();
    for (std::size_t i = 0; i < actual->size(); ++i) {
        if (auto text = difference((*actual)[i], (*expected)[i])) {
            return {differs ? Outcome::different : Outcome::failed, fmt::format("output {}: {}", i, *text)};
        }
    }
    if (differs) return {Outcome::failed, "it gives the suite's outputs, not those of ONNX Runtime"};
    return {Outcome::passed, ""};
}

// The message's last line without the names of files and nodes, so that equal reasons group.
std::string short_reason(const std::string& message) {
    const std::size_t unknown = message.rfind("\n  ");
    if (unknown != std::string::npos) {
        const std::string line = message.substr(unknown + 3);
        return "unknown operator " + line.substr(0, line.find(':'));
    }
    const std::size_t node = message.rfind("): ");
    if (node != std::string::npos) return message.substr(node + 3);
    return message.substr(message.rfind("test_", 0) == 0 ? message.find(": ") + 2 : 0);
}

class NodeSuite : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NodeSuite);

TEST_P(NodeSuite, GivesTheExpectedOutputs) {
    const Verdict verdict = run_case(GetParam());
    if (verdict.outcome == Outcome::unsupported) GTEST_SKIP() << "unsupported: " << verdict.reason;
    EXPECT_TRUE(verdict.outcome != Outcome::failed) << verdict.reason;
}

INSTANTIATE_TEST_SUITE_P(Onnx, NodeSuite, testing::ValuesIn(case_names()),
                         [](const testing::TestParamInfo<std::string>& test) { return test.param; });

// All cases in one process, which is what a slow build runs of this suite (CMakePresets.json).
TEST(NodeSuiteSummary, PassesAsManyAsBefore) {
    const std::vector<std::string> names = case_names();
    if (names.empty()) GTEST_SKIP() << "needs Debian's package libonnx-testdata in " << suite_folder();
    int passed = 0;
    std::map<std::string, std::vector<std::string>> unsupported;
    for (const std::string& name : names) {
        const Verdict verdict = run_case(name);
        passed += verdict.outcome == Outcome::passed;
        EXPECT_TRUE(verdict.outcome != Outcome::failed) << name << ": " << verdict.reason;
        if (verdict.outcome == Outcome::unsupported) unsupported[short_reason(verdict.reason)].push_back(name);
    }
    for (const auto& [reason, cases] : unsupported) {
        std::printf("unsupported, %s: %s\n", reason.c_str(), fmt::format("{}", fmt::join(cases, " ")).c_str());
    }
    std::printf("%d of %zu cases pass\n", passed, names.size());
    EXPECT_GE(passed, least_passing);
}

}  // namespace
}  // namespace octet::onnx
