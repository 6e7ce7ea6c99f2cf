#include "graph/ir/arithmetic.h"

#include <gtest/gtest.h>

#include "graph/ops/evaluator.h"

namespace octet {
namespace {

template <typename To>
class Convert : public testing::Test {};
using Integers = testing::Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
                                std::int64_t, std::uint64_t>;
TYPED_TEST_SUITE(Convert, Integers);

template <typename To, typename From>
void expect_defined_for_every_float() {
    using Limits = std::numeric_limits<To>;
    const From infinity = std::numeric_limits<From>::infinity();
    const From above = std::ldexp(From(1), Limits::digits);
    EXPECT_EQ((convert<To>(std::numeric_limits<From>::quiet_NaN())), To(0));
    for (const From x : {infinity, std::numeric_limits<From>::max(), above}) EXPECT_EQ(convert<To>(x), Limits::max());
    for (const From x : {-infinity, std::numeric_limits<From>::lowest(), -above * 2})
        EXPECT_EQ(convert<To>(x), Limits::min());
    EXPECT_EQ(convert<To>(From(-0.75)), To(0));
    EXPECT_EQ(convert<To>(From(7.75)), To(7));
    const From below = std::nextafter(above, From(0));
    EXPECT_EQ(convert<To>(below), static_cast<To>(below));
    if (std::is_signed_v<To>) EXPECT_EQ(convert<To>(From(-7.75)), static_cast<To>(-7));
}

TYPED_TEST(Convert, IsDefinedForEveryFloat) {
    expect_defined_for_every_float<TypeParam, float>();
    expect_defined_for_every_float<TypeParam, double>();
}

TEST(ConvertToBool, IsWhetherItIsNotZero) {
    EXPECT_TRUE(convert<bool>(0.25F));
    EXPECT_FALSE(convert<bool>(-0.0F));
}

template <typename T>
T result_of(const std::string& op, const std::vector<Tensor>& inputs, Attributes attributes = {}) {
    Node node{op, "node", {}, {}, std::move(attributes)};
    std::vector<const Tensor*> arguments;
    for (const Tensor& input : inputs) {
        node.inputs.push_back(static_cast<ValueId>(arguments.size()));
        arguments.push_back(&input);
    }
    node.outputs.push_back(static_cast<ValueId>(arguments.size()));
    const auto result = evaluate_node(node, arguments);
    EXPECT_TRUE(result) << op << ": " << result.error().message;
    return result ? result->front().data<T>().back() : T(0);
}

// The sanitizers find what is undefined; the values are those of two's complement.
TEST(IntegerOperators, WrapAroundAndSaturate) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), least = -most - 1;
    constexpr std::int32_t most32 = std::numeric_limits<std::int32_t>::max();
    const Tensor wide = Tensor::from<std::int64_t>({2}, {most, 2});
    EXPECT_EQ(result_of<std::int64_t>("ReduceSum", {wide}), least + 1);
    EXPECT_EQ(result_of<std::int64_t>("ReduceProd", {wide}), -2);
    EXPECT_EQ(result_of<std::int64_t>("ReduceSumSquare", {wide}), 5);
    EXPECT_EQ(result_of<std::int64_t>("ReduceL1", {Tensor::from<std::int64_t>({2}, {least, -1})}), least + 1);
    EXPECT_EQ(result_of<std::int32_t>("ReduceL1", {Tensor::from<std::int32_t>({2}, {-3, 4})}), 7);
    EXPECT_EQ(result_of<std::int32_t>("ReduceL2", {Tensor::from<std::int32_t>({2}, {-3, 4})}), 5);
    EXPECT_EQ(result_of<std::int8_t>("ReduceL2", {Tensor::from<std::int8_t>({2}, {127, 127})}), 127);
    EXPECT_EQ(result_of<std::int16_t>("ReduceLogSum", {Tensor(DType::int16, {0})}), -32768);
    EXPECT_EQ(result_of<std::uint32_t>("ReduceLogSum", {Tensor(DType::uint32, {0})}), 0U);
    const Tensor narrow = Tensor::from<std::int32_t>({2}, {most32, 1});
    EXPECT_EQ(result_of<std::int32_t>("CumSum", {narrow, Tensor::from<std::int64_t>({}, {0})}), -most32 - 1);
    EXPECT_EQ(result_of<std::int8_t>("Cast", {Tensor::from<float>({1}, {1e30F})}, {{"to", std::int64_t{3}}}), 127);
    EXPECT_EQ(
        result_of<std::int32_t>(
            "ScatterND", {narrow, Tensor::from<std::int64_t>({1, 1}, {1}), Tensor::from<std::int32_t>({1}, {most32})},
            {{"reduction", std::string("add")}}),
        -most32 - 1);
}

}  // namespace
}  // namespace octet
