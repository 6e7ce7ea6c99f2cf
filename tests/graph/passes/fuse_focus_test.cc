#include <array>

#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

constexpr std::int64_t last = INT64_MAX;
using Corner = std::array<std::int64_t, 2>;  // row, column
const std::array<Corner, 4> focus_order = {{{0, 0}, {1, 0}, {0, 1}, {1, 1}}};

ValueId rows_then_columns(Builder& b, ValueId x, std::int64_t row, std::int64_t column) {
    return b.slice(b.slice(x, {row}, {last}, {2}, {2}), {column}, {last}, {3}, {2});
}
ValueId both_at_once(Builder& b, ValueId x, std::int64_t row, std::int64_t column) {
    return b.slice(x, {row, column}, {last, last}, {-2, -1}, {2, 2});
}

using Pick = ValueId (*)(Builder&, ValueId, std::int64_t, std::int64_t);
ValueId joined(Builder& b, ValueId x, const std::array<Corner, 4>& order, Pick pick) {
    std::vector<ValueId> parts;
    for (const Corner& c : order) parts.push_back(pick(b, x, c[0], c[1]));
    return b.op("Concat", parts, {{"axis", std::int64_t{1}}});
}

TEST(FuseFocus, ChainedAndCombinedSlices) {
    for (Pick pick : {rows_then_columns, both_at_once}) {
        Builder b;
        const ValueId x = b.op("Relu", {b.input({2, 3, 8, 6})});
        const Graph before = b.finish({b.op("Sigmoid", {joined(b, x, focus_order, pick)})});
        const Graph after = expect_rewrites(fuse_focus, before, 1, 0);
        EXPECT_EQ(count(after, "Focus"), 1);
        EXPECT_EQ(node_total(after), 3);
    }
}

TEST(FuseFocus, SharedRowSlices) {
    Builder b;
    const ValueId x = b.input({1, 3, 8, 6});
    const ValueId even = b.slice(x, {0}, {last}, {2}, {2});
    const ValueId odd = b.slice(x, {1}, {last}, {2}, {2});
    std::vector<ValueId> parts;
    for (std::int64_t column : {0, 1}) {
        for (ValueId rows : {even, odd}) parts.push_back(b.slice(rows, {column}, {last}, {3}, {2}));
    }
    const Graph after =
        expect_rewrites(fuse_focus, b.finish({b.op("Concat", parts, {{"axis", std::int64_t{1}}})}), 1, 0);
    EXPECT_EQ(node_total(after), 1);
}

TEST(FuseFocus, ReshapeAndTranspose) {
    Builder b;
    const ValueId x = b.input({1, 3, 8, 6});
    const ValueId split = b.reshape(x, {1, 3, 4, 2, 3, 2});
    const ValueId moved = b.op("Transpose", {split}, {{"perm", std::vector<std::int64_t>{0, 5, 3, 1, 2, 4}}});
    const Graph after = expect_rewrites(fuse_focus, b.finish({b.reshape(moved, {1, 12, 4, 3})}), 1, 0);
    EXPECT_EQ(node_total(after), 1);
}

TEST(FuseFocus, SpaceToDepthAndGather) {
    Builder b;
    const ValueId x = b.input({1, 3, 8, 6});
    // SpaceToDepth orders its blocks (row, column) = 00, 01, 10, 11.
    const ValueId blocks = b.op("SpaceToDepth", {x}, {{"blocksize", std::int64_t{2}}});
    const ValueId y =
        b.op("Gather", {blocks, b.integers({0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11})}, {{"axis", std::int64_t{1}}});
    EXPECT_EQ(node_total(expect_rewrites(fuse_focus, b.finish({y}), 1, 0)), 1);
}

TEST(FuseFocus, NotInAnotherOrderOrOfOtherPixels) {
    const std::array<Corner, 4> rows_first = {{{0, 0}, {0, 1}, {1, 0}, {1, 1}}};
    const std::array<Corner, 4> one_twice = {{{0, 0}, {1, 0}, {0, 1}, {0, 1}}};
    for (const auto& order : {rows_first, one_twice}) {
        Builder b;
        expect_untouched(fuse_focus, b.finish({joined(b, b.input({1, 3, 8, 6}), order, both_at_once)}));
    }
    Builder b;
    const ValueId x = b.input({1, 3, 8, 6});
    const Pick quadrant = [](Builder& builder, ValueId v, std::int64_t row, std::int64_t column) {
        return builder.slice(v, {row * 4, column * 3}, {row * 4 + 4, column * 3 + 3}, {2, 3}, {1, 1});
    };
    expect_untouched(fuse_focus, b.finish({joined(b, x, focus_order, quadrant)}));
}

TEST(FuseFocus, NotOfTwoTensors) {
    Builder b;
    const ValueId x = b.input({1, 3, 8, 6});
    const ValueId y = b.input({1, 3, 8, 6});
    std::vector<ValueId> parts;
    for (const Corner& c : focus_order) parts.push_back(both_at_once(b, c[0] == 0 ? x : y, c[0], c[1]));
    expect_untouched(fuse_focus, b.finish({b.op("Concat", parts, {{"axis", std::int64_t{1}}})}));
}

TEST(FocusToConv, BecomesOneConvolution) {
    for (std::int64_t kernel : {1, 3}) {
        Builder b;
        const ValueId focus = b.op("Focus", {b.input({1, 3, 12, 10})});
        const Graph after = expect_rewrites(focus_to_conv, b.finish({b.conv(focus, 12, 5, kernel)}), 1);
        EXPECT_EQ(node_total(after), 1);
        EXPECT_EQ(count(after, "Conv"), 1);
    }
}

TEST(FocusToConv, KeepsStridesAndUnevenPads) {
    Builder b;
    const ValueId focus = b.op("Focus", {b.input({1, 2, 12, 20})});
    const ValueId y = b.op("Conv", {focus, b.weights({3, 8, 3, 2}), b.weights({3})},
                           {{"kernel_shape", std::vector<std::int64_t>{3, 2}},
                            {"strides", std::vector<std::int64_t>{1, 2}},
                            {"pads", std::vector<std::int64_t>{1, 0, 0, 1}}});
    EXPECT_EQ(node_total(expect_rewrites(focus_to_conv, b.finish({y}), 1)), 1);
}

TEST(FocusToConv, NotWhenFocusIsReadTwiceOrTheKernelHasHoles) {
    Builder b;
    const ValueId shared = b.op("Focus", {b.input({1, 3, 12, 10})});
    const ValueId own = b.op("Focus", {b.input({1, 3, 12, 10})});
    const ValueId holes =
        b.op("Conv", {own, b.weights({2, 12, 3, 3})}, {{"dilations", std::vector<std::int64_t>{2, 2}}});
    const ValueId grouped =
        b.op("Conv", {b.op("Focus", {b.input({1, 2, 4, 4})}), b.weights({4, 4, 1, 1})}, {{"group", std::int64_t{2}}});
    expect_untouched(focus_to_conv, b.finish({b.conv(shared, 12, 4, 3), b.op("Relu", {shared}), holes, grouped}));
}

}  // namespace
}  // namespace octet::test
