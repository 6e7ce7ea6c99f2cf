#include "graph/quant/grid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace octet::quant {
namespace {

TEST(Grid, AsymmetricUint8SpreadsTheWholeRange) {
    const Grid grid = asymmetric_grid({-0.375F, 4.725F}, DType::uint8);
    EXPECT_FLOAT_EQ(grid.scale, 0.02F);
    EXPECT_EQ(grid.zero_point, 19);
    EXPECT_EQ(quantize(0.0F, grid), 19);
    EXPECT_EQ(dequantize(19, grid), 0.0F);
    EXPECT_EQ(quantize(100.0F, grid), 255);
    EXPECT_EQ(quantize(-100.0F, grid), 0);
}

TEST(Grid, RangesAreWidenedToHoldZero) {
    EXPECT_EQ(asymmetric_grid({3, 5}, DType::uint8).zero_point, 0);
    EXPECT_FLOAT_EQ(asymmetric_grid({3, 5}, DType::uint8).scale, 5.0F / 255);
    EXPECT_EQ(asymmetric_grid({-5, -3}, DType::uint8).zero_point, 255);
    // The width of the range is no float.
    EXPECT_FLOAT_EQ(asymmetric_grid({-3e38F, 3e38F}, DType::uint8).scale, 3e38F / 255 * 2);
    EXPECT_EQ(asymmetric_grid({-1.28F, 1.27F}, DType::int8).zero_point, 0);
}

TEST(Grid, EmptyRangeHasScaleOne) {
    for (const DType dtype : {DType::int8, DType::uint8, DType::int16}) {
        EXPECT_EQ(asymmetric_grid({0, 0}, dtype).scale, 1.0F);
        EXPECT_EQ(symmetric_grid({0, 0}, dtype).scale, 1.0F);
        EXPECT_EQ(dequantize(quantize(0.0F, asymmetric_grid({0, 0}, dtype)), asymmetric_grid({0, 0}, dtype)), 0.0F);
    }
}

TEST(Grid, SymmetricIsCentred) {
    const Grid s8 = symmetric_grid({-1, 2.54F}, DType::int8);
    EXPECT_EQ(s8.zero_point, 0);
    EXPECT_FLOAT_EQ(s8.scale, 0.02F);
    const Grid u8 = symmetric_grid({-1, 2.54F}, DType::uint8);
    EXPECT_EQ(u8.zero_point, 128);
    EXPECT_FLOAT_EQ(u8.scale, 0.02F);
}

TEST(Grid, PowerOfTwoTakesTheFinestThatFits) {
    EXPECT_EQ(power_of_two_grid({-15, 10}, DType::int16, 1.0F).scale, std::ldexp(1.0F, -11));
    EXPECT_EQ(power_of_two_grid({-15, 10}, DType::int16, 2.0F).scale, std::ldexp(1.0F, -10));
    EXPECT_EQ(power_of_two_grid({-16, 10}, DType::int16, 1.0F).scale, std::ldexp(1.0F, -10)) << "32768 does not fit";
    EXPECT_EQ(power_of_two_grid({0, 0}, DType::int16, 1.0F).scale, std::ldexp(1.0F, -24));
    EXPECT_EQ(power_of_two_grid({0, 1e9F}, DType::int16, 1.0F).scale, 256.0F);
}

TEST(Grid, TiesGoToEven) {
    const Grid grid{DType::int8, 1.0F, 0};
    EXPECT_EQ(quantize(0.5F, grid), 0);
    EXPECT_EQ(quantize(1.5F, grid), 2);
    EXPECT_EQ(quantize(-2.5F, grid), -2);
    EXPECT_EQ(quantize(1e30F, grid), 127);
}

TEST(Grid, TensorsQuantizeLikeScalars) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 3);
    std::vector<float> values(1001);
    for (float& value : values) value = normal(random);
    values[0] = 0.5F;
    values[1] = 1e20F;
    values[2] = -1e20F;
    const Tensor real = Tensor::from<float>({1001}, values);
    for (const Grid& grid : {Grid{DType::uint8, 0.037F, 77}, Grid{DType::int8, 1.0F, -3},
                             Grid{DType::int16, 0x1p-11F, 0}, Grid{DType::uint16, 0.001F, 32000}}) {
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
