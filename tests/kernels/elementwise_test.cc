// Every implementation of the families that work pixel by pixel against the family's reference, bit for bit.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/add.h"
#include "kernels/avgpool.h"
#include "kernels/batchnorm.h"
#include "kernels/concat.h"
#include "kernels/dequantize.h"
#include "kernels/detect_decode.h"
#include "kernels/lut.h"
#include "kernels/masks.h"
#include "kernels/maxpool.h"
#include "kernels/move.h"
#include "kernels/mul.h"
#include "kernels/normalize.h"
#include "kernels/quantize.h"
#include "kernels/resize_linear.h"
#include "kernels/resize_nearest.h"
#include "kernels/sigmoid.h"
#include "tests/kernels/planes.h"
#include "tests/kernels/random_fixed16.h"

namespace octet::kernels {
namespace {

constexpr int channel_counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65};

Slice random_slice(Random& random) {
    const int before[] = {0, 0, 4, 7, 32}, after[] = {0, 0, 1, 16, 40};
    return {before[random_int(random, 0, 4)], after[random_int(random, 0, 4)]};
}

// Runs the reference and the kernel on the same call, whose output is the plane `out`; rows in two parts.
template <typename Function, typename Call, typename T>
testing::AssertionResult same(const Function& kernel, const Function& reference, const Call& call, Plane<T>& out) {
    const int rows = out.view().h;
    const auto before = out.copy();
    reference(call, 0, rows);
    const auto expected = out.copy();
    out.restore(before);
    kernel(call, rows / 2, rows);
    kernel(call, 0, rows / 2);
    return out.equals(expected);
}

template <typename Function>
class Family : public testing::TestWithParam<KernelEntry<Function>> {
  protected:
    void SetUp() override { OCTET_SKIP_WITHOUT(this->GetParam().needs); }
    int integer(int low, int high) { return random_int(random_, low, high); }
    // Of that size, or with one row, column or channel that is repeated.
    Plane<std::uint8_t> operand(int h, int w, int c) {
        const auto size = [&](int whole) { return integer(0, 2) == 0 ? 1 : whole; };
        const int rows = size(h), columns = size(w), channels = size(c);
        return {rows, columns, channels, integer(0, 1), random_slice(random_), random_};
    }
    Random random_{3};
};

#define OCTET_FAMILY(NAME, FUNCTION, LIST)                                                   \
    class NAME : public Family<FUNCTION> {                                                   \
      protected:                                                                             \
        [[maybe_unused]] static constexpr auto reference = [] { return LIST().back().run; }; \
    };                                                                                       \
    INSTANTIATE_TEST_SUITE_P(kernels, NAME, testing::ValuesIn(LIST().begin(), LIST().end()), kernel_name)

OCTET_FAMILY(BatchNorm, BatchNormFunction, batchnorm_kernels);
TEST_P(BatchNorm, equals_reference) {
    for (const int c : channel_counts) {
        for (const Activation activation : all_activations) {
            const int h = integer(1, 3), w = integer(1, 9);
            const Plane<std::uint8_t> in(h, w, c, 0, random_slice(random_), random_);
            Plane<std::uint8_t> out(h, w, c, integer(0, 1), random_slice(random_), random_);
            std::vector<std::int16_t> weights(fixed16_entries(c));
            for (auto& x : weights) x = static_cast<std::int16_t>(integer(0, 3) == 0 ? -32768 : integer(-32768, 32767));
            const RandomFixed16 epilogue(c, OutputKind::u8, activation, 255.0 * 32767, random_);
            const BatchNormCall call{in.read(), weights.data(), epilogue.params, out.view()};
            ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
        }
    }
}

Grid random_grid(Random& random, float lowest_scale, float highest_scale) {
    std::uniform_real_distribution<float> scale(lowest_scale, highest_scale);
    return {DType::uint8, scale(random), random_int(random, 0, 255)};
}

OCTET_FAMILY(Add, AddFunction, add_kernels);
TEST_P(Add, equals_reference) {
    for (const int c : channel_counts) {
        for (int round = 0; round < 8; ++round) {
            const int h = integer(1, 3), w = integer(1, 9);
            Plane<std::uint8_t> a = operand(h, w, c), b = operand(h, w, c);
            Plane<std::uint8_t> out(h, w, c, 0, random_slice(random_), random_);
            const float low = round % 2 == 0 ? 0.01F : 0.5F;
            const auto grid = [&] { return random_grid(random_, low, 1); };
            const Activation activations[] = {Activation::none, Activation::relu, Activation::leaky};
            const auto params = make_add(grid(), grid(), grid(), activations[integer(0, 2)], 0.1);
            ASSERT_TRUE(params.has_value()) << params.error();
            const AddCall call{a.read(), b.read(), *params, out.view()};
            ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
        }
    }
}

// Pixels of one channel that lie as far apart as the output's pixels of four.
TEST_P(Add, repeats_one_channel_of_every_pixel) {
    const Plane<std::uint8_t> a(2, 9, 1, 0, {}, random_), b(2, 9, 4, 0, {}, random_);
    Plane<std::uint8_t> out(2, 9, 4, 0, {}, random_);
    const Grid grid{DType::uint8, 0.1F, 100};
    const AddParams params = make_add(grid, grid, grid).value();
    EXPECT_TRUE(same(*GetParam().run, *reference(), AddCall{a.read(), b.read(), params, out.view()}, out));
    EXPECT_TRUE(same(*GetParam().run, *reference(), AddCall{b.read(), a.read(), params, out.view()}, out));
}

OCTET_FAMILY(Mul, MulFunction, mul_kernels);
TEST_P(Mul, repeats_one_channel_of_every_pixel) {
    const Plane<std::uint8_t> a(2, 9, 1, 0, {}, random_), b(2, 9, 4, 0, {}, random_);
    Plane<std::uint8_t> out(2, 9, 4, 0, {}, random_);
    const Grid grid{DType::uint8, 0.1F, 100};
    const MulParams params = make_mul(grid, grid, grid).value();
    EXPECT_TRUE(same(*GetParam().run, *reference(), MulCall{a.read(), b.read(), params, out.view()}, out));
    EXPECT_TRUE(same(*GetParam().run, *reference(), MulCall{b.read(), a.read(), params, out.view()}, out));
}
TEST_P(Mul, equals_reference) {
    for (const int c : channel_counts) {
        for (int round = 0; round < 8; ++round) {
            const int h = integer(1, 3), w = integer(1, 9);
            Plane<std::uint8_t> a = operand(h, w, c), b = operand(h, w, c);
            if (round == 0) a.fill(255), b.fill(0);
            Plane<std::uint8_t> out(h, w, c, 0, random_slice(random_), random_);
            // Every second with results far beyond 16 bits.
            const auto grid = [&] { return random_grid(random_, round % 2 == 0 ? 0.01F : 20.0F, 30); };
            const Grid y = random_grid(random_, round % 2 == 0 ? 0.5F : 0.1F, 1);
            const auto params = make_mul(grid(), grid(), y, integer(0, 1) == 0 ? Activation::none : Activation::relu);
            ASSERT_TRUE(params.has_value()) << params.error();
            const MulCall call{a.read(), b.read(), *params, out.view()};
            ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
        }
    }
}

// Every product of two bytes, with products that are multiples of half a step.
TEST_P(Mul, rounds_every_product_to_the_nearest_even) {
    Plane<std::uint8_t> a(256, 1, 1, 0, {}, random_), b(1, 256, 1, 0, {}, random_);
    for (int i = 0; i < 256; ++i) *a.view().pixel(i, 0) = *b.view().pixel(0, i) = static_cast<std::uint8_t>(i);
    Plane<std::uint8_t> out(256, 256, 1, 0, {}, random_);
    const auto grid = [](float scale, int zero_point) { return Grid{DType::uint8, scale, zero_point}; };
    const MulParams params = make_mul(grid(0.25F, 120), grid(0.125F, 130), grid(0.0625F, 99)).value();
    GetParam().run({a.read(), b.read(), params, out.view()}, 0, 256);
    for (int i = 0; i < 256; ++i) {
        for (int k = 0; k < 256; ++k) {
            const double exact = 0.5 * (i - 120) * (k - 130) + 99;
            ASSERT_EQ(*out.view().pixel(i, k), std::clamp(std::nearbyint(exact - 99) + 99, 0.0, 255.0))
                << i << " " << k;
        }
    }
}

TEST(MakeMul, refuses_scales_and_activations) {
    const auto of_scale = [](float scale) { return Grid{DType::uint8, scale, 7}; };
    EXPECT_TRUE(make_mul(of_scale(180), of_scale(180), of_scale(1)).has_value());
    EXPECT_FALSE(make_mul(of_scale(200), of_scale(200), of_scale(1)).has_value());
    EXPECT_FALSE(make_mul(of_scale(0), of_scale(1), of_scale(1)).has_value());
    EXPECT_FALSE(make_mul(of_scale(1), of_scale(1), of_scale(1), Activation::leaky).has_value());
    EXPECT_EQ(make_mul(of_scale(1), of_scale(1), of_scale(1), Activation::relu)->out_min, 7);
}

TEST(MakeAdd, is_within_its_error_bound) {
    Random random(5);
    for (int round = 0; round < 200; ++round) {
        const Grid a = random_grid(random, 0.005F, 0.1F), b = random_grid(random, 0.005F, 0.1F);
        const Grid y = random_grid(random, 0.005F, 0.1F);
        const AddParams params = make_add(a, b, y).value();
        for (int i = 0; i < 500; ++i) {
            const auto xa = static_cast<std::uint8_t>(random()), xb = static_cast<std::uint8_t>(random());
            const double real_a = (xa - a.zero_point) * double{a.scale} / double{y.scale},
                         real_b = (xb - b.zero_point) * double{b.scale} / double{y.scale};
            const double exact = std::clamp(real_a + real_b + y.zero_point, 0.0, 255.0);
            const double relative = std::abs(real_a) / (2 * params.a_mult) + std::abs(real_b) / (2 * params.b_mult);
            ASSERT_LE(std::abs(add_u8(xa, xb, params) - exact), 0.5 + std::ldexp(1.0, -params.shift) + relative + 1e-9);
        }
    }
    const auto of_scale = [](float scale) { return Grid{DType::uint8, scale, 0}; };
    EXPECT_FALSE(make_add(of_scale(130), of_scale(1), of_scale(1)).has_value());
    EXPECT_FALSE(make_add(of_scale(1), of_scale(0), of_scale(1)).has_value());
}

OCTET_FAMILY(Concat, ConcatFunction, concat_kernels);
TEST_P(Concat, equals_reference) {
    for (const int c : channel_counts) {
        for (int round = 0; round < 4; ++round) {
            const int h = integer(1, 3), w = integer(1, 9);
            const Plane<std::uint8_t> in(h, w, c, 0, random_slice(random_), random_);
            Plane<std::uint8_t> out(h, w, c, 1, random_slice(random_), random_);
            const Grid grid = random_grid(random_, 0.1F, 1);
            const auto params = make_requantize_copy(round == 0 ? grid : random_grid(random_, 0.1F, 1), grid);
            ASSERT_TRUE(params.has_value()) << params.error();
            EXPECT_EQ(params->plain, round == 0);
            const ConcatCall call{in.read(), *params, out.view()};
            ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
        }
    }
}

OCTET_FAMILY(MaxPool, MaxPoolFunction, maxpool_kernels);
TEST_P(MaxPool, equals_reference) {
    for (const int c : channel_counts) {
        for (const int kernel : {1, 2, 3, 5}) {
            for (const int stride : {1, 2}) {
                const int pad = kernel / 2, h = integer(kernel, 9), w = integer(kernel, 9);
                const int out_h = (h + 2 * pad - kernel) / stride + 1, out_w = (w + 2 * pad - kernel) / stride + 1;
                Plane<std::uint8_t> in(h, w, c, 0, random_slice(random_), random_);
                if (stride == 1) in.fill(3);
                Plane<std::uint8_t> out(out_h, out_w, c, 0, random_slice(random_), random_);
                const MaxPoolCall call{kernel, kernel, stride, stride, pad, pad, in.read(), out.view()};
                ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels, kernel " << kernel;
            }
        }
    }
}

OCTET_FAMILY(Move, MoveFunction, move_kernels);
// Tables of a move from plane to plane; the vectors of a call live here.
struct MoveCase {
    std::vector<std::int32_t> row, column, channel, element;
    MoveBlocks blocks;

    MoveCall call(const Plane<std::uint8_t>& in, const Plane<std::uint8_t>& out, std::uint8_t fill) {
        blocks = make_move_blocks(channel, fill);
        MoveCall call;
        call.row = row.data(), call.column = column.data(), call.channel = channel.data();
        call.element = element.empty() ? nullptr : element.data();
        call.blocks = blocks.blocks.data(), call.parts = blocks.parts.data();
        call.fill = fill;
        call.in = in.read(), call.out = out.view();
        return call;
    }
};

// Permutations of channels from orderly to wild, with rows, columns and channels that are padding.
TEST_P(Move, equals_reference) {
    for (const int c : channel_counts) {
        for (int round = 0; round < 12; ++round) {
            const int h = integer(1, 4), w = integer(1, 7), cin = c + integer(0, 40);
            const Plane<std::uint8_t> in(h, w, cin, integer(0, 1), random_slice(random_), random_);
            const int out_h = integer(1, 4), out_w = integer(1, 7), groups = integer(1, 4);
            Plane<std::uint8_t> out(out_h, out_w, c, integer(0, 1), random_slice(random_), random_);
            const TensorView<const std::uint8_t> view = in.read();
            const auto outside = [&](std::int64_t offset) {
                return round % 3 == 2 && integer(0, 4) == 0 ? move_outside : static_cast<std::int32_t>(offset);
            };
            MoveCase move;
            for (int y = 0; y < out_h; ++y) move.row.push_back(outside(integer(0, h - 1) * view.row_stride));
            for (int x = 0; x < out_w; ++x) move.column.push_back(outside(integer(0, w - 1) * view.pixel_stride));
            for (int k = 0; k < c; ++k) {
                const int shuffled = (k % groups) * (c / groups) + k / groups;  // up to c + 2
                const int source = round % 4 == 0 ? k + cin - c : round % 4 == 1 ? cin - 1 - k : shuffled;
                move.channel.push_back(outside(round % 4 == 3 ? integer(0, cin - 1) : std::min(source, cin - 1)));
            }
            const MoveCall call = move.call(in, out, static_cast<std::uint8_t>(integer(0, 255)));
            ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels, round " << round;
        }
    }
}

TEST_P(Move, equals_reference_on_elements) {
    for (const int c : {1, 7, 33}) {
        const Plane<std::uint8_t> in(3, 4, 21, 1, random_slice(random_), random_);
        Plane<std::uint8_t> out(5, 2, c, 0, random_slice(random_), random_);
        MoveCase move;
        for (int i = 0; i < 10 * c; ++i) {
            const std::uint8_t* source = in.read().pixel(integer(0, 2), integer(0, 3)) + integer(0, 20);
            move.element.push_back(i % 5 == 4 ? move_outside : static_cast<std::int32_t>(source - in.read().data));
        }
        const MoveCall call = move.call(in, out, 77);
        ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
    }
}

// What the vectors do is what the table says.
TEST(MakeMoveBlocks, are_the_channels) {
    Random random(5);
    for (int round = 0; round < 400; ++round) {
        const int c = random_int(random, 1, 70), spread = random_int(random, 1, 300);
        std::vector<std::int32_t> channel;
        for (int i = 0; i < c; ++i) {
            channel.push_back(random_int(random, 0, 9) == 0 ? move_outside
                              : round % 2 == 0              ? 2 * i - 9
                                                            : random_int(random, -spread, spread));
        }
        const MoveBlocks made = make_move_blocks(channel, 0x5A);
        ASSERT_EQ(static_cast<int>(made.blocks.size()), (c + 15) / 16);
        for (int k = 0; k < c; ++k) {
            const MoveBlock& block = made.blocks[static_cast<std::size_t>(k / 16)];
            ASSERT_LE(block.parts, max_move_parts);
            if (round % 2 == 0) ASSERT_FALSE(block.scattered);
            if (block.scattered) continue;
            int sources = 0;
            for (int p = 0; p < block.parts; ++p) {
                const MovePart& part = made.parts[static_cast<std::size_t>(block.first_part + p)];
                if (part.shuffle[k % 16] >= 0x80) continue;
                ++sources;
                EXPECT_EQ(part.offset + part.shuffle[k % 16], channel[static_cast<std::size_t>(k)]);
            }
            const bool padding = channel[static_cast<std::size_t>(k)] == move_outside;
            EXPECT_EQ(sources, padding ? 0 : 1);
            EXPECT_EQ(block.fill[k % 16], padding ? 0x5A : 0);
        }
    }
}

OCTET_FAMILY(AvgPool, AvgPoolFunction, avgpool_kernels);
TEST_P(AvgPool, equals_reference) {
    for (const int c : channel_counts) {
        for (int round = 0; round < 12; ++round) {
            AvgPoolCall call;
            call.kernel_h = integer(1, 4), call.kernel_w = integer(1, 4);
            call.stride_h = integer(1, 3), call.stride_w = integer(1, 3);
            // Also windows in the padding alone.
            call.pad_top = integer(0, 5), call.pad_bottom = integer(0, 5);
            call.pad_left = integer(0, 5), call.pad_right = integer(0, 5);
            call.counts_padding = round % 2 == 0;
            const int h = integer(4, 9), w = integer(4, 9);
            const auto size = [&](int in, int pads, int kernel, int stride) {
                return (in + pads - kernel + integer(0, stride - 1)) / stride + 1;  // with ceil_mode or without
            };
            const int out_h = size(h, call.pad_top + call.pad_bottom, call.kernel_h, call.stride_h),
                      out_w = size(w, call.pad_left + call.pad_right, call.kernel_w, call.stride_w);
            Plane<std::uint8_t> in(h, w, c, integer(0, 1), random_slice(random_), random_);
            if (round == 0) in.fill(255);
            Plane<std::uint8_t> out(out_h, out_w, c, 0, random_slice(random_), random_);
            call.params = make_avgpool(random_grid(random_, 0.5F, 1), random_grid(random_, 0.05F, 1)).value();
            call.in = in.read(), call.out = out.view();
            ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
        }
    }
}

// One window of the plane, with sums around what 16 and 24 bits hold.
TEST_P(AvgPool, equals_reference_on_the_whole_plane) {
    for (const auto& [h, w] : {std::pair{1, 1}, {7, 7}, {16, 16}, {257, 1}, {2, 129}, {28, 28}, {300, 300}}) {
        for (const int c : {3, 32, 65, 130}) {
            for (const bool extreme : {true, false}) {
                Plane<std::uint8_t> in(h, w, c, 0, random_slice(random_), random_);
                if (extreme) in.fill(255);
                Plane<std::uint8_t> out(1, 1, c, 0, random_slice(random_), random_);
                AvgPoolCall call;
                call.kernel_h = h, call.kernel_w = w;
                call.params = make_avgpool({DType::uint8, 0.02F, extreme ? 0 : integer(0, 255)},
                                           {DType::uint8, 0.021F, integer(0, 9)})
                                  .value();
                call.in = in.read(), call.out = out.view();
                ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << "x" << h << "x" << w;
            }
        }
    }
}

TEST(AvgPoolFormula, is_within_its_error_bound) {
    Random random(5);
    for (int round = 0; round < 20000; ++round) {
        const Grid x = random_grid(random, 0.005F, 0.1F), y = random_grid(random, 0.005F, 0.1F);
        const AvgPoolParams params = make_avgpool(x, y).value();
        const int count = random_int(random, 1, 70000), sum = random_int(random, -255 * count, 255 * count);
        const double exact = static_cast<double>(sum) / count * double{x.scale} / double{y.scale};
        const double clamped = std::clamp(exact + y.zero_point, 0.0, 255.0);
        ASSERT_NEAR(avgpool_u8(sum, count, params), clamped, 0.5 + std::abs(exact) * std::ldexp(1.0, -22));
    }
    const auto of_scale = [](float scale) { return Grid{DType::uint8, scale, 0}; };
    EXPECT_FALSE(make_avgpool(of_scale(0), of_scale(1)).has_value());
    EXPECT_FALSE(make_avgpool(of_scale(4194304), of_scale(1)).has_value());
}

OCTET_FAMILY(ResizeNearest, ResizeNearestFunction, resize_nearest_kernels);
TEST_P(ResizeNearest, equals_reference) {
    for (const int c : channel_counts) {
        const int h = integer(1, 5), w = integer(1, 5), out_h = integer(1, 11), out_w = integer(1, 11);
        std::vector<std::int32_t> source_y(static_cast<std::size_t>(out_h)), source_x(static_cast<std::size_t>(out_w));
        for (int i = 0; i < out_h; ++i) source_y[i] = i * h / out_h;
        for (int i = 0; i < out_w; ++i) source_x[i] = i * w / out_w;
        const Plane<std::uint8_t> in(h, w, c, 0, random_slice(random_), random_);
        Plane<std::uint8_t> out(out_h, out_w, c, 1, random_slice(random_), random_);
        const ResizeNearestCall call{source_y.data(), source_x.data(), in.read(), out.view()};
        ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
    }
}

// Twice as wide and high, also between planes without gaps: widths around whole vectors of small pixels.
TEST_P(ResizeNearest, equals_reference_where_every_pixel_is_doubled) {
    for (const int c : {3, 4, 8, 12, 16, 32, 40}) {
        for (int w = 1; w <= 18; ++w) {
            for (const Slice slice : {Slice{0, 0}, Slice{4, 0}}) {
                std::vector<std::int32_t> source(40);
                for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::int32_t>(i / 2);
                // The last pixel once in one width of three.
                const int h = integer(1, 3), out_w = 2 * w - (w % 3 == 0 ? 1 : 0);
                const Plane<std::uint8_t> in(h, w, c, 0, Slice{0, integer(0, 1) * 4}, random_);
                Plane<std::uint8_t> out(2 * h, out_w, c, 0, slice, random_);
                const ResizeNearestCall call{source.data(), source.data(), in.read(), out.view()};
                ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels, width " << w;
            }
        }
    }
}

OCTET_FAMILY(ResizeLinear, ResizeLinearFunction, resize_linear_kernels);
TEST_P(ResizeLinear, equals_reference) {
    for (const int c : channel_counts) {
        for (const bool extreme : {false, true}) {
            const int h = integer(1, 5), w = integer(1, 5);
            const auto taps = [&](int size, int count) {
                std::vector<LinearTap> made;
                for (int i = 0; i < count; ++i) {
                    const int weight =
                        integer(0, 3) == 0 ? integer(0, 1) << resize_weight_bits : integer(0, 1 << resize_weight_bits);
                    made.push_back({integer(0, size - 1), integer(0, size - 1), weight});
                }
                return made;
            };
            const auto rows = taps(h, integer(1, 11)), columns = taps(w, integer(1, 11));
            Plane<std::uint8_t> in(h, w, c, 0, random_slice(random_), random_);
            if (extreme) in.fill(255);
            Plane<std::uint8_t> out(static_cast<int>(rows.size()), static_cast<int>(columns.size()), c, 1,
                                    random_slice(random_), random_);
            const ResizeLinearCall call{rows.data(), columns.data(), integer(0, 255), in.read(), out.view()};
            ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
        }
    }
}

TEST(ResizeLinearFormula, is_within_its_error_bound) {
    Random random(7);
    constexpr int one = 1 << resize_weight_bits;
    for (int round = 0; round < 20000; ++round) {
        std::int32_t x[4];
        for (std::int32_t& corner : x) corner = random_int(random, 0, 255);
        const double row = std::generate_canonical<double, 53>(random),
                     column = std::generate_canonical<double, 53>(random);
        const double exact =
            (x[0] * (1 - column) + x[1] * column) * (1 - row) + (x[2] * (1 - column) + x[3] * column) * row;
        const std::int32_t y = interpolate(x, static_cast<std::int32_t>(std::lrint(row * one)),
                                           static_cast<std::int32_t>(std::lrint(column * one)), round % 256);
        ASSERT_NEAR(y, exact, 0.5 + 0.125);
        ASSERT_GE(y, *std::min_element(x, x + 4));
        ASSERT_LE(y, *std::max_element(x, x + 4));
    }
    for (int zero_point = 0; zero_point < 2; ++zero_point) {
        for (std::int32_t x = 0; x < 255; ++x) {
            const int tie = interpolate({x, x + 1, x, x + 1}, 0, one / 2, zero_point);
            EXPECT_EQ((tie - zero_point) % 2, 0) << "to even";
        }
    }
}

OCTET_FAMILY(Quantize, QuantizeFunction, quantize_kernels);
TEST_P(Quantize, equals_reference) {
    for (const int c : {1, 2, 3, 4, 5, 16}) {
        for (int w = 1; w <= 17; ++w) {
            const int h = integer(1, 3);
            std::vector<float> in(static_cast<std::size_t>(c) * h * w);
            std::uniform_real_distribution<float> value(-40, 40);
            for (float& x : in) {
                const float special[] = {std::numeric_limits<float>::infinity(),
                                         -std::numeric_limits<float>::infinity(),
                                         std::numeric_limits<float>::quiet_NaN(), 0.0F, 1e30F};
                x = integer(0, 9) == 0 ? special[integer(0, 4)] : value(random_);
                if (integer(0, 3) == 0) x = std::round(x) + 0.5F;  // ties
            }
            const float scales[] = {0.25F, 1.0F, 0.013F};
            std::vector<float> gain(static_cast<std::size_t>(c)), offset(gain);
            for (float& g : gain) g = value(random_);
            for (float& o : offset) o = value(random_);
            Plane<std::uint8_t> out(h, w, c, 1, random_slice(random_), random_);
            QuantizeCall call{in.data(), scales[integer(0, 2)], integer(0, 255), out.view()};
            if (integer(0, 1)) {
                call.gain = gain.data();
                call.offset = offset.data();
            }
            ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels, width " << w;
        }
    }
}

OCTET_FAMILY(Pixels, PixelsFunction, pixels_kernels);
TEST_P(Pixels, equals_reference) {
    for (const int c : {1, 3, 4}) {
        for (int w = 1; w <= 20; ++w) {
            for (const Slice slice : {Slice{0, 0}, Slice{0, 1}, Slice{1, 0}, Slice{3, 5}}) {
                const int h = integer(1, 3), row = w * c + integer(0, 3);
                const GuardedMemory memory(static_cast<std::size_t>(row * (h - 1) + w * c));
                auto* in = static_cast<std::uint8_t*>(memory.data());
                for (int i = 0; i < row * (h - 1) + w * c; ++i) in[i] = static_cast<std::uint8_t>(random_());
                Plane<std::uint8_t> out(h, w, c, 2, slice, random_);
                const PixelsCall call{in, row, out.view()};
                ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels, width " << w;
            }
        }
    }
}

OCTET_FAMILY(Dequantize, DequantizeFunction, dequantize_kernels);
TEST_P(Dequantize, equals_reference) {
    for (const int c : {1, 2, 3, 8, 18}) {
        for (int w = 1; w <= 17; ++w) {
            const int h = integer(1, 3);
            const Plane<std::uint8_t> u8(h, w, c, 0, random_slice(random_), random_);
            const Plane<std::uint16_t> u16(h, w, c, 0, random_slice(random_), random_);
            const Plane<std::int16_t> s16(h, w, c, 0, random_slice(random_), random_);
            for (int kind = 0; kind < 3; ++kind) {
                DequantizeCall call;
                if (kind == 0) call.in_u8 = u8.read();
                if (kind == 1) call.in_u16 = u16.read();
                if (kind == 2) call.in_s16 = s16.read();
                call.scale = 0.0123F;
                call.zero_point = integer(0, 255);
                std::vector<float> expected(static_cast<std::size_t>(c) * h * w + 8, -1.0F), actual = expected;
                call.out = expected.data();
                reference()(call, 0, h);
                call.out = actual.data();
                GetParam().run(call, h / 2, h);
                GetParam().run(call, 0, h / 2);
                ASSERT_EQ(actual, expected) << c << " channels, width " << w << ", kind " << kind;
            }
        }
    }
}

OCTET_FAMILY(Lut, LutFunction, lut_kernels);
TEST_P(Lut, equals_reference) {
    std::uint8_t table[256];
    for (std::uint8_t& entry : table) entry = static_cast<std::uint8_t>(random_());
    for (const int c : channel_counts) {
        const int h = integer(1, 3), w = integer(1, 40);
        const Plane<std::uint8_t> in(h, w, c, 0, random_slice(random_), random_);
        Plane<std::uint8_t> out(h, w, c, 1, random_slice(random_), random_);
        const LutCall call{table, in.read(), out.view()};
        ASSERT_TRUE(same(*GetParam().run, *reference(), call, out)) << c << " channels";
    }
}

OCTET_FAMILY(Sigmoid, SigmoidFunction, sigmoid_kernels);
TEST_P(Sigmoid, equals_reference) {
    std::vector<float> floats(sigmoid_floats);
    for (int f = 0; f <= 12; ++f) {
        make_sigmoid_floats(f, floats.data());
        for (const auto& [c, block] :
             {std::pair{1, 1}, {2, 1}, {3, 1}, {7, 1}, {9, 1}, {18, 1}, {4, 2}, {8, 2}, {9, 3}}) {
            const int h = integer(1, 3), w = integer(1, 20);
            const Plane<std::int16_t> in(h, w, c, 0, random_slice(random_), random_);
            in.view().pixel(0, 0)[0] = -32768;
            in.view().pixel(h - 1, w - 1)[c - 1] = 32767;
            std::vector<float> expected(static_cast<std::size_t>(c) * h * w + 8, -1.0F), actual = expected;
            SigmoidCall call{in.read(), f, floats.data(), expected.data(), block};
            reference()(call, 0, h);
            call.out = actual.data();
            GetParam().run(call, h / 2, h);
            GetParam().run(call, 0, h / 2);
            ASSERT_EQ(actual, expected) << c << " channels, f " << f;
        }
    }
}

TEST(SigmoidFormula, is_within_its_error_bound) {
    for (int f = 0; f <= 12; ++f) {
        int previous = -1;
        for (int x = -32768; x <= 32767; ++x) {
            const int y = sigmoid_q16(static_cast<std::int16_t>(x), f, sigmoid_table);
            ASSERT_NEAR(y / 65536.0, 1 / (1 + std::exp(-std::ldexp(x, -f))), 1.1 / 32768) << x << " at f " << f;
            ASSERT_GE(y, previous) << "not monotonic at " << x << ", f " << f;
            previous = y;
        }
    }
}

OCTET_FAMILY(DetectDecode, DetectDecodeFunction, detect_decode_kernels);
TEST_P(DetectDecode, equals_reference_and_float) {
    for (const int classes : {0, 1, 2, 20}) {
        for (const int anchors : {1, 3, 4}) {
            const int h = integer(1, 4), w = integer(1, 7), fields = 5 + classes;
            const Plane<std::int16_t> logits(h, w, anchors * fields, 0, random_slice(random_), random_);
            DetectDecodeCall call{
                .logits = logits.read(), .f = 11, .stride = 16, .anchors = anchors, .classes = classes};
            for (int a = 0; a < anchors; ++a) {
                call.anchor_w[a] = integer(3 * 1024, 600 * 1024);
                call.anchor_h[a] = integer(3 * 1024, 600 * 1024);
            }
            std::vector<std::int32_t> expected(static_cast<std::size_t>(anchors) * h * w * fields), actual = expected;
            call.out = expected.data();
            reference()(call, 0, h);
            call.out = actual.data();
            GetParam().run(call, h / 2, h);
            GetParam().run(call, 0, h / 2);
            ASSERT_EQ(actual, expected) << anchors << " anchors, " << classes << " classes";

            std::vector<float> rows(actual.size());
            detections_to_float(actual.data(), std::int64_t{anchors} * h * w, classes, rows.data());
            const int y = h - 1, x = w - 1, a = anchors - 1;
            const std::int16_t* pixel = logits.view().pixel(y, x) + a * fields;
            const auto sigma = [&](int k) { return 1 / (1 + std::exp(-pixel[k] / 2048.0)); };
            const float* row = rows.data() + ((a * h + y) * w + x) * fields;
            EXPECT_NEAR(row[0], (2 * sigma(0) - 0.5 + x) * 16, 16 * 2.2 / 32768 + 1.0 / 1024);
            EXPECT_NEAR(row[1], (2 * sigma(1) - 0.5 + y) * 16, 16 * 2.2 / 32768 + 1.0 / 1024);
            EXPECT_NEAR(row[2], 4 * sigma(2) * sigma(2) * call.anchor_w[a] / 1024,
                        call.anchor_w[a] / 1024.0 * 8.9 / 32768);
            EXPECT_NEAR(row[3], 4 * sigma(3) * sigma(3) * call.anchor_h[a] / 1024,
                        call.anchor_h[a] / 1024.0 * 8.9 / 32768);
            EXPECT_NEAR(row[4], sigma(4), 1.1 / 32768);
        }
    }
}

// Lengths around every vector width.
constexpr int float_counts[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 640, 1023};

// `count` floats in front of a page without access: ties, infinities, NaNs and zeros of both signs among others.
class Floats {
  public:
    Floats(int count, Random& random)
        : memory_(static_cast<std::size_t>(count) * sizeof(float)), values_(static_cast<float*>(memory_.data())) {
        constexpr float infinity = std::numeric_limits<float>::infinity();
        const float special[] = {0.0F, -0.0F, 1.0F, infinity, -infinity, std::numeric_limits<float>::quiet_NaN(),
                                 3e38F};
        std::uniform_real_distribution<float> value(-9, 9);
        for (int i = 0; i < count; ++i) {
            values_[i] = random_int(random, 0, 3) == 0 ? special[random_int(random, 0, 6)] : value(random);
        }
    }
    const float* data() const { return values_; }

  private:
    GuardedMemory memory_;
    float* values_;
};

OCTET_FAMILY(Normalize, NormalizeFunction, normalize_kernels);
TEST_P(Normalize, equals_the_formula) {
    const float mean[] = {0.485F, 0.456F, 0.0F}, deviation[] = {0.229F, 0.224F, 1.0F};
    std::vector<float> tables(3 * normalize_entries);
    for (int c = 0; c < 3; ++c) make_normalize_table(mean[c], deviation[c], &tables[c * normalize_entries]);
    for (const int count : float_counts) {
        for (const int channels : {1, 3}) {
            const auto bytes = static_cast<std::size_t>(count * channels);
            const GuardedMemory memory(bytes);
            auto* in = static_cast<std::uint8_t*>(memory.data());
            for (std::size_t i = 0; i < bytes; ++i) in[i] = static_cast<std::uint8_t>(random_());
            std::vector<float> out(bytes + 1, -7.0F);
            GetParam().run({in, tables.data(), out.data(), count, channels});
            for (std::size_t i = 0; i < bytes; ++i) {
                const std::size_t c = i % channels;
                const float expected = (static_cast<float>(in[i]) / 255.0F - mean[c]) / deviation[c];
                ASSERT_EQ(out[c * count + i / channels], expected) << count << " pixels";
            }
            EXPECT_EQ(out[bytes], -7.0F) << "written behind the end";
        }
    }
}

OCTET_FAMILY(Argmax, ArgmaxFunction, argmax_kernels);
TEST_P(Argmax, equals_the_formula) {
    for (const int count : float_counts) {
        const Floats background(count, random_), foreground(count, random_);
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(count) + 1, 9);
        GetParam().run({background.data(), foreground.data(), mask.data(), count});
        for (int i = 0; i < count; ++i) ASSERT_EQ(mask[i], foreground.data()[i] > background.data()[i]) << i;
        EXPECT_EQ(mask.back(), 9) << "written behind the end";
    }
}

OCTET_FAMILY(BlendMargin, BlendMarginFunction, blend_margin_kernels);
TEST_P(BlendMargin, equals_reference) {
    for (const int count : float_counts) {
        const Floats b0(count, random_), f0(count, random_), b1(count, random_), f1(count, random_);
        std::vector<float> expected(static_cast<std::size_t>(count) + 1, -7.0F), actual = expected;
        BlendMarginCall call{{b0.data(), f0.data()}, {b1.data(), f1.data()}, 0.3F, expected.data(), count};
        reference()(call);
        call.out = actual.data();
        GetParam().run(call);
        for (int i = 0; i <= count; ++i) {
            // Bits: zeros have signs, and NaNs are equal when both are. Which NaN it is, is the hardware's.
            if (std::isnan(expected[i]) && std::isnan(actual[i])) continue;
            ASSERT_EQ(std::bit_cast<std::uint32_t>(actual[i]), std::bit_cast<std::uint32_t>(expected[i]))
                << i << " of " << count;
        }
    }
}

}  // namespace
}  // namespace octet::kernels
