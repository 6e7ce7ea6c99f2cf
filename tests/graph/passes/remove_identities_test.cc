#include <ostream>

#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

// The pass on Relu -> op -> Relu, so that the candidate is neither at the input nor at the output.
struct Candidate {
    std::string what;
    ValueId (*build)(Builder&, ValueId);
};
void PrintTo(const Candidate& value, std::ostream* out) {
    *out << value.what;
}

class Identity : public testing::TestWithParam<Candidate> {};
class NearIdentity : public testing::TestWithParam<Candidate> {};

Graph around(const Candidate& candidate) {
    Builder b;
    const ValueId x = b.op("Relu", {b.input({1, 2, 3, 4})});
    return b.finish({b.op("Relu", {candidate.build(b, x)})});
}

TEST_P(Identity, IsRemoved) {
    const Graph after = expect_rewrites(remove_identities, around(GetParam()), 1, 0);
    EXPECT_EQ(node_total(after), 2);
}
TEST_P(NearIdentity, Stays) {
    expect_untouched(remove_identities, around(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    , Identity,
    testing::Values(Candidate{"Identity", [](Builder& b, ValueId x) { return b.op("Identity", {x}); }},
                    Candidate{"Reshape",
                              [](Builder& b, ValueId x) {
                                  return b.reshape(x, {1, 2, -1, 4});
                              }},
                    Candidate{"Cast",
                              [](Builder& b, ValueId x) {
                                  return b.op("Cast", {x}, {{"to", std::int64_t{1}}});
                              }},
                    Candidate{"Transpose",
                              [](Builder& b, ValueId x) {
                                  return b.op("Transpose", {x}, {{"perm", std::vector<std::int64_t>{0, 1, 2, 3}}});
                              }},
                    Candidate{"Slice", [](Builder& b, ValueId x) { return b.slice(x, {0}, {1000}, {2}, {1}); }},
                    Candidate{"Concat",
                              [](Builder& b, ValueId x) {
                                  return b.op("Concat", {x}, {{"axis", std::int64_t{1}}});
                              }},
                    Candidate{"Expand",
                              [](Builder& b, ValueId x) {
                                  return b.op("Expand", {x, b.integers({1, 1, 3, 4})});
                              }},
                    Candidate{"MulOne",
                              [](Builder& b, ValueId x) {
                                  return b.op("Mul", {b.scalar(1), x});
                              }},
                    Candidate{"DivOne",
                              [](Builder& b, ValueId x) {
                                  return b.op("Div", {x, b.scalar(1)});
                              }},
                    Candidate{"AddZero",
                              [](Builder& b, ValueId x) {
                                  return b.op("Add", {x, b.scalar(0)});
                              }}),
    [](const auto& test) { return test.param.what; });

INSTANTIATE_TEST_SUITE_P(
    , NearIdentity,
    testing::Values(
        Candidate{"ReshapeToAnotherShape",
                  [](Builder& b, ValueId x) {
                      return b.reshape(x, {1, 3, 2, 4});
                  }},
        Candidate{"TransposeOfEqualSides",
                  [](Builder& b, ValueId x) {
                      return b.op("Transpose", {b.reshape(x, {1, 1, 1, 24})},
                                  {{"perm", std::vector<std::int64_t>{1, 0, 2, 3}}});
                  }},
        Candidate{"ReversingSlice", [](Builder& b, ValueId x) { return b.slice(x, {-1}, {-1000}, {2}, {-1}); }},
        Candidate{"MulTwo",
                  [](Builder& b, ValueId x) {
                      return b.op("Mul", {x, b.scalar(2)});
                  }},
        Candidate{"MulBroadcasting",
                  [](Builder& b, ValueId x) {
                      return b.op("Mul", {x, b.constant(Tensor::from<float>({1, 1, 1, 1, 1}, {1}))});
                  }},
        Candidate{"OneDividedBy",
                  [](Builder& b, ValueId x) {
                      return b.op("Div", {b.scalar(1), b.op("Add", {x, b.scalar(1)})});
                  }},
        Candidate{"ZeroMinus",
                  [](Builder& b, ValueId x) {
                      return b.op("Relu", {b.op("Add", {b.op("Sub", {b.scalar(0), x}), b.scalar(9)})});
                  }},
        Candidate{"CastToAnotherType",
                  [](Builder& b, ValueId x) {
                      return b.op("Cast", {b.op("Cast", {x}, {{"to", std::int64_t{6}}})}, {{"to", std::int64_t{1}}});
                  }}),
    [](const auto& test) { return test.param.what; });

TEST(RemoveIdentities, OutputsKeepTheirNames) {
    Builder b;
    const ValueId x = b.op("Relu", {b.input({2, 3})});
    const Graph after = expect_rewrites(remove_identities, b.finish({b.op("Identity", {x})}), 1, 0);
    EXPECT_EQ(node_total(after), 1);
}

TEST(RemoveIdentities, InputsAndDoubleOutputsStay) {
    Builder b;
    const ValueId x = b.input({2, 3});
    const ValueId y = b.op("Relu", {x});
    expect_untouched(remove_identities, b.finish({b.op("Identity", {x}), y, b.op("Identity", {y})}));
}

TEST(RemoveIdentities, ChainsGoInOneRun) {
    Builder b;
    ValueId x = b.op("Relu", {b.input({2, 3})});
    for (int i = 0; i < 5; ++i) x = b.op("Identity", {x});
    EXPECT_EQ(node_total(expect_rewrites(remove_identities, b.finish({b.op("Relu", {x})}), 5, 0)), 2);
}

TEST(EliminateDead, RemovesWhatNoOutputNeeds) {
    Builder b;
    const ValueId x = b.input({2, 3});
    b.op("Sigmoid", {b.op("Relu", {x})});
    EXPECT_EQ(node_total(expect_rewrites(eliminate_dead, b.finish({b.op("Relu", {x})}), 2, 0)), 1);
}

}  // namespace
}  // namespace octet::test
