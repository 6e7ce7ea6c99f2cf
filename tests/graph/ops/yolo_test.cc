#include <gtest/gtest.h>

#include <cmath>

#include "graph/ops/evaluator.h"
#include "graph/ops/infer.h"

namespace octet {
namespace {

TEST(Detect, DecodesWhatTheFormulaSays) {
    // Two levels with two anchors of 5 + 1 columns each; a 1 x 2 and a 2 x 1 grid.
    constexpr int columns = 6, anchors = 2;
    const std::vector<float> strides = {8, 16};
    const std::vector<float> sizes = {3, 9, 5, 11, 7, 18, 6, 39};
    const Node node{"Detect", "detect", {0, 1}, {2}, {{"strides", strides}, {"anchors", sizes}, {"box_scale", 0.5F}}};
    const Shape grids[] = {{1, 12, 1, 2}, {1, 12, 2, 1}};
    Tensor inputs[2];
    for (int level = 0; level < 2; ++level) {
        inputs[level] = Tensor(DType::float32, grids[level]);
        auto values = inputs[level].mutable_data<float>();
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = std::sin(static_cast<float>(i) + static_cast<float>(level));
        }
    }
    const Tensor* arguments[] = {&inputs[0], &inputs[1]};
    const auto result = evaluate_node(node, arguments);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    ASSERT_EQ((*result)[0].shape(), (Shape{1, 8, columns}));
    const float* y = (*result)[0].data<float>().data();
    for (std::size_t level = 0; level < 2; ++level) {
        for (int a = 0; a < anchors; ++a) {
            for (int cell = 0; cell < 2; ++cell, y += columns) {
                const auto s = [&](int k) {
                    return 1 / (1 + std::exp(-inputs[level].data<float>()[(a * columns + k) * 2 + cell]));
                };
                const int row = level == 0 ? 0 : cell;
                const int column = level == 0 ? cell : 0;
                const float* anchor = &sizes[(level * 2 + a) * 2];
                EXPECT_FLOAT_EQ(y[0], (2 * s(0) - 0.5F + static_cast<float>(column)) * strides[level] * 0.5F);
                EXPECT_FLOAT_EQ(y[1], (2 * s(1) - 0.5F + static_cast<float>(row)) * strides[level] * 0.5F);
                EXPECT_FLOAT_EQ(y[2], std::pow(2 * s(2), 2.0F) * anchor[0] * 0.5F);
                EXPECT_FLOAT_EQ(y[3], std::pow(2 * s(3), 2.0F) * anchor[1] * 0.5F);
                EXPECT_FLOAT_EQ(y[4], s(4));
                EXPECT_FLOAT_EQ(y[5], s(5));
            }
        }
    }
}

TEST(Detect, RefusesHeadsThatDoNotFit) {
    const std::vector<float> strides = {8}, anchors = {3, 9, 5, 11, 4, 20};
    const Node node{"Detect", "detect", {0}, {1}, {{"strides", strides}, {"anchors", anchors}}};
    const Tensor head(DType::float32, {1, 16, 2, 2});
    const Tensor* arguments[] = {&head};
    const auto result = evaluate_node(node, arguments);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().message, "node 'detect' (Detect): 16 channels are not 5 or more for each of 3 anchors");
}

TEST(Focus, OrdersBlocksByColumnThenRow) {
    const Node node{"Focus", "focus", {0}, {1}, {}};
    Tensor x(DType::float32, {1, 2, 4, 6});
    for (std::size_t i = 0; i < 48; ++i) x.mutable_data<float>()[i] = static_cast<float>(i);
    const Tensor* arguments[] = {&x};
    const auto result = evaluate_node(node, arguments);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    ASSERT_EQ((*result)[0].shape(), (Shape{1, 8, 2, 3}));
    const int offsets[4][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}};  // row, column
    const float* y = (*result)[0].data<float>().data();
    for (const auto& [row, column] : offsets) {
        for (int c = 0; c < 2; ++c) {
            for (int i = 0; i < 2; ++i) {
                for (int j = 0; j < 3; ++j) {
                    EXPECT_EQ(*y++, static_cast<float>(c * 24 + (2 * i + row) * 6 + 2 * j + column));
                }
            }
        }
    }
}

}  // namespace
}  // namespace octet
