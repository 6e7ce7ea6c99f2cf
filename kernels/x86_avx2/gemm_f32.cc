#include "kernels/gemm_f32.h"

#include <immintrin.h>

#include "kernels/gemm_f32_blocked.h"

namespace octet::kernels {
namespace {

struct Micro {
    static constexpr int mr = 6, nr = 16;

    static void run(int k, const float* a, const float* b, float* c, std::ptrdiff_t ldc, bool accumulate) {
        __m256 acc[mr][2];
#pragma GCC unroll 6
        for (int i = 0; i < mr; ++i) acc[i][0] = acc[i][1] = _mm256_setzero_ps();
        for (int p = 0; p < k; ++p, a += mr, b += nr) {
            const __m256 b0 = _mm256_load_ps(b), b1 = _mm256_load_ps(b + 8);
#pragma GCC unroll 6
            for (int i = 0; i < mr; ++i) {
                const __m256 ai = _mm256_set1_ps(a[i]);
                acc[i][0] = _mm256_fmadd_ps(ai, b0, acc[i][0]);
                acc[i][1] = _mm256_fmadd_ps(ai, b1, acc[i][1]);
            }
        }
#pragma GCC unroll 6
        for (int i = 0; i < mr; ++i) {
            float* row = c + i * ldc;
            if (accumulate) {
                acc[i][0] = _mm256_add_ps(acc[i][0], _mm256_loadu_ps(row));
                acc[i][1] = _mm256_add_ps(acc[i][1], _mm256_loadu_ps(row + 8));
            }
            _mm256_storeu_ps(row, acc[i][0]);
            _mm256_storeu_ps(row + 8, acc[i][1]);
        }
    }
};

}  // namespace

void gemm_f32_6x16_avx2(const GemmF32Call& call, float* scratch) noexcept {
    gemm_blocked<Micro>(call, scratch);
}

}  // namespace octet::kernels
