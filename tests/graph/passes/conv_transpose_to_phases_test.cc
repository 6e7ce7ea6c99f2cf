#include <gtest/gtest.h>

#include <array>

#include "graph/passes/pass.h"
#include "tests/graph/passes/pass_test.h"

namespace octet {
namespace {

using test::Builder;
using Ints = std::vector<std::int64_t>;

Attributes window(std::int64_t stride, const Ints& pads, std::int64_t output_padding) {
    return {
        {"strides", Ints{stride, stride}}, {"pads", pads}, {"output_padding", Ints{output_padding, output_padding}}};
}

// Kernel, stride, padding before and behind, output_padding: all that keep the size at stride times the input's.
TEST(ConvTransposeToPhases, EveryKernelThatDoublesOrMore) {
    for (const auto& [kernel, stride, before, behind, extra] :
         std::initializer_list<std::array<std::int64_t, 5>>{{2, 2, 0, 0, 0},
                                                            {4, 2, 1, 1, 0},
                                                            {3, 2, 1, 1, 1},
                                                            {3, 2, 0, 1, 0},
                                                            {3, 3, 0, 0, 0},
                                                            {5, 2, 2, 2, 1},
                                                            {4, 2, 0, 2, 0},
                                                            {6, 3, 1, 2, 0}}) {
        Builder b;
        const ValueId x = b.input({2, 3, 4, 5});
        const ValueId y = b.op("ConvTranspose", {x, b.weights({3, 5, kernel, kernel}), b.weights({5})},
                               window(stride, {before, before, behind, behind}, extra));
        const Graph after = test::expect_rewrites(conv_transpose_to_phases, b.finish({y}), 1);
        EXPECT_EQ(test::count(after, "ConvTranspose"), 0);
    }
}

TEST(ConvTransposeToPhases, TakesActivationsAlong) {
    Builder b;
    ValueId y = b.op("ConvTranspose", {b.input({1, 3, 4, 4}), b.weights({3, 6, 2, 2})}, window(2, {0, 0, 0, 0}, 0));
    y = b.op("PRelu", {y, b.weights({6, 1, 1})});
    y = b.op("Relu", {y});
    const Graph after = test::expect_rewrites(conv_transpose_to_phases, b.finish({y}), 1);
    const Node& last = after.node(after.producer(after.outputs[0]));
    EXPECT_EQ(last.op, "DepthToSpace");
}

TEST(ConvTransposeToPhases, LeavesOtherSizesAndGroups) {
    Builder b;
    const ValueId x = b.input({1, 4, 4, 4});
    const ValueId larger = b.op("ConvTranspose", {x, b.weights({4, 2, 3, 3})}, window(2, {0, 0, 0, 0}, 0));
    Attributes grouped = window(2, {0, 0, 0, 0}, 0);
    grouped.set("group", std::int64_t{2});
    const ValueId y = b.op("ConvTranspose", {x, b.weights({4, 2, 2, 2})}, grouped);
    test::expect_untouched(conv_transpose_to_phases, b.finish({larger, y}));
}

}  // namespace
}  // namespace octet
