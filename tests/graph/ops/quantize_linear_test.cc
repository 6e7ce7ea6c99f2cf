#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/ops/evaluator.h"

namespace octet {
namespace {

template <typename Q>
std::vector<std::int64_t> quantize(const std::vector<float>& x, float scale, Q zero_point) {
    const Node node{"QuantizeLinear", "q", {0, 1, 2}, {3}, {}};
    const Tensor values = Tensor::from<float>({static_cast<std::int64_t>(x.size())}, x);
    const Tensor scales = Tensor::scalar(scale), zero_points = Tensor::scalar(zero_point);
    const Tensor* arguments[] = {&values, &scales, &zero_points};
    const auto result = evaluate_node(node, arguments);
    EXPECT_TRUE(result.has_value()) << result.error().message;
    return result ? (*result)[0].to_int64() : std::vector<std::int64_t>();
}

using Ints = std::vector<std::int64_t>;
constexpr float inf = std::numeric_limits<float>::infinity();

TEST(QuantizeLinear, RoundsHalvesToEvenBeforeTheZeroPoint) {
    const std::vector<float> ties = {-2.5F, -1.5F, -0.5F, 0.5F, 1.5F, 2.5F, 3.5F};
    EXPECT_EQ(quantize<std::int8_t>(ties, 1.0F, 0), (Ints{-2, -2, 0, 0, 2, 2, 4}));
    EXPECT_EQ(quantize<std::int8_t>(ties, 1.0F, 1), (Ints{-1, -1, 1, 1, 3, 3, 5}));
    EXPECT_EQ(quantize<std::int16_t>(ties, 1.0F, 1), (Ints{-1, -1, 1, 1, 3, 3, 5}));
    EXPECT_EQ(quantize<std::int32_t>(ties, 1.0F, 1), (Ints{-1, -1, 1, 1, 3, 3, 5}));
}

TEST(QuantizeLinear, Saturates) {
    const std::vector<float> far = {-inf, -1e30F, -70000, 70000, 1e30F, inf};
    EXPECT_EQ(quantize<std::int8_t>(far, 0.5F, 3), (Ints{-128, -128, -128, 127, 127, 127}));
    EXPECT_EQ(quantize<std::uint8_t>(far, 0.5F, 128), (Ints{0, 0, 0, 255, 255, 255}));
    EXPECT_EQ(quantize<std::int16_t>(far, 0.5F, -32768), (Ints{-32768, -32768, -32768, 32767, 32767, 32767}));
    EXPECT_EQ(quantize<std::uint16_t>(far, 0.5F, 65535), (Ints{0, 0, 0, 65535, 65535, 65535}));
}

TEST(QuantizeLinear, NotANumberIsTheZeroPoint) {
    EXPECT_EQ(quantize<std::uint8_t>({std::nanf("")}, 0.5F, 7), (Ints{7}));
}

TEST(DynamicQuantizeLinear, TakesTheGridFromTheRange) {
    struct Case {
        std::vector<float> x;
        Ints y;
        float scale;
        std::int64_t zero_point;
    };
    const Case cases[] = {
        {{-1, 0, 0.5F, 1.55F}, {0, 100, 150, 255}, 0.01F, 100},
        {{1, 2, 2.55F}, {100, 200, 255}, 0.01F, 0},  // the range holds 0
        {{-2.55F, -1}, {0, 155}, 0.01F, 255},        // so it does below
        {{0, 0}, {0, 0}, 1, 0},
    };
    const Node node{"DynamicQuantizeLinear", "q", {0}, {1, 2, 3}, {}};
    for (const Case& c : cases) {
        const Tensor x = Tensor::from<float>({static_cast<std::int64_t>(c.x.size())}, c.x);
        const Tensor* arguments[] = {&x};
        const auto result = evaluate_node(node, arguments);
        ASSERT_TRUE(result.has_value()) << result.error().message;
        EXPECT_EQ((*result)[0].dtype(), DType::uint8);
        EXPECT_EQ((*result)[0].to_int64(), c.y);
        EXPECT_FLOAT_EQ((*result)[1].to_float()[0], c.scale);
        EXPECT_EQ((*result)[2].to_int64(), Ints{c.zero_point});
    }
}

TEST(DequantizeLinear, HasAGridForEachChannelOrBlock) {
    const Tensor x = Tensor::from<std::int8_t>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
    const Node per_channel{"DequantizeLinear", "d", {0, 1, 2}, {3}, {{"axis", std::int64_t{0}}}};
    const Tensor scales = Tensor::from<float>({2}, {1.0F, 10.0F});
    const Tensor zero_points = Tensor::from<std::int8_t>({2}, {1, -1});
    const Tensor* arguments[] = {&x, &scales, &zero_points};
    const auto channels = evaluate_node(per_channel, arguments);
    ASSERT_TRUE(channels.has_value()) << channels.error().message;
    EXPECT_EQ((*channels)[0].to_float(), (std::vector<float>{0, 1, 2, 3, 60, 70, 80, 90}));

    const Node blocked{
        "DequantizeLinear", "d", {0, 1}, {2}, {{"axis", std::int64_t{1}}, {"block_size", std::int64_t{2}}}};
    const Tensor block_scales = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
    const Tensor* block_arguments[] = {&x, &block_scales};
    const auto blocks = evaluate_node(blocked, block_arguments);
    ASSERT_TRUE(blocks.has_value()) << blocks.error().message;
    EXPECT_EQ((*blocks)[0].to_float(), (std::vector<float>{1, 2, 6, 8, 15, 18, 28, 32}));
}

}  // namespace
}  // namespace octet
