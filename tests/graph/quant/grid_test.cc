#include "graph/quant/grid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace octet::quant {
namespace {

TEST(Grid, AsymmetricUint8SpreadsTheWholeRange) {
    const Grid grid = asymmetric_grid({-0.375f, 4.725f}, DType::uint8);
    EXPECT_FLOAT_EQ(grid.scale, 0.02f);
    EXPECT_EQ(grid.zero_point, 19);
    EXPECT_EQ(quantize(0.0f, grid), 19);
    EXPECT_EQ(dequantize(19, grid), 0.0f);
    EXPECT_EQ(quantize(100.0f, grid), 255);
    EXPECT_EQ(quantize(-100.0f, grid), 0);
}

TEST(Grid, RangesAreWidenedToHoldZero) {
    EXPECT_EQ(asymmetric_grid({3, 5}, DType::uint8).zero_point, 0);
    EXPECT_FLOAT_EQ(asymmetric_grid({3, 5}, DType::uint8).scale, 5.0f / 255);
    EXPECT_EQ(asymmetric_grid({-5, -3}, DType::uint8).zero_point, 255);
    // The width of the range is no float.
    EXPECT_FLOAT_EQ(asymmetric_grid({-3e38f, 3e38f}, DType::uint8).scale, 3e38f / 255 * 2);
    EXPECT_EQ(asymmetric_grid({-1.28f, 1.27f}, DType::int8).zero_point, 0);
}

TEST(Grid, EmptyRangeHasScaleOne) {
    for (const DType dtype : {DType::int8, DType::uint8, DType::int16}) {
        EXPECT_EQ(asymmetric_grid({0, 0}, dtype).scale, 1.0f);
        EXPECT_EQ(symmetric_grid({0, 0}, dtype).scale, 1.0f);
        EXPECT_EQ(dequantize(quantize(0.0f, asymmetric_grid({0, 0}, dtype)), asymmetric_grid({0, 0}, dtype)), 0.0f);
    }
}

TEST(Grid, SymmetricIsCentred) {
    const Grid s8 = symmetric_grid({-1, 2.54f}, DType::int8);
    EXPECT_EQ(s8.zero_point, 0);
    EXPECT_FLOAT_EQ(s8.scale, 0.02f);
    const Grid u8 = symmetric_grid({-1, 2.54f}, DType::uint8);
    EXPECT_EQ(u8.zero_point, 128);
    EXPECT_FLOAT_EQ(u8.scale, 0.02f);
}

TEST(Grid, PowerOfTwoTakesTheFinestThatFits) {
    EXPECT_EQ(power_of_two_grid({-15, 10}, DType::int16, 1.0f).scale, std::ldexp(1.0f, -11));
    EXPECT_EQ(power_of_two_grid({-15, 10}, DType::int16, 2.0f).scale, std::ldexp(1.0f, -10));
    EXPECT_EQ(power_of_two_grid({-16, 10}, DType::int16, 1.0f).scale, std::ldexp(1.0f, -10)) << "32768 does not fit";
    EXPECT_EQ(power_of_two_grid({0, 0}, DType::int16, 1.0f).scale, std::ldexp(1.0f, -24));
    EXPECT_EQ(power_of_two_grid({0, 1e9f}, DType::int16, 1.0f).scale, 256.0f);
}

TEST(Grid, TiesGoToEven) {
    const Grid grid{DType::int8, 1.0f, 0};
    EXPECT_EQ(quantize(0.5f, grid), 0);
    EXPECT_EQ(quantize(1.5f, grid), 2);
    EXPECT_EQ(quantize(-2.5f, grid), -2);
    EXPECT_EQ(quantize(1e30f, grid), 127);
}

TEST(Grid, TensorsQuantizeLikeScalars) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 3);
    std::vector<float> values(1001);
    for (float& value : values) value = normal(random);
    values[0] = 0.5f;
    values[1] = 1e20f;
    values[2] = -1e20f;
    const Tensor real = Tensor::from<float>({1001}, values);
    for (const Grid& grid : {Grid{DType::uint8, 0.037f, 77}, Grid{DType::int8, 1.0f, -3},
                             Grid{DType::int16, 0x1p-11f, 0}, Grid{DType::uint16, 0.001f, 32000}}) {
        const Tensor integers = quantize(real, grid);
        const Tensor back = dequantize(integers, grid);
        const auto q = integers.to_int64();
        for (std::size_t i = 0; i < values.size(); ++i) {
            ASSERT_EQ(q[i], quantize(values[i], grid)) << values[i];
            ASSERT_EQ(back.data<float>()[i], dequantize(static_cast<std::int32_t>(q[i]), grid)) << values[i];
        }
    }
}

}  // namespace
}  // namespace octet::quant
