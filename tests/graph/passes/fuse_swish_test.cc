#include <gtest/gtest.h>

#include "graph/passes/pass.h"
#include "tests/graph/passes/pass_test.h"

namespace octet {
namespace {

using test::Builder;

TEST(FuseSwish, EitherOrder) {
    for (const bool gate_first : {false, true}) {
        Builder b;
        const ValueId x = b.input({1, 4, 3, 3});
        const ValueId gate = b.op("Sigmoid", {x});
        const ValueId y = gate_first ? b.op("Mul", {gate, x}) : b.op("Mul", {x, gate});
        const Graph after = test::expect_rewrites(fuse_swish, b.finish({y}), 1, 0);
        EXPECT_EQ(test::count(after, "Swish"), 1);
        EXPECT_EQ(test::node_total(after), 1);
    }
}

TEST(FuseSwish, LeavesAGateOfSomethingElse) {
    Builder b;
    const ValueId x = b.input({1, 4, 3, 3}), other = b.input({1, 4, 3, 3});
    test::expect_untouched(fuse_swish, b.finish({b.op("Mul", {x, b.op("Sigmoid", {other})})}));
}

// Somebody reads the gate too: it stays for them.
TEST(FuseSwish, KeepsAGateThatOthersRead) {
    Builder b;
    const ValueId x = b.input({1, 4, 3, 3});
    const ValueId gate = b.op("Sigmoid", {x});
    const Graph after = test::expect_rewrites(fuse_swish, b.finish({b.op("Mul", {x, gate}), gate}), 1, 0);
    EXPECT_EQ(test::count(after, "Sigmoid"), 1);
}

}  // namespace
}  // namespace octet
