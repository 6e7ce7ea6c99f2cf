#include "tests/graph/passes/pass_test.h"

namespace octet::test {
namespace {

TEST(FoldBatchnorm, IntoAConvolution) {
    for (bool bias : {true, false}) {
        Builder b;
        const ValueId y = b.batchnorm(b.conv(b.input({1, 3, 6, 5}), 3, 4, 3, bias), 4);
        const Graph after = expect_rewrites(fold_batchnorm, b.finish({y}), 1);
        EXPECT_EQ(node_total(after), 1);
    }
}

TEST(FoldBatchnorm, IntoGroupedAndTransposedConvolutions) {
    Builder b;
    const ValueId x = b.input({1, 4, 5, 6});
    const ValueId grouped = b.op("Conv", {x, b.weights({6, 2, 1, 1})},
                                 {{"group", std::int64_t{2}}, {"kernel_shape", std::vector<std::int64_t>{1, 1}}});
    const ValueId transposed = b.op("ConvTranspose", {x, b.weights({4, 3, 2, 2}), b.weights({6})},
                                    {{"group", std::int64_t{2}},
                                     {"strides", std::vector<std::int64_t>{2, 2}},
                                     {"kernel_shape", std::vector<std::int64_t>{2, 2}}});
    const Graph before = b.finish({b.batchnorm(grouped, 6), b.batchnorm(transposed, 6)});
    EXPECT_EQ(node_total(expect_rewrites(fold_batchnorm, before, 2)), 2);
}

TEST(FoldBatchnorm, SharedWeightsAreNotScaledTwice) {
    Builder b;
    const ValueId x = b.input({1, 3, 4, 4});
    const ValueId w = b.weights({3, 3, 1, 1});
    const ValueId first = b.batchnorm(b.op("Conv", {x, w}), 3);
    expect_rewrites(fold_batchnorm, b.finish({b.batchnorm(b.op("Conv", {first, w}), 3), b.op("Conv", {x, w})}), 2);
}

TEST(FoldBatchnorm, NotWhenTheConvolutionIsReadElsewhere) {
    Builder b;
    const ValueId y = b.conv(b.input({1, 3, 4, 4}), 3, 4, 1);
    const ValueId z = b.conv(b.input({1, 3, 4, 4}), 3, 4, 1);
    expect_untouched(fold_batchnorm, b.finish({b.batchnorm(y, 4), b.op("Relu", {y}), b.batchnorm(z, 4), z}));
}

TEST(FoldBatchnorm, NotBehindAnActivationOrIntoComputedWeights) {
    Builder b;
    const ValueId x = b.input({1, 3, 4, 4});
    const ValueId w = b.input({4, 3, 1, 1});
    const ValueId activated = b.op("Relu", {b.conv(x, 3, 4, 1)});
    expect_untouched(fold_batchnorm, b.finish({b.batchnorm(activated, 4), b.batchnorm(b.op("Conv", {x, w}), 4)}));
}

TEST(FoldBatchnorm, NotIntoQuantizedWeights) {
    Builder b;
    const ValueId x = b.input({1, 1, 4, 4});
    const ValueId w = b.op("DequantizeLinear", {b.constant(Tensor::from<std::int8_t>({2, 1, 1, 1}, {3, -7})),
                                                b.scalar(0.5F), b.constant(Tensor::scalar<std::int8_t>(0))});
    const Graph before = b.finish({b.batchnorm(b.op("Conv", {x, w}), 2)});
    expect_untouched(fold_batchnorm, before);
    expect_untouched(fold_batchnorm_concat, before);
}

TEST(FoldAffine, MulAddSubDivByChannel) {
    Builder b;
    const ValueId y = b.conv(b.input({1, 3, 4, 5}), 3, 4, 3, false);
    ValueId z = b.op("Mul", {b.weights({1, 4, 1, 1}), y});
    z = b.op("Add", {z, b.weights({4, 1, 1})});
    z = b.op("Div", {z, b.weights({4, 1, 1}, 0.1F, 2)});
    z = b.op("Sub", {z, b.scalar(0.5F)});
    z = b.op("Sub", {b.weights({1, 4, 1, 1}), z});
    EXPECT_EQ(node_total(expect_rewrites(fold_affine, b.finish({z}), 5)), 1);
}

TEST(FoldAffine, NotWhatVariesOverPixelsBroadcastsOrDividesByTheResult) {
    Builder b;
    const ValueId x = b.input({1, 3, 4, 4});
    const auto conv = [&] { return b.conv(x, 3, 4, 1); };
    const ValueId positive = b.op("Add", {b.op("Sigmoid", {conv()}), b.scalar(1)});
    expect_untouched(fold_affine, b.finish({
                                      b.op("Mul", {conv(), b.weights({1, 4, 4, 4})}),
                                      b.op("Mul", {conv(), b.weights({4, 1})}),  // rows, not channels
                                      b.op("Mul", {conv(), b.weights({1, 1, 1, 4})}),
                                      b.op("Add", {conv(), b.weights({2, 4, 1, 1})}),
                                      b.op("Div", {b.scalar(1), positive}),
                                  }));
}

TEST(FoldBatchnormConcat, GivesEachConvolutionItsChannels) {
    Builder b;
    const ValueId x = b.input({1, 3, 4, 5});
    const ValueId parts = b.op("Concat", {b.conv(x, 3, 2, 1, false), b.conv(x, 3, 5, 3), b.conv(x, 3, 1, 1, false)},
                               {{"axis", std::int64_t{1}}});
    const Graph before = b.finish({b.op("LeakyRelu", {b.batchnorm(parts, 8)}, {{"alpha", 0.1F}})});
    const Graph after = expect_rewrites(fold_batchnorm_concat, before, 1);
    EXPECT_EQ(count(after, "BatchNormalization"), 0);
    EXPECT_EQ(node_total(after), node_total(before) - 1);
    expect_untouched(fold_batchnorm, before);
}

TEST(FoldBatchnormConcat, NotUnlessEveryPartIsAConvolutionOfItsOwn) {
    Builder b;
    const ValueId x = b.input({1, 4, 4, 4});
    const auto joined = [&](ValueId left, ValueId right, std::int64_t axis = 1) {
        return b.op("Concat", {left, right}, {{"axis", axis}});
    };
    const auto conv = [&] { return b.conv(x, 4, 4, 1); };
    const ValueId twice = conv();
    const ValueId elsewhere = conv();
    const ValueId rows = b.op("BatchNormalization", {joined(conv(), conv(), 2), b.weights({4}), b.weights({4}),
                                                     b.weights({4}), b.weights({4}, 0.1F, 1)});
    const ValueId whole = joined(conv(), conv());
    expect_untouched(fold_batchnorm_concat, b.finish({
                                                b.batchnorm(joined(conv(), x), 8),
                                                b.batchnorm(joined(conv(), b.op("Relu", {conv()})), 8),
                                                b.batchnorm(joined(twice, twice), 8),
                                                b.batchnorm(joined(conv(), elsewhere), 8),
                                                b.op("Relu", {elsewhere}),
                                                b.batchnorm(whole, 8),
                                                whole,
                                                rows,
                                            }));
}

}  // namespace
}  // namespace octet::test
