#include "base/did_you_mean.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

TEST(DidYouMean, NamesTheNearest) {
    const std::vector<std::string> names{"Conv", "ConvTranspose", "Concat", "Relu"};
    EXPECT_EQ(did_you_mean("Cnov", names), "; did you mean 'Conv'?");
    EXPECT_EQ(did_you_mean("conv", names), "; did you mean 'Conv'?");
    EXPECT_EQ(did_you_mean("ConvTranpose", names), "; did you mean 'ConvTranspose'?");
    EXPECT_EQ(did_you_mean("Rel", names), "; did you mean 'Relu'?");
    EXPECT_EQ(did_you_mean("Softmax", names), "");
    EXPECT_EQ(did_you_mean("", names), "");
    EXPECT_EQ(did_you_mean("x", {}), "");
    EXPECT_EQ(did_you_mean(std::string(100'000, 'x'), {std::string(100'000, 'x') + "y"}), "");
}

}  // namespace
}  // namespace octet
