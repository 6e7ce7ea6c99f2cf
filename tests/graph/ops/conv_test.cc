#include <gtest/gtest.h>

#include <array>
#include <random>

#include "graph/ops/evaluator.h"

namespace octet {
namespace {

using Ints = std::vector<std::int64_t>;

struct ConvCase {
    const char* what;
    Shape x, w;
    Ints strides, pads, dilations;
    std::int64_t group;
};

Tensor random_tensor(const Shape& shape, unsigned seed) {
    std::mt19937 generator(seed);
    std::uniform_int_distribution<int> digits(-8, 8);
    Tensor tensor(DType::float32, shape);
    // Small integers: sums are exact in any order.
    for (float& value : tensor.mutable_data<float>()) value = static_cast<float>(digits(generator));
    return tensor;
}

float at(const Tensor& t, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
    const Shape& s = t.shape();
    if (h < 0 || h >= s[2] || w < 0 || w >= s[3]) return 0;
    return t.data<float>()[static_cast<std::size_t>(((n * s[1] + c) * s[2] + h) * s[3] + w)];
}

class ConvTest : public testing::TestWithParam<ConvCase> {};

TEST_P(ConvTest, EqualsTheDefinition) {
    const ConvCase& p = GetParam();
    const Tensor x = random_tensor(p.x, 1), w = random_tensor(p.w, 2), b = random_tensor({p.w[0]}, 3);
    const Attributes attributes = {
        {"strides", p.strides}, {"pads", p.pads}, {"dilations", p.dilations}, {"group", p.group}};
    const Node node{"Conv", "conv", {0, 1, 2}, {3}, attributes};
    const std::array<const Tensor*, 3> arguments = {&x, &w, &b};
    const auto result = evaluate_node(node, arguments);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    const Tensor& y = (*result)[0];
    const std::int64_t filters = p.w[0] / p.group;
    for (std::int64_t n = 0; n < y.shape()[0]; ++n) {
        for (std::int64_t m = 0; m < y.shape()[1]; ++m) {
            for (std::int64_t oh = 0; oh < y.shape()[2]; ++oh) {
                for (std::int64_t ow = 0; ow < y.shape()[3]; ++ow) {
                    float sum = b.data<float>()[static_cast<std::size_t>(m)];
                    for (std::int64_t c = 0; c < p.w[1]; ++c) {
                        for (std::int64_t i = 0; i < p.w[2]; ++i) {
                            for (std::int64_t j = 0; j < p.w[3]; ++j) {
                                const std::int64_t h = oh * p.strides[0] - p.pads[0] + i * p.dilations[0];
                                const std::int64_t v = ow * p.strides[1] - p.pads[1] + j * p.dilations[1];
                                sum += at(w, m, c, i, j) * at(x, n, m / filters * p.w[1] + c, h, v);
                            }
                        }
                    }
                    ASSERT_EQ(at(y, n, m, oh, ow), sum) << n << ' ' << m << ' ' << oh << ' ' << ow;
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ConvTest,
    testing::Values(ConvCase{"pointwise", {2, 5, 9, 7}, {6, 5, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
                    ConvCase{"pointwise_in_blocks", {1, 3, 70, 70}, {2, 3, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
                    ConvCase{"padded", {1, 3, 8, 9}, {4, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
                    ConvCase{"strided", {1, 3, 11, 13}, {4, 3, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 1},
                    ConvCase{"uneven", {2, 2, 10, 12}, {3, 2, 2, 5}, {3, 2}, {0, 3, 2, 1}, {2, 1}, 1},
                    ConvCase{"dilated", {1, 2, 12, 12}, {2, 2, 3, 3}, {1, 1}, {4, 4, 4, 4}, {4, 4}, 1},
                    ConvCase{"grouped", {1, 6, 6, 6}, {4, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2},
                    ConvCase{"depthwise", {1, 4, 7, 7}, {4, 1, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 4},
                    ConvCase{"pads_wider_than_input", {1, 1, 2, 2}, {1, 1, 3, 3}, {2, 3}, {5, 6, 5, 6}, {1, 1}, 1},
                    ConvCase{"in_blocks", {1, 40, 33, 35}, {3, 40, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1}),
    [](const testing::TestParamInfo<ConvCase>& test) { return test.param.what; });

}  // namespace
}  // namespace octet
