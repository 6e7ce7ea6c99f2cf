#include "kernels/make_fixed16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace octet::kernels {
namespace {

double activate(Activation activation, double x, double alpha) {
    switch (activation) {
        case Activation::none:
            return x;
        case Activation::relu:
            return std::max(x, 0.0);
        case Activation::leaky:
        case Activation::prelu:
            return std::max(x, alpha * x);
        case Activation::clip:
            return std::clamp(x, -0.5, 1.5);
        case Activation::hardswish:
            return x * std::clamp(x + 3, 0.0, 6.0) / 6;
        case Activation::table:
        case Activation::gated:
            return x / (1 + std::exp(-x));
    }
    return 0;
}

std::vector<double> swish(std::span<const double> x) {
    std::vector<double> y;
    for (const double value : x) y.push_back(activate(Activation::table, value, 0));
    return y;
}

std::vector<double> sigmoid(std::span<const double> x) {
    std::vector<double> y;
    for (const double value : x) y.push_back(1 / (1 + std::exp(-value)));
    return y;
}

// The bound that requantize.h states, in steps of y.
double bound(const Fixed16& e, double post, double out_scale, double value, double gain) {
    if (e.activation == Activation::table) return 0.5 + 0.5;  // half a step for the segments, which stay far below
    const double r = std::ldexp(post, -e.f) / out_scale;
    const double gate = e.activation == Activation::gated ? gain * std::ldexp(1.0, -9) / out_scale : 0;
    return 0.5 + 3 * r + std::abs(value) * std::ldexp(1.0, -14) + gate + 1e-9;
}

// Gains are behind a table's function that has a gate, and make it a gated activation.
void ask_for(Activation activation, std::span<const double> gains, Fixed16Spec& spec) {
    spec.activation = activation == Activation::gated ? Activation::table : activation;
    spec.function = swish;
    if (activation != Activation::gated) return;
    spec.gate = sigmoid;
    spec.channel_gain = gains;
}

TEST(MakeFixed16, error_stays_within_the_bound) {
    std::mt19937 random(2);
    const auto uniform = [&](double low, double high) {
        return std::uniform_real_distribution<double>(low, high)(random);
    };
    for (const Activation activation : all_activations) {
        for (const bool with_residual : {false, true}) {
            for (int round = 0; round < 50; ++round) {
                const bool curved = activation == Activation::table || activation == Activation::gated;
                const std::vector<double> acc_scale = {uniform(1e-6, 1e-4), uniform(1e-6, 1e-4), 1e-8,
                                                       curved ? 1e-7 : 0.0};
                const std::vector<double> gains = {uniform(0.5, 2), uniform(1, 4), 1, 2};
                const auto gain = [&](int c) { return activation == Activation::gated ? gains[c] : 1; };
                const std::vector<std::int32_t> bias = {1000, -2000, 0, 7}, weight_sum = {321, -55, 3, 0};
                const std::vector<double> slopes = {0.1, -0.25, 0.0, 0.5};
                Fixed16Spec spec;
                spec.acc_scale = acc_scale;
                spec.bias = bias;
                spec.weight_sum = weight_sum;
                spec.in_zero_point = 17;
                ask_for(activation, gains, spec);
                spec.alpha = 0.1;
                spec.prelu_alpha = slopes;
                spec.clip_lo = -0.5;
                spec.clip_hi = 1.5;
                spec.out_scale = uniform(0.01, 0.05);
                spec.out_zero_point =
                    activation == Activation::hardswish ? static_cast<int>(0.375 / spec.out_scale) + 1 : 100;
                if (with_residual) {
                    const double scale = spec.out_scale * uniform(0.3, 2);
                    spec.residual = {DType::uint8, static_cast<float>(scale), 90};
                }
                const auto storage = make_fixed16(spec);
                ASSERT_TRUE(storage.has_value()) << storage.error();
                const Fixed16 e = storage->view();
                ASSERT_EQ(e.activation, activation);
                for (int i = 0; i < 300; ++i) {
                    const int c = i % 4;
                    const double reach = acc_scale[c] > 1e-8 ? 6 / acc_scale[c] : 1e6;
                    const auto acc = static_cast<std::int32_t>(uniform(-reach, reach));
                    const auto x = static_cast<std::uint8_t>(random());
                    const double pre = (acc + bias[c] - 17 * weight_sum[c]) * acc_scale[c];
                    const double alpha = activation == Activation::prelu ? slopes[c] : 0.1;
                    const double own = gain(c) * activate(activation, pre, alpha) / spec.out_scale;
                    const double other = with_residual ? (x - 90) * double{spec.residual->scale} / spec.out_scale : 0;
                    const double exact = std::clamp(own + other + spec.out_zero_point, 0.0, 255.0);
                    const int y = with_residual ? fixed16_u8(acc, c, e, x) : fixed16_u8(acc, c, e);
                    const double extra = with_residual ? std::abs(other) * 0.5 / e.residual_mult : 0;
                    const double post = activation == Activation::hardswish ? 4.0 / 3 : 1;
                    ASSERT_LE(std::abs(y - exact), bound(e, post, spec.out_scale, own, gain(c)) + extra)
                        << "activation " << static_cast<int>(activation) << ", acc " << acc << ", channel " << c;
                }
            }
        }
    }
}

// Rounded to the nearest on average: without what centres it, each of the roundings to t, p and v moves y up.
TEST(MakeFixed16, has_no_mean_error) {
    std::mt19937 random(9);
    const auto uniform = [&](double low, double high) {
        return std::uniform_real_distribution<double>(low, high)(random);
    };
    for (const Activation activation : {Activation::none, Activation::relu, Activation::leaky, Activation::hardswish,
                                        Activation::table, Activation::gated}) {
        for (const bool with_residual : {false, true}) {
            double sum = 0, off = 0, count = 0;
            for (int round = 0; round < 40; ++round) {
                std::vector<double> acc_scale(32);
                Fixed16Spec spec;
                spec.out_scale = uniform(0.01, 0.05);
                for (double& scale : acc_scale) scale = spec.out_scale * std::pow(10.0, uniform(-4, -2));
                spec.acc_scale = acc_scale;
                std::vector<double> gains(32, 1);
                for (double& gain : gains) gain = std::pow(10, uniform(0, 0.7));
                ask_for(activation, gains, spec);
                spec.alpha = 0.1;
                // As a quantizer places it: where the activation's smallest value is.
                spec.out_zero_point = activation == Activation::none    ? 128
                                      : activation == Activation::leaky ? 20
                                      : activation == Activation::hardswish || activation == Activation::table
                                          ? static_cast<int>(0.375 / spec.out_scale) + 1
                                      : activation == Activation::gated ? 40
                                                                        : 0;
                if (with_residual)
                    spec.residual = {DType::uint8, static_cast<float>(spec.out_scale * uniform(0.3, 1)), 90};
                const auto storage = make_fixed16(spec);
                ASSERT_TRUE(storage.has_value()) << storage.error();
                const Fixed16 e = storage->view();
                for (int i = 0; i < 3200; ++i) {
                    const int c = i % 32;
                    const double reach = 255 * spec.out_scale / acc_scale[c];
                    const auto acc = static_cast<std::int32_t>(uniform(-reach, reach));
                    const auto x = static_cast<std::uint8_t>(random());
                    const double gain = activation == Activation::gated ? gains[c] : 1;
                    const double own = gain * activate(activation, acc * acc_scale[c], 0.1) / spec.out_scale;
                    const double other = with_residual ? (x - 90) * double{spec.residual->scale} / spec.out_scale : 0;
                    const double exact = std::round(own + other) + spec.out_zero_point;
                    if (exact <= 0 || exact >= 255) continue;  // what saturates shows nothing
                    const int y = with_residual ? fixed16_u8(acc, c, e, x) : fixed16_u8(acc, c, e);
                    sum += y - exact;
                    off += y != exact;
                    ++count;
                }
            }
            const std::string what = "activation " + std::to_string(static_cast<int>(activation)) +
                                     (with_residual ? " with a residual" : "") +
                                     ", off in percent: " + std::to_string(100 * off / count);
            // A slope of 0.1 and a residual make p ten times as coarse; gains up to 5 do so, too.
            const bool coarse = with_residual && activation == Activation::leaky;
            const bool gated = activation == Activation::gated;
            EXPECT_LT(std::abs(sum / count), coarse ? 0.005 : 0.002) << what;
            EXPECT_LT(off / count, gated                                              ? 0.06
                                   : coarse                                           ? 0.05
                                   : with_residual || activation == Activation::table ? 0.02
                                                                                      : 0.01)
                << what;
        }
    }
}

// No multiplier of 15 bits is large enough.
TEST(MakeFixed16, accumulators_coarser_than_every_grid_are_refused) {
    Fixed16Spec spec;
    spec.out_scale = 1e8;
    const std::vector<double> fine = {1e6}, coarse = {1e9};
    spec.acc_scale = fine;
    EXPECT_TRUE(make_fixed16(spec).has_value());
    spec.acc_scale = coarse;
    EXPECT_FALSE(make_fixed16(spec).has_value());
}

TEST(MakeFixed16, s16_lies_on_a_power_of_two_grid) {
    const std::vector<double> acc_scale = {1e-4, 3e-5};
    for (const Activation activation : {Activation::none, Activation::hardswish}) {
        Fixed16Spec spec;
        spec.acc_scale = acc_scale;
        spec.activation = activation;
        spec.output = OutputKind::s16;
        spec.out_scale = 1.0 / 1024;
        const Fixed16Storage storage = make_fixed16(spec).value();
        for (int acc = -60000; acc <= 60000; acc += 777) {
            const double exact = activate(activation, acc * acc_scale[0], 0);
            EXPECT_NEAR(fixed16_s16(acc, 0, storage.view()) * spec.out_scale, exact,
                        2 * spec.out_scale + std::abs(exact) / 16384);
        }
    }
}

TEST(MakeFixed16, says_what_is_impossible) {
    const std::vector<double> scales = {1e-4, 1e-4};
    const std::vector<std::int64_t> huge = {1, std::int64_t{1} << 24};
    Fixed16Spec spec;
    spec.acc_scale = scales;
    spec.out_scale = 0.05;
    spec.weight_abs_sum = huge;
    EXPECT_NE(make_fixed16(spec).error().find("channel 1"), std::string::npos);
    spec.weight_abs_sum = {};
    spec.out_scale = 0;
    EXPECT_FALSE(make_fixed16(spec).has_value());
    spec.out_scale = 0.05;
    const std::vector<double> infinite = {1.0, INFINITY};
    spec.acc_scale = infinite;
    EXPECT_NE(make_fixed16(spec).error().find("channel 1"), std::string::npos);
    spec.acc_scale = scales;
    spec.output = OutputKind::s16;
    EXPECT_NE(make_fixed16(spec).error().find("power of two"), std::string::npos);
}

}  // namespace
}  // namespace octet::kernels
