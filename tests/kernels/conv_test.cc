#include "kernels/conv.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/kernels/planes.h"
#include "tests/kernels/random_fixed16.h"

namespace octet::kernels {
namespace {

enum class Data { random, bell, extreme, pattern };

struct Case {
    ConvParams params{};
    int in_h = 1, in_w = 1;
    Data data = Data::random;
    OutputKind output = OutputKind::u8;
    Activation activation = Activation::none;
    bool residual = false;
    bool partial = false;
    Slice in_slice{}, out_slice{};
    std::array<int, 8> pattern{};  // Data::pattern: weights along the input channels, repeated
    int fill = -1;                 // all pixels of the input, unless negative

    int out_h() const {
        return size(in_h << params.upsampled, params.pad_top, params.kernel_h, params.dilation_h, params.stride_h);
    }
    int out_w() const {
        return size(in_w << params.upsampled, params.pad_left, params.kernel_w, params.dilation_w, params.stride_w);
    }
    static int size(int in, int pad, int kernel, int dilation, int stride) {
        return (in + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
    }
    std::string text() const {
        const ConvParams& p = params;
        return std::to_string(p.kernel_h) + "x" + std::to_string(p.kernel_w) + " stride " + std::to_string(p.stride_h) +
               " dilation " + std::to_string(p.dilation_h) + " groups " + std::to_string(p.groups) + " " +
               std::to_string(p.cin) + "->" + std::to_string(p.cout) + " on " + std::to_string(in_h) + "x" +
               std::to_string(in_w) + " data " + std::to_string(static_cast<int>(data)) + " output " +
               std::to_string(static_cast<int>(output)) + " activation " +
               std::to_string(static_cast<int>(activation)) + (residual ? " residual" : "") +
               (partial ? " partial sums" : "") + (params.upsampled ? " upsampled" : "");
    }
};

std::vector<std::int8_t> make_weights(const Case& c, Random& random) {
    const ConvParams& p = c.params;
    const Data data = c.data;
    std::vector<std::int8_t> weights(static_cast<std::size_t>(p.cout) * p.kernel_h * p.kernel_w * (p.cin / p.groups));
    if (data == Data::pattern) {
        // Every third channel has the opposite signs, and every third opposite signs in each pair.
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const std::size_t per_channel = weights.size() / static_cast<std::size_t>(p.cout),
                              channel = i / per_channel;
            const bool negative = channel % 3 == 1 || (channel % 3 == 2 && i % 2 == 1);
            const int w = c.pattern[i % per_channel % 8];
            weights[i] = static_cast<std::int8_t>(negative && w > -128 ? -w : w);
        }
        return weights;
    }
    std::normal_distribution<double> bell(0, 35);
    for (std::int8_t& w : weights) {
        const int extremes[] = {-128, -127, 127, 127};
        const double x = data == Data::bell      ? bell(random)
                         : data == Data::extreme ? extremes[random_int(random, 0, 3)]
                                                 : random_int(random, -128, 127);
        w = static_cast<std::int8_t>(std::clamp(std::round(x), -128.0, 127.0));
    }
    return weights;
}

struct Packed {
    std::vector<std::byte> memory;
    std::byte* data;
    explicit Packed(std::size_t bytes) : memory(bytes + buffer_alignment) {
        data = memory.data() + (buffer_alignment - reinterpret_cast<std::uintptr_t>(memory.data()) % buffer_alignment);
    }
};

void run_kernel(const ConvKernel& kernel, ConvCall call, const std::vector<std::int8_t>& weights, int split) {
    const Packed packed(kernel.packed_bytes(call.params, weights.data()));
    kernel.pack(call.params, weights.data(), packed.data);
    call.packed = packed.data;
    const Packed scratch(kernel.scratch_bytes(call));
    const int units = kernel.units(call);
    kernel.run(call, units * split / 3, units, scratch.data);
    kernel.run(call, 0, units * split / 3, scratch.data);
}

// Counts the cases that the kernel does not refuse.
void expect_equal_to_reference(const ConvKernel& kernel, const Case& c, Random& random, int& accepted) {
    ConvParams p = c.params;
    p.adds_partial = c.partial;
    const std::vector<std::int8_t> weights = make_weights(c, random);
    if (kernel.refuses(p, weights.data()) != nullptr) return;
    const int h = c.out_h(), w = c.out_w();
    const int halo = conv_halo(p, c.in_h, c.in_w, h, w);
    const bool wide = p.input == ConvInput::s16;
    Plane<std::uint8_t> in_u8(c.in_h, c.in_w, p.cin, halo, c.in_slice, random);
    Plane<std::int16_t> in_s16(c.in_h, c.in_w, p.cin, halo, c.in_slice, random);
    if (c.data == Data::extreme) in_u8.fill(255);
    if (c.data == Data::extreme) in_s16.fill(-32768);
    if (c.fill >= 0) in_u8.fill(static_cast<std::uint8_t>(c.fill));
    if (c.fill >= 0) in_s16.fill(static_cast<std::int16_t>(c.fill));
    const int group_channels = p.cin / p.groups;
    const double terms = p.kernel_h * p.kernel_w * group_channels;
    if (wide && terms * 128 * 32768 >= 2147483648.0) return;  // beyond the bound of conv.h
    ++accepted;
    const double magnitude = (wide ? 32768.0 : 255.0) * 127 * (c.data == Data::extreme ? terms : std::sqrt(terms));
    const RandomFixed16 epilogue(p.cout, c.output, c.activation, magnitude, random);
    Plane<std::uint8_t> out_u8(h, w, p.cout, 0, c.out_slice, random);
    Plane<std::int16_t> out_s16(h, w, p.cout, 0, c.out_slice, random);
    Plane<std::int32_t> out_s32(h, w, p.cout, 0, c.out_slice, random);
    const Plane<std::uint8_t> residual(h, w, p.cout, 0, c.in_slice, random);

    ConvCall call{.params = p,
                  .in = wide ? bytes_of<const std::uint8_t>(in_s16.read()) : in_u8.read(),
                  .epilogue = epilogue.params};
    if (c.output == OutputKind::u8) call.out_u8 = out_u8.view();
    if (c.output == OutputKind::s16) call.out_s16 = out_s16.view();
    if (c.output == OutputKind::s32) call.out_s32 = out_s32.view();
    if (c.residual) call.residual = residual.read();
    Plane<std::int32_t> partial((h + 1) / 2, (w + 1) / 2, p.cout, 0, c.in_slice, random);
    std::vector<std::int32_t> sums = partial.copy();
    for (std::int32_t& sum : sums) sum /= 4096;  // about what a convolution comes to
    partial.restore(sums);
    if (c.partial) call.partial = partial.read();

    const auto before_u8 = out_u8.copy();
    const auto before_s16 = out_s16.copy();
    const auto before_s32 = out_s32.copy();
    run_kernel(select_conv(needs::reference, p, weights.data()), call, weights, 1);
    const auto expected_u8 = out_u8.copy();
    const auto expected_s16 = out_s16.copy();
    const auto expected_s32 = out_s32.copy();
    out_u8.restore(before_u8);
    out_s16.restore(before_s16);
    out_s32.restore(before_s32);
    run_kernel(kernel, call, weights, random_int(random, 0, 3));
    ASSERT_TRUE(out_u8.equals(expected_u8)) << c.text();
    ASSERT_TRUE(out_s16.equals(expected_s16)) << c.text();
    ASSERT_TRUE(out_s32.equals(expected_s32)) << c.text();
}

ConvParams square(int kernel, int stride, int dilation, int cin, int cout) {
    const int pad = (kernel - 1) / 2 * dilation;
    return {kernel, kernel, stride, stride, pad, pad, dilation, dilation, 1, cin, cout, {}, {}};
}

class Conv : public testing::TestWithParam<const ConvKernel*> {
  protected:
    void SetUp() override { OCTET_SKIP_WITHOUT(GetParam()->needs); }
    // A kernel that refuses whatever it is asked would pass every comparison.
    void TearDown() override {
        const std::string_view name = GetParam()->name;
        bool takes = false;
        for (const std::string_view form : taken_by_) takes = takes || name.starts_with(form);
        if (takes && !IsSkipped()) EXPECT_GT(accepted_, 0) << name << " refused every case";
    }

    // The kernels, by the beginning of their names, that compute some of a test's cases.
    void taken_by(std::vector<std::string_view> forms) { taken_by_ = std::move(forms); }
    void expect_equal(const Case& c) { expect_equal_to_reference(*GetParam(), c, random_, accepted_); }

    int accepted_ = 0;
    std::vector<std::string_view> taken_by_;
    Random random_{7};
    int pick(std::initializer_list<int> values) {
        return values.begin()[random_int(random_, 0, static_cast<int>(values.size()) - 1)];
    }
    Case vary(ConvParams params, int h, int w) {
        Case c{.params = params, .in_h = h, .in_w = w};
        c.params.input = GetParam()->input;
        c.data = static_cast<Data>(pick({0, 1, 2}));
        c.activation = all_activations[pick({0, 1, 2, 3, 4, 5, 5, 6, 7, 7})];
        c.residual = pick({0, 0, 1}) != 0;
        c.in_slice = {pick({0, 4, 16}), pick({0, 3, 16})};
        c.out_slice = {pick({0, 5, 32}), pick({0, 1, 32})};
        return c;
    }
};

// Around every tile boundary: widths up to two tiles and one, channel counts around the blocks.
TEST_P(Conv, every_width_and_channel_count) {
    taken_by({"conv_u8s8", "conv_s16s8", "conv_narrow"});
    for (int w = 1; w <= 29; ++w) {
        for (const int cout : {1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 64, 65}) {
            const int kernel = pick({1, 3});
            const Case c = vary(square(kernel, 1, 1, pick({1, 2, 3, 4, 5, 8, 17}), cout), pick({1, 2}), w);
            ASSERT_NO_FATAL_FAILURE(expect_equal(c));
        }
    }
}

TEST_P(Conv, every_kernel_shape) {
    taken_by({"conv_u8s8", "conv_s16s8", "conv_narrow"});
    for (const int kernel : {1, 2, 3, 4, 5, 6, 7}) {
        for (const int stride : {1, 2, 3}) {
            for (const int dilation : {1, 2}) {
                for (const int cin : {1, 3, 4, 12, 16, 30}) {
                    const Case c = vary(square(kernel, stride, dilation, cin, pick({3, 16, 40})),
                                        2 * kernel + pick({0, 1}), 2 * kernel + pick({0, 1, 9}));
                    ASSERT_NO_FATAL_FAILURE(expect_equal(c));
                }
            }
        }
    }
    Case c = vary({1, 5, 1, 2, 0, 1, 1, 2, 1, 9, 20, {}, {}}, 4, 30);
    expect_equal(c);
    c = vary({4, 1, 3, 1, 3, 0, 1, 1, 1, 9, 20, {}, {}}, 9, 30);
    expect_equal(c);
}

// Shapes that Winograd takes: planes that do and do not divide into its tiles, several batches, all pads.
TEST_P(Conv, three_by_three_with_many_channels) {
    taken_by({"conv_u8s8", "conv_s16s8", "conv_winograd"});
    for (int w = 1; w <= 13; ++w) {
        for (const int cin : {32, 33, 48, 64}) {
            Case c = vary(square(3, 1, 1, cin, pick({8, 16, 17, 31, 32, 40, 64, 70})), pick({1, 3, 4, 6, 9}), w);
            c.output = static_cast<OutputKind>(pick({0, 0, 1, 2}));
            c.residual = c.residual && c.output == OutputKind::u8;
            ASSERT_NO_FATAL_FAILURE(expect_equal(c));
        }
    }
    for (const int pad : {0, 1, 2}) {
        Case c = vary(square(3, 1, 1, 64, 48), 40, 52);
        c.params.pad_top = c.params.pad_left = pad;
        ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    }
}

// First layers, which Winograd folds into 3x3 ones: all numbers of channels that it folds and one more, planes of every
// remainder by its tiles, all pads.
TEST_P(Conv, six_by_six_with_stride_2) {
    taken_by({"conv_u8s8", "conv_s16s8"});
    for (int w = 6; w <= 23; ++w) {
        for (const int cin : {1, 2, 3, 4, 5}) {
            Case c = vary(square(6, 2, 1, cin, pick({8, 16, 17, 24, 32, 40})), pick({6, 9, 13, 16, 19}), w);
            c.params.pad_top = pick({0, 1, 2, 3, 5});
            c.params.pad_left = pick({0, 1, 2, 3, 5});
            c.output = static_cast<OutputKind>(pick({0, 0, 1, 2}));
            c.residual = c.residual && c.output == OutputKind::u8;
            ASSERT_NO_FATAL_FAILURE(expect_equal(c));
        }
    }
    ASSERT_NO_FATAL_FAILURE(expect_equal(vary(square(6, 2, 1, 3, 32), 90, 130)));
}

// What 1x1 convolutions over upsampled channels add. Odd sizes too: the last row and column of pixels stand alone.
TEST_P(Conv, partial_sums) {
    taken_by({"conv_u8s8"});
    for (int w = 1; w <= 31; ++w) {
        for (const int cout : {8, 9, 12, 16, 17, 20, 31, 32, 33, 48, 64, 70}) {
            Case c = vary(square(1, 1, 1, pick({4, 8, 30, 64}), cout), pick({1, 2, 3}), w);
            c.partial = true;
            c.output = static_cast<OutputKind>(pick({0, 0, 1, 2}));
            c.residual = c.residual && c.output == OutputKind::u8;
            ASSERT_NO_FATAL_FAILURE(expect_equal(c));
        }
    }
    for (const int w : {161, 320, 331}) {
        Case c = vary(square(1, 1, 1, 64, 48), 3, w);
        c.partial = true;
        ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    }
}

// 3x3 over upsampled pixels: around the tiles and the runs of them that are stored together, several batches.
TEST_P(Conv, upsampled_input) {
    taken_by({"conv_upsampled", "conv_u8s8_reference"});
    for (int w = 1; w <= 21; ++w) {
        for (const int cin : {8, 16, 17, 32, 48, 64}) {
            Case c = vary(square(3, 1, 1, cin, pick({8, 16, 17, 31, 32, 40, 64, 70})), pick({1, 2, 3, 5}), w);
            c.params.upsampled = true;
            c.output = static_cast<OutputKind>(pick({0, 0, 1, 2}));
            c.residual = c.residual && c.output == OutputKind::u8;
            ASSERT_NO_FATAL_FAILURE(expect_equal(c));
        }
    }
    for (const int cin : {16, 96}) {
        Case c = vary(square(3, 1, 1, cin, 48), 40, 52);
        c.params.upsampled = true;
        ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    }
    Case c = vary(square(3, 1, 1, 32, 32), 7, 9);
    c.params.upsampled = true;
    c.data = Data::extreme;
    c.output = OutputKind::s32;
    c.residual = false;
    ASSERT_NO_FATAL_FAILURE(expect_equal(c));
}

// Rows of more tiles than may wait for one epilogue (kernels/x86_avx2/conv.cc).
TEST_P(Conv, long_rows) {
    taken_by({"conv_u8s8", "conv_s16s8"});
    for (const int w : {153, 159, 160, 161, 169, 321, 331}) {
        for (const int cout : {2, 8, 24, 32}) {
            for (const int cin : {4, 32, 260}) {
                Case c = vary(square(1, 1, 1, cin, cout), 2, w);
                c.output = static_cast<OutputKind>(pick({0, 0, 1, 2}));
                c.residual = c.residual && c.output == OutputKind::u8;
                ASSERT_NO_FATAL_FAILURE(expect_equal(c));
            }
        }
    }
}

// Few output channels: widths around every tile edge, planes with and without gaps between pixels.
TEST_P(Conv, few_output_channels) {
    taken_by({"conv_u8s8", "conv_s16s8", "conv_narrow"});
    for (const int w : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 131}) {
        for (const int cin : {3, 4, 8, 12, 16}) {
            for (const int cout : {1, 2, 3, 4, 8}) {
                Case c = vary(square(pick({1, 3}), 1, 1, cin, cout), pick({1, 3}), w);
                if (pick({0, 1}) != 0) c.in_slice = c.out_slice = {0, 0};
                c.output = static_cast<OutputKind>(pick({0, 0, 1, 2}));
                c.residual = c.residual && c.output == OutputKind::u8;
                ASSERT_NO_FATAL_FAILURE(expect_equal(c));
            }
        }
    }
    // Tall kernels: the most rows that a kernel of this family takes, and one more.
    for (const int kernel_h : {8, 9}) {
        const Case c = vary({kernel_h, 2, 1, 1, 1, 1, 1, 1, 1, 8, 2}, 9, 35);
        ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    }
}

// Group sizes that do and do not fill a step, a vector, a pixel of several; a channel multiplier of 1, 2, 3.
TEST_P(Conv, groups) {
    taken_by({"conv_u8s8_reference", "conv_s16s8_reference", "conv_grouped"});
    for (const int groups : {2, 3, 8, 40}) {
        for (const int kernel : {1, 3, 5}) {
            for (const int cin : {1, 2, 3, 4, 8, 16}) {
                for (const int cout : {1, 2, 3, 4, 8, 16, 17, 36}) {
                    ConvParams params = square(kernel, pick({1, 2}), pick({1, 1, 2}), groups * cin, groups * cout);
                    params.groups = groups;
                    Case c = vary(params, pick({2, 7}), pick({1, 7, 19}));
                    c.output = static_cast<OutputKind>(pick({0, 0, 1, 2}));
                    c.residual = c.residual && c.output == OutputKind::u8;
                    ASSERT_NO_FATAL_FAILURE(expect_equal(c));
                }
            }
        }
    }
}

// Channels around the blocks, widths around the tiles and the stretches of them, every number of rows in a step.
TEST_P(Conv, depthwise) {
    taken_by({"conv_u8s8_reference", "conv_s16s8_reference", "conv_depthwise"});
    for (const int kernel : {1, 2, 3, 4, 5, 6, 7, 9}) {
        for (const int stride : {1, 2, 3}) {
            for (const int channels : {2, 3, 8, 15, 16, 17, 31, 32, 33, 48, 65}) {
                ConvParams params = square(kernel, stride, pick({1, 1, 2}), channels, channels);
                params.groups = channels;
                Case c = vary(params, kernel + pick({0, 1, 4}), 2 * kernel + pick({0, 1, 2, 3, 4, 17, 33}));
                c.output = static_cast<OutputKind>(pick({0, 0, 1, 2}));
                c.residual = c.residual && c.output == OutputKind::u8;
                ASSERT_NO_FATAL_FAILURE(expect_equal(c));
            }
        }
    }
    for (int w = 1; w <= 37; ++w) {
        ConvParams params = square(3, pick({1, 2}), 1, 40, 40);
        params.groups = 40;
        ASSERT_NO_FATAL_FAILURE(expect_equal(vary(params, 5, w)));
    }
    ConvParams params = square(7, 1, 1, 40, 40);
    params.groups = 40;
    Case c = vary(params, 9, 30);
    c.data = Data::extreme;
    c.output = OutputKind::s32;
    c.residual = false;
    ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    // A plane that does not stay in the cache: blocks follow each other within a row.
    params = square(3, 1, 1, 72, 72);
    params.groups = 72;
    ASSERT_NO_FATAL_FAILURE(expect_equal(vary(params, 64, 70)));
    // Different in both directions.
    params = {3, 5, 2, 1, 1, 2, 1, 1, 40, 40, 40};
    ASSERT_NO_FATAL_FAILURE(expect_equal(vary(params, 9, 21)));
}

// All 255 x all +-127 and -128: where 16-bit intermediate sums would saturate.
TEST_P(Conv, extremes) {
    taken_by({"conv_u8s8", "conv_s16s8", "conv_narrow"});
    for (const int kernel : {1, 3}) {
        for (const int cin : {4, 8, 16, 32, 64}) {
            for (const int cout : {3, 40}) {
                Case c = vary(square(kernel, 1, 1, cin, cout), 6, 20);
                c.data = Data::extreme;
                c.output = OutputKind::s32;
                c.residual = false;
                ASSERT_NO_FATAL_FAILURE(expect_equal(c));
            }
        }
    }
}

// Weights at and just beyond the bounds below which 16-bit sums are exact: two neighbouring weights of one sign may sum
// to 128 with inputs of 255, and the pairs of several steps of 4 channels share that bound
// (kernels/x86_avx2/conv_pack.h names the lists). Inputs of 255 and 0 are where a sum that is one too large saturates.
TEST_P(Conv, bounds_of_16_bit_sums) {
    taken_by({"conv_u8s8", "conv_s16s8"});
    const std::array<int, 8> patterns[] = {
        {21, 21, 21, 21, 21, 21, 21, 21},          // three steps: 126, a plain group of 3
        {22, 21, 22, 21, 22, 21, 22, 21},          // three: 129, so a plain group of 2: 86
        {43, 21, 21, 43, 43, 21, 21, 43},          // two: 128, a plain group of 2
        {33, 32, 33, 32, 33, 32, 33, 32},          // two: 130, so plain alone
        {127, 1, 64, 64, 1, 127, 64, 64},          // one: 128, plain alone
        {65, 64, 63, 63, 63, 63, 65, 64},          // one: 129, so centred; two: 255, a centred group of 2
        {65, 64, 64, 64, 64, 64, 65, 64},          // two: 257, so centred alone
        {127, 127, 127, 127, 127, 127, 127, 127},  // centred alone
        {63, 63, 63, 63, 63, 63, 63, 63},          // of arm_neon: four that share a lane, 252
        {64, 64, 64, 64, 64, 64, 64, 64},          // four: 256, so two
        {-128, 127, -128, 127, 127, -128, 0, 0},   // 255 of |w| with the other sign beside it
        {-128, -128, -128, 0, 0, 0, -128, -128},   // 256 of |w| in a pair, beside empty pairs that could join
        {-128, -128, 0, 0, 0, 0, -128, -128},      // the same, two steps that fit each other
        {0, 0, 0, 0, 0, 0, 0, 0},
    };
    for (const std::array<int, 8>& pattern : patterns) {
        for (const int fill : {255, 0, -1}) {
            for (const int cin : {4, 8, 24, 40, 46}) {
                Case c = vary(square(pick({1, 3}), 1, 1, cin, pick({5, 8, 16, 21, 40})), 2, pick({3, 8, 17}));
                c.data = Data::pattern;
                c.pattern = pattern;
                c.fill = fill;
                c.output = OutputKind::s32;
                c.residual = false;
                ASSERT_NO_FATAL_FAILURE(expect_equal(c));
            }
        }
    }
}

// More steps than a kernel may order at once.
TEST_P(Conv, very_many_input_channels) {
    taken_by({"conv_u8s8"});
    for (const Data data : {Data::random, Data::bell, Data::extreme}) {
        Case c = vary(square(1, 1, 1, 4 * 1024 + 4, 18), 1, 9);
        c.data = data;
        c.output = OutputKind::s32;
        c.residual = false;
        ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    }
    Case c = vary(square(3, 1, 1, 1200, 12), 2, 3);
    ASSERT_NO_FATAL_FAILURE(expect_equal(c));
}

TEST_P(Conv, every_epilogue) {
    taken_by({"conv_u8s8", "conv_s16s8"});
    for (const Activation activation : all_activations) {
        for (const OutputKind output : {OutputKind::u8, OutputKind::s16, OutputKind::s32}) {
            for (const int cout : {5, 16, 36, 64}) {
                for (const bool residual : {false, true}) {
                    for (const Data data : {Data::random, Data::bell}) {
                        if (residual && output != OutputKind::u8) continue;
                        Case c = vary(square(3, 1, 1, 8, cout), 3, 17);
                        c.data = data;
                        c.activation = activation;
                        c.output = output;
                        c.residual = residual;
                        ASSERT_NO_FATAL_FAILURE(expect_equal(c));
                    }
                }
            }
        }
    }
}

// One for every kernel there is.
TEST_P(Conv, layers_of_real_size) {
    taken_by({"conv"});
    for (const auto& [kernel, stride, cin, cout, size] : std::initializer_list<std::array<int, 5>>{{6, 2, 3, 32, 40},
                                                                                                   {3, 2, 32, 64, 40},
                                                                                                   {1, 1, 64, 32, 40},
                                                                                                   {3, 1, 64, 64, 20},
                                                                                                   {1, 1, 256, 18, 10},
                                                                                                   {3, 1, 8, 2, 40}}) {
        Case c = vary(square(kernel, stride, 1, cin, cout), size, size);
        if (kernel == 6) c.params.pad_top = c.params.pad_left = 2;
        c.data = Data::bell;
        ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    }
    Case c = vary(square(3, 1, 1, 32, 16), 20, 20);
    c.params.upsampled = true;
    c.data = Data::bell;
    ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    for (const auto& [kernel, stride, channels, groups, size] :
         std::initializer_list<std::array<int, 5>>{{3, 1, 144, 144, 28}, {5, 2, 96, 96, 28}, {3, 1, 64, 4, 28}}) {
        c = vary(square(kernel, stride, 1, channels, channels), size, size);
        c.params.groups = groups;
        c.data = Data::bell;
        ASSERT_NO_FATAL_FAILURE(expect_equal(c));
    }
}

INSTANTIATE_TEST_SUITE_P(kernels, Conv, testing::ValuesIn(conv_kernels().begin(), conv_kernels().end()),
                         [](const auto& test) { return std::string(test.param->name); });

TEST(ConvSelect, respects_level_and_refusal) {
    const std::vector<std::int8_t> weights(9 * 16 * 16, 1);
    ConvParams params = square(3, 1, 1, 16, 16);
    for (const Level& level : levels()) {
        EXPECT_TRUE(level.features.contains(select_conv(level.features, params, weights.data()).needs)) << level.name;
    }
    EXPECT_STREQ(select_conv(needs::reference, params, weights.data()).name, "conv_u8s8_reference");
    params.input = ConvInput::s16;
    EXPECT_STREQ(select_conv(needs::reference, params, weights.data()).name, "conv_s16s8_reference");
    for (const Level& level : levels()) {
        EXPECT_EQ(select_conv(level.features, params, weights.data()).refuses(params, weights.data()), nullptr);
    }
}

}  // namespace
}  // namespace octet::kernels
