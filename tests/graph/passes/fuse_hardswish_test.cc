#include <ostream>

#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

struct Spelling {
    std::string what;
    ValueId (*build)(Builder&, ValueId);
};
void PrintTo(const Spelling& value, std::ostream* out) {
    *out << value.what;
}

ValueId relu6(Builder& b, ValueId x) {
    return b.op("Clip", {x, b.scalar(0), b.scalar(6)});
}
ValueId shifted(Builder& b, ValueId x) {
    return b.op("Add", {x, b.scalar(3)});
}
ValueId one_element(Builder& b, float value) {
    return b.constant(Tensor::from<float>({1, 1, 1}, {value}));
}

Graph around(const Spelling& spelling) {
    Builder b;
    const ValueId x = b.op("Add", {b.input({1, 2, 5, 7}), b.scalar(0.25F)});
    return b.finish({spelling.build(b, x)});
}

class HardSwish : public testing::TestWithParam<Spelling> {};
class NearHardSwish : public testing::TestWithParam<Spelling> {};

TEST_P(HardSwish, IsFused) {
    const Graph after = expect_rewrites(fuse_hardswish, around(GetParam()), 1, 1e-6);
    EXPECT_EQ(count(after, "HardSwish"), 1);
    EXPECT_EQ(node_total(after), 2);
}
TEST_P(NearHardSwish, Stays) {
    expect_untouched(fuse_hardswish, around(GetParam()));
}

const auto spellings = testing::Values(
    Spelling{"AddClipMulDiv",
             [](Builder& b, ValueId x) {
                 return b.op("Div", {b.op("Mul", {x, relu6(b, shifted(b, x))}), b.scalar(6)});
             }},
    Spelling{"OperandsSwapped",
             [](Builder& b, ValueId x) {
                 const ValueId gate = relu6(b, b.op("Add", {one_element(b, 3), x}));
                 return b.op("Div", {b.op("Mul", {gate, x}), one_element(b, 6)});
             }},
    Spelling{"MulByASixth",
             [](Builder& b, ValueId x) {
                 return b.op("Mul", {b.scalar(1.0F / 6), b.op("Mul", {x, relu6(b, shifted(b, x))})});
             }},
    Spelling{"GateDividedFirst",
             [](Builder& b, ValueId x) {
                 return b.op("Mul", {x, b.op("Div", {relu6(b, shifted(b, x)), b.scalar(6)})});
             }},
    Spelling{"InputDividedFirst",
             [](Builder& b, ValueId x) {
                 return b.op("Mul", {b.op("Div", {x, b.scalar(6)}), relu6(b, shifted(b, x))});
             }},
    Spelling{"MinOfMax",
             [](Builder& b, ValueId x) {
                 const ValueId gate = b.op("Min", {b.op("Max", {shifted(b, x), b.scalar(0)}), b.scalar(6)});
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"MaxOfMin",
             [](Builder& b, ValueId x) {
                 const ValueId gate = b.op("Max", {b.scalar(0), b.op("Min", {b.scalar(6), shifted(b, x)})});
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"ReluMin",
             [](Builder& b, ValueId x) {
                 const ValueId gate = b.op("Min", {b.op("Relu", {shifted(b, x)}), b.scalar(6)});
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"ReluClipAbove",
             [](Builder& b, ValueId x) {
                 const ValueId gate = b.op("Clip", {b.op("Relu", {shifted(b, x)}), no_value, b.scalar(6)});
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"SubMinusThree",
             [](Builder& b, ValueId x) {
                 const ValueId gate = relu6(b, b.op("Sub", {x, b.scalar(-3)}));
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"HardSigmoidMul",
             [](Builder& b, ValueId x) {
                 return b.op("Mul", {x, b.op("HardSigmoid", {x}, {{"alpha", 1.0F / 6}, {"beta", 0.5F}})});
             }},
    Spelling{"MulHardSigmoid", [](Builder& b, ValueId x) {
                 return b.op("Mul", {b.op("HardSigmoid", {x}, {{"alpha", 1.0F / 6}}), x});
             }});
INSTANTIATE_TEST_SUITE_P(, HardSwish, spellings, [](const auto& test) { return test.param.what; });

const auto near_misses = testing::Values(
    Spelling{"AddTwo",
             [](Builder& b, ValueId x) {
                 const ValueId gate = relu6(b, b.op("Add", {x, b.scalar(2)}));
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"ClipAtFive",
             [](Builder& b, ValueId x) {
                 const ValueId gate = b.op("Clip", {shifted(b, x), b.scalar(0), b.scalar(5)});
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"ClipWithoutFloor",
             [](Builder& b, ValueId x) {
                 const ValueId gate = b.op("Clip", {shifted(b, x), no_value, b.scalar(6)});
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"DivFive",
             [](Builder& b, ValueId x) {
                 return b.op("Div", {b.op("Mul", {x, relu6(b, shifted(b, x))}), b.scalar(5)});
             }},
    Spelling{"AnotherInput",
             [](Builder& b, ValueId x) {
                 const ValueId gate = relu6(b, shifted(b, b.op("Sigmoid", {x})));
                 return b.op("Div", {b.op("Mul", {x, gate}), b.scalar(6)});
             }},
    Spelling{"ASlopeAChannel",
             [](Builder& b, ValueId x) {
                 const ValueId divisor = b.constant(Tensor::from<float>({2, 1, 1}, {6, 7}));
                 return b.op("Div", {b.op("Mul", {x, relu6(b, shifted(b, x))}), divisor});
             }},
    Spelling{"HigherRank",
             [](Builder& b, ValueId x) {
                 const ValueId divisor = b.constant(Tensor::from<float>({1, 1, 1, 1, 1}, {6}));
                 return b.op("Div", {b.op("Mul", {x, relu6(b, shifted(b, x))}), divisor});
             }},
    Spelling{"DefaultHardSigmoid",
             [](Builder& b, ValueId x) {
                 return b.op("Mul", {x, b.op("HardSigmoid", {x})});
             }},
    Spelling{"SixDividedBy", [](Builder& b, ValueId x) {
                 const ValueId positive = b.op("Add", {b.op("Sigmoid", {x}), b.scalar(1)});
                 return b.op("Div", {b.scalar(6), b.op("Mul", {positive, relu6(b, shifted(b, positive))})});
             }});
INSTANTIATE_TEST_SUITE_P(, NearHardSwish, near_misses, [](const auto& test) { return test.param.what; });

TEST(FuseHardSwish, AProductThatIsAnOutputStaysThere) {
    Builder b;
    const ValueId x = b.input({2, 3});
    const ValueId product = b.op("Mul", {x, relu6(b, shifted(b, x))});
    const Graph before = b.finish({product, b.op("Div", {product, b.scalar(6)})});
    expect_untouched(fuse_hardswish, before);
}

}  // namespace
}  // namespace octet::test
