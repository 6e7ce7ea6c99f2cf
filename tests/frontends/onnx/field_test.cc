// Networks of one to three operators that other programs got wrong, each with the outputs of ONNX Runtime
// (data/conformance/README.md), through importer, passes and kernels, on every level that this CPU has.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/compile.h"
#include "engine/session.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/tensor_file.h"

namespace octet {
namespace {

const std::string folder = OCTET_SOURCE_DIR "/data/conformance/field/";

struct Case {
    std::string name;
    double tolerance = 0;
};

std::vector<Case> cases() {
    std::vector<Case> all;
    std::ifstream file(folder + "cases.txt");
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line.front() == '#') continue;
        Case one;
        std::istringstream(line) >> one.name >> one.tolerance;
        all.push_back(one);
    }
    return all;
}

class Field : public testing::TestWithParam<Case> {};

TEST_P(Field, GivesTheOutputsOfOnnxRuntime) {
    const std::string path = folder + GetParam().name;
    const auto input = onnx::load_tensor(path + "/test_data_set_0/input_0.pb");
    const auto expected = onnx::load_tensor(path + "/test_data_set_0/output_0.pb");
    ASSERT_TRUE(input.has_value()) << input.error().message;
    ASSERT_TRUE(expected.has_value()) << expected.error().message;
    for (const kernels::Level& level : kernels::levels()) {
        if (!kernels::available(level)) continue;
        auto graph = onnx::load(path + "/model.onnx");
        ASSERT_TRUE(graph.has_value()) << graph.error().message;
        const auto executable = engine::compile(std::move(*graph), {.features = level.features});
        ASSERT_TRUE(executable.has_value()) << executable.error().message;
        auto session = engine::Session::create(*executable, {.threads = 1});
        ASSERT_TRUE(session.has_value()) << session.error().message;
        const auto outputs = session->run(std::vector{*input});
        ASSERT_TRUE(outputs.has_value()) << outputs.error().message;
        const Tensor& actual = outputs->front();
        ASSERT_EQ(actual.dtype(), expected->dtype());
        ASSERT_EQ(actual.shape(), expected->shape());
        const auto is = actual.to_float(), should_be = expected->to_float();
        for (std::size_t i = 0; i < is.size(); ++i) {
            ASSERT_LE(std::abs(is[i] - should_be[i]), GetParam().tolerance) << "element " << i << ", " << level.name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Conformance, Field, testing::ValuesIn(cases()), [](const auto& test) {
    std::string name = test.param.name;
    for (char& c : name) {
        if (c == '.' || c == '-') c = '_';
    }
    return name;
});

TEST(FieldCases, AreThere) {
    EXPECT_GE(cases().size(), 31U);
}

}  // namespace
}  // namespace octet
