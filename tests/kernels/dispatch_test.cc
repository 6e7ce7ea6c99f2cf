#include "kernels/dispatch.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "kernels/add.h"
#include "kernels/conv.h"
#include "tests/kernels/planes.h"

namespace octet::kernels {
namespace {

TEST(Dispatch, forcing_a_level) {
    EXPECT_EQ(choose_isa("reference").value(), Isa::reference);
    EXPECT_EQ(choose_isa(nullptr).value(), best_isa());
    EXPECT_EQ(choose_isa("").value(), best_isa());
    const auto unknown = choose_isa("sse9");
    ASSERT_FALSE(unknown.has_value());
    EXPECT_NE(unknown.error().find("sse9"), std::string::npos);
    EXPECT_NE(unknown.error().find("avx512vnni"), std::string::npos);
    for (const Isa isa : all_isas) {
        const auto forced = choose_isa(isa_name(isa));
        EXPECT_EQ(forced.has_value(), isa_available(isa));
        if (forced) EXPECT_EQ(*forced, isa);
        if (!forced) EXPECT_NE(forced.error().find(isa_name(isa)), std::string::npos) << forced.error();
    }
}

TEST(Dispatch, environment_variable) {
    const char* before = std::getenv("OCTET_ISA");
    const std::string saved = before ? before : "";
    setenv("OCTET_ISA", "reference", 1);
    EXPECT_EQ(choose_isa().value(), Isa::reference);
    if (isa_available(Isa::avx2)) {
        setenv("OCTET_ISA", "avx2", 1);
        EXPECT_EQ(choose_isa().value(), Isa::avx2);
    }
    if (before) {
        setenv("OCTET_ISA", saved.c_str(), 1);
    } else {
        unsetenv("OCTET_ISA");
    }
}

// The level that was asked for is the level that runs, wherever the family has one.
TEST(Dispatch, the_forced_kernel_is_the_one_selected) {
    const std::vector<int8_t> weights(64 * 64, 1);
    const ConvParams params{.cin = 64, .cout = 64};
    for (const Isa isa : all_isas) {
        if (!isa_available(isa)) continue;
        EXPECT_EQ(select_conv(isa, params, weights.data()).isa, isa);
        const std::string name = select_conv(isa, params, weights.data()).name;
        EXPECT_TRUE(name.ends_with(isa_name(isa))) << name;
        EXPECT_LE(select(add_kernels(), isa).isa, isa);
    }
}

}  // namespace
}  // namespace octet::kernels
