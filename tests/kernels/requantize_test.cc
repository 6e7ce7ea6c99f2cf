#include "kernels/requantize.h"

#include <gtest/gtest.h>

#include <cmath>

namespace octet::kernels {
namespace {

TEST(QuantizeLinear, divides_and_rounds_to_even) {
    EXPECT_EQ(quantize_linear(0.5F, 1.0F, 3, 0, 255), 3);
    EXPECT_EQ(quantize_linear(1.5F, 1.0F, 3, 0, 255), 5);
    EXPECT_EQ(quantize_linear(-1e30F, 1.0F, 3, 0, 255), 0);
    EXPECT_EQ(quantize_linear(1e30F, 1.0F, 3, 0, 255), 255);
    EXPECT_EQ(quantize_linear(std::nanf(""), 1.0F, 3, 0, 255), 3);
    // x / s and x * (1 / s) differ: a tie that the reciprocal misses.
    int differ = 0;
    for (int i = 0; i < 2000; ++i) {
        const float scale = 0.1F + 0.0001F * static_cast<float>(i), x = scale * 2.5F;
        const auto quotient = static_cast<std::int32_t>(std::nearbyint(x / scale));
        EXPECT_EQ(quantize_linear(x, scale, 0, 0, 255), quotient);
        differ += static_cast<std::int32_t>(std::nearbyint(x * (1.0F / scale))) != quotient;
    }
    EXPECT_GT(differ, 0);
}

}  // namespace
}  // namespace octet::kernels
