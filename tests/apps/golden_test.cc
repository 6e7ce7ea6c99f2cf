// The float reference against the outputs that another runtime computed for the same network and pictures.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "frontends/npy.h"
#include "frontends/onnx/importer.h"
#include "graph/ops/evaluator.h"
#include "tests/test_files.h"
#include "vision/image.h"
#include "vision/pixels.h"

namespace octet::apps {
namespace {

constexpr float relative_tolerance = 1e-3F;
// Sigmoids of strongly negative logits: the other runtime's polynomial is not relatively exact there, and gives 0
// below.
constexpr float absolute_tolerance = 1e-6F;

// The golden masks hold every fourth pixel in both directions.
Tensor thinned(const Tensor& masks) {
    constexpr std::int64_t step = 4;
    const Shape& shape = masks.shape();
    Tensor out(DType::float32, {shape[0], shape[1], shape[2] / step, shape[3] / step});
    float* to = out.mutable_data<float>().data();
    const float* from = masks.data<float>().data();
    for (std::int64_t row = 0; row < shape[0] * shape[1] * shape[2]; row += step) {
        for (std::int64_t x = 0; x < shape[3]; x += step) *to++ = from[row * shape[3] + x];
    }
    return out;
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, FloatOutputsAgree) {
    const std::string scene = std::string("golden/") + GetParam();
    OCTET_NEEDS_SHARED("models/yolop-640.onnx");
    OCTET_NEEDS_SHARED(scene + ".input.png");
    const auto graph = onnx::load(shared_folder + "/models/yolop-640.onnx");
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    const auto image = vision::load_image(shared_folder + "/" + scene + ".input.png");
    ASSERT_TRUE(image.has_value()) << image.error().message;
    const Tensor input = vision::normalized_input(*image);
    const auto outputs = evaluate(*graph, std::span(&input, 1));
    ASSERT_TRUE(outputs.has_value()) << outputs.error().message;
    for (std::size_t i = 0; i < outputs->size(); ++i) {
        const std::string& name = graph->value(graph->outputs[i]).name;
        const auto expected = load_npy(shared_folder + "/" + scene + "." + name + ".npy");
        ASSERT_TRUE(expected.has_value()) << expected.error().message;
        const Tensor actual = (*outputs)[i].rank() == 4 ? thinned((*outputs)[i]) : (*outputs)[i];
        ASSERT_EQ(actual.shape(), expected->shape()) << name;
        const auto a = actual.data<float>();
        const auto e = expected->data<float>();
        for (std::size_t k = 0; k < a.size(); ++k) {
            ASSERT_LE(std::abs(a[k] - e[k]), relative_tolerance * std::abs(e[k]) + absolute_tolerance)
                << name << "[" << k << "] is " << a[k] << " instead of " << e[k];
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Scenes, Golden, testing::Values("scene-000001", "scene-000002", "scene-000003"),
                         [](const testing::TestParamInfo<const char*>& test) {
                             std::string name = test.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

}  // namespace
}  // namespace octet::apps
