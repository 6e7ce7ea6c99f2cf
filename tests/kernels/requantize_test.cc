#include "kernels/requantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace octet::kernels {
namespace {

RequantParams make(RequantFlavour flavour, double scale, int zero_point = 0, int qmin = -128, int qmax = 127) {
    RequantParams params;
    EXPECT_TRUE(make_requant(flavour, scale, 1, 1, zero_point, qmin, qmax, &params)) << requant_flavour_name(flavour);
    return params;
}

int32_t run(RequantFlavour flavour, int64_t acc, double scale, int zero_point = 0) {
    return requantize(acc, make(flavour, scale, zero_point));
}

TEST(QuantizeMultiplier, normal_form) {
    for (const double scale : {1.0, 0.5, 0.75, 1e-6, 0.999999999999, 3.7, 1234.5}) {
        const QuantizedMultiplier q = quantize_multiplier(scale);
        EXPECT_GE(q.multiplier, 1 << 30);
        EXPECT_NEAR(std::ldexp(q.multiplier, q.exponent - 31) / scale, 1, std::ldexp(1, -31));
    }
    EXPECT_EQ(quantize_multiplier(0).multiplier, 0);
    // q * 2^31 rounds up to 2^31: halved, and the exponent grows.
    EXPECT_EQ(quantize_multiplier(1 - 1e-15).multiplier, 1 << 30);
    EXPECT_EQ(quantize_multiplier(1 - 1e-15).exponent, 1);
    EXPECT_EQ(reduce_multiplier_to_16(0x7FFF0000), 0x7FFF);
    EXPECT_EQ(reduce_multiplier_to_16(0x7FFEFFFF), 0x7FFF);
    EXPECT_EQ(reduce_multiplier_to_16(1 << 30), 1 << 14);
}

// acc * 2^-1 at acc = -3, -1, 1, 3: exact ties, where the flavours part.
TEST(Flavours, ties_at_a_power_of_two_scale) {
    struct Row {
        RequantFlavour flavour;
        int minus3, minus1, plus1, plus3;
    };
    const Row rows[] = {
        {RequantFlavour::onnx, -2, 0, 0, 2},
        {RequantFlavour::onnx_ref, -2, 0, 0, 2},
        {RequantFlavour::tflite_single, -1, 0, 1, 2},
        {RequantFlavour::tosa_scale16, -1, 0, 1, 2},
        {RequantFlavour::ethos_symmetric, -2, -1, 1, 2},
        {RequantFlavour::ethos_truncate, -1, 0, 0, 1},
        {RequantFlavour::ethos_floor, -2, -1, 0, 1},
        {RequantFlavour::pow2_floor, -2, -1, 0, 1},
        {RequantFlavour::pow2_half_up, -1, 0, 1, 2},
        {RequantFlavour::pow2_half_away, -2, -1, 1, 2},
        {RequantFlavour::pow2_rne, -2, 0, 0, 2},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(run(row.flavour, -3, 0.5), row.minus3) << requant_flavour_name(row.flavour);
        EXPECT_EQ(run(row.flavour, -1, 0.5), row.minus1) << requant_flavour_name(row.flavour);
        EXPECT_EQ(run(row.flavour, 1, 0.5), row.plus1) << requant_flavour_name(row.flavour);
        EXPECT_EQ(run(row.flavour, 3, 0.5), row.plus3) << requant_flavour_name(row.flavour);
    }
    // 2^-1 has exponent 0: the doubling high multiplication alone rounds, half up.
    EXPECT_EQ(run(RequantFlavour::tflite_double, -3, 0.5), -1);
    EXPECT_EQ(run(RequantFlavour::tflite_double, 3, 0.5), 2);
    // 2^-2 divides by 2 behind it, half away from zero: -6 * 2^-2 = -1.5.
    EXPECT_EQ(run(RequantFlavour::tflite_double, -6, 0.25), -2);
    EXPECT_EQ(run(RequantFlavour::tflite_single, -6, 0.25), -1);
    EXPECT_EQ(run(RequantFlavour::tosa_double, -6, 0.25), -2);
    // Two roundings: 5 * 2^-2 * … 1.25 -> high = 3 (2.5 half up) -> 2; the single rounding gives 1.
    EXPECT_EQ(run(RequantFlavour::tflite_double, 5, 0.25), 2);
    EXPECT_EQ(run(RequantFlavour::tflite_single, 5, 0.25), 1);
}

// RNE before or behind the zero point differ at ties when the zero point is odd.
TEST(Flavours, onnx_and_its_reference_evaluator_differ_at_ties_with_an_odd_zero_point) {
    EXPECT_EQ(run(RequantFlavour::onnx, 1, 0.5, 1), 1);      // RNE(0.5) + 1
    EXPECT_EQ(run(RequantFlavour::onnx_ref, 1, 0.5, 1), 2);  // RNE(1.5)
    EXPECT_EQ(run(RequantFlavour::onnx, 1, 0.5, 2), run(RequantFlavour::onnx_ref, 1, 0.5, 2));
}

TEST(Flavours, left_shifts_and_edges) {
    constexpr int32_t largest = std::numeric_limits<int32_t>::max(), smallest = std::numeric_limits<int32_t>::min();
    for (const RequantFlavour flavour : all_requant_flavours) {
        EXPECT_EQ(run(flavour, 3, 4.0), 12) << requant_flavour_name(flavour);
        EXPECT_EQ(run(flavour, -3, 4.0, 5), -7) << requant_flavour_name(flavour);
        EXPECT_EQ(run(flavour, largest, 4.0), 127) << requant_flavour_name(flavour);
        EXPECT_EQ(run(flavour, smallest, 4.0), -128) << requant_flavour_name(flavour);
        EXPECT_EQ(run(flavour, largest, std::ldexp(1, -28)), flavour == RequantFlavour::ethos_truncate ||
                                                                     flavour == RequantFlavour::ethos_floor ||
                                                                     flavour == RequantFlavour::pow2_floor
                                                                 ? 7
                                                                 : 8)
            << requant_flavour_name(flavour);
        EXPECT_EQ(run(flavour, smallest, std::ldexp(1, -28)), -8) << requant_flavour_name(flavour);
        EXPECT_EQ(run(flavour, 0, 0.5, 7), 7) << requant_flavour_name(flavour);
    }
    RequantParams params;
    EXPECT_FALSE(make_requant(RequantFlavour::pow2_rne, 0.3, 1, 1, 0, -128, 127, &params));
    EXPECT_FALSE(make_requant(RequantFlavour::onnx, std::nan(""), 1, 1, 0, -128, 127, &params));
    EXPECT_FALSE(make_requant(RequantFlavour::tflite_double, 1, 1, 0, 0, -128, 127, &params));
}

TEST(Flavours, truncate_and_floor_part_below_zero_only) {
    for (int acc = -1000; acc <= 1000; ++acc) {
        const int32_t floor = run(RequantFlavour::ethos_floor, acc, 0.1),
                      truncated = run(RequantFlavour::ethos_truncate, acc, 0.1);
        EXPECT_EQ(
            floor,
            std::max(-128, static_cast<int>(std::floor(acc * static_cast<double>(quantize_multiplier(0.1).multiplier) /
                                                       std::ldexp(1, 34)))));
        EXPECT_TRUE(acc >= 0 ? truncated == floor : truncated - floor <= 1);
    }
}

// The equivalences that are known to hold on convolution-like data.
TEST(Flavours, equivalences) {
    std::mt19937_64 random(11);
    int differences = 0, total = 0;
    for (int round = 0; round < 2000; ++round) {
        const double scale = std::exp(std::uniform_real_distribution<double>(std::log(1e-5), std::log(0.01))(random));
        const int zero_point = static_cast<int>(random() % 256) - 128;
        const RequantParams twice = make(RequantFlavour::tflite_double, scale, zero_point);
        const RequantParams tosa = make(RequantFlavour::tosa_double, scale, zero_point);
        const RequantParams once = make(RequantFlavour::tflite_single, scale, zero_point);
        const RequantParams onnx = make(RequantFlavour::onnx, scale, zero_point);
        const RequantParams short_multiplier = make(RequantFlavour::tosa_scale16, scale, zero_point);
        for (int i = 0; i < 200; ++i) {
            const auto range = static_cast<int64_t>(130 / scale);
            const int64_t acc = static_cast<int64_t>(random() % static_cast<uint64_t>(2 * range + 1)) - range;
            const int32_t expected = requantize(acc, once);
            ASSERT_EQ(requantize(acc, twice), requantize(acc, tosa)) << acc << " * " << scale;
            ASSERT_LE(std::abs(requantize(acc, twice) - expected), 1) << acc << " * " << scale;
            ASSERT_LE(std::abs(requantize(acc, onnx) - expected), 1) << acc << " * " << scale;
            ASSERT_LE(std::abs(requantize(acc, short_multiplier) - expected), 1) << acc << " * " << scale;
            differences += requantize(acc, twice) != expected;
            ++total;
        }
    }
    EXPECT_GT(differences, 0);
    EXPECT_LT(differences, total / 50);
}

TEST(QuantizeLinear, divides_and_rounds_to_even) {
    EXPECT_EQ(quantize_linear(0.5f, 1.0f, 3, 0, 255), 3);
    EXPECT_EQ(quantize_linear(1.5f, 1.0f, 3, 0, 255), 5);
    EXPECT_EQ(quantize_linear(-1e30f, 1.0f, 3, 0, 255), 0);
    EXPECT_EQ(quantize_linear(1e30f, 1.0f, 3, 0, 255), 255);
    EXPECT_EQ(quantize_linear(std::nanf(""), 1.0f, 3, 0, 255), 3);
    // x / s and x * (1 / s) differ: a tie that the reciprocal misses.
    int differ = 0;
    for (int i = 0; i < 2000; ++i) {
        const float scale = 0.1f + 0.0001f * static_cast<float>(i), x = scale * 2.5f;
        const auto quotient = static_cast<int32_t>(std::nearbyint(x / scale));
        EXPECT_EQ(quantize_linear(x, scale, 0, 0, 255), quotient);
        differ += static_cast<int32_t>(std::nearbyint(x * (1.0f / scale))) != quotient;
    }
    EXPECT_GT(differ, 0);
}

}  // namespace
}  // namespace octet::kernels
