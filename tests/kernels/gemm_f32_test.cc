#include "kernels/gemm_f32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/kernels/planes.h"

namespace octet::kernels {
namespace {

class GemmF32 : public testing::TestWithParam<KernelEntry<GemmF32Function>> {};

// In double; |error| of a float sum of k products is below k * 2^-24 * sum|a||b|.
void expect_product(const GemmF32Call& call, const std::vector<float>& before) {
    for (int i = 0; i < call.m; ++i) {
        for (int j = 0; j < call.n; ++j) {
            double sum = call.accumulate ? before[i * call.ldc + j] : 0, magnitude = std::abs(sum);
            for (int p = 0; p < call.k; ++p) {
                const double product = double{call.a[i * call.lda + p]} * call.b[p * call.ldb + j];
                sum += product;
                magnitude += std::abs(product);
            }
            ASSERT_NEAR(call.c[i * call.ldc + j], sum, (call.k + 1) * std::ldexp(magnitude, -24) + 1e-30)
                << "at " << i << ", " << j << " of " << call.m << "x" << call.n << "x" << call.k;
        }
    }
}

TEST_P(GemmF32, agrees_with_double_precision) {
    OCTET_SKIP_WITHOUT(GetParam().needs);
    std::mt19937 random(1);
    std::uniform_real_distribution<float> value(-1, 1);
    std::vector<float> scratch_buffer(gemm_f32_scratch_floats + 16);
    auto* scratch = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(scratch_buffer.data()) + 63) / 64 * 64);
    const int sizes[][3] = {{1, 1, 1},    {5, 15, 3},   {6, 16, 8},    {7, 17, 9},   {12, 32, 16},
                            {13, 33, 17}, {25, 65, 31}, {242, 40, 20}, {3, 2050, 7}, {14, 70, 300}};
    for (const auto& [m, n, k] : sizes) {
        for (const bool accumulate : {false, true}) {
            const int lda = k + 3, ldb = n + 1, ldc = n + 5;
            std::vector<float> a(static_cast<std::size_t>(m) * lda), b(static_cast<std::size_t>(k) * ldb),
                c(static_cast<std::size_t>(m) * ldc);
            for (auto* values : {&a, &b, &c}) {
                for (float& x : *values) x = value(random);
            }
            const std::vector<float> before = c;
            const GemmF32Call call{m, n, k, a.data(), lda, b.data(), ldb, c.data(), ldc, accumulate};
            GetParam().run(call, scratch);
            expect_product(call, before);
            for (int i = 0; i < m; ++i) {
                for (int j = n; j < ldc; ++j)
                    ASSERT_EQ(c[i * ldc + j], before[i * ldc + j]) << "wrote behind row " << i;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(kernels, GemmF32, testing::ValuesIn(gemm_f32_kernels().begin(), gemm_f32_kernels().end()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace octet::kernels
