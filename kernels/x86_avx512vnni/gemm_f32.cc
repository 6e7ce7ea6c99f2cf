#include "kernels/gemm_f32.h"

#include <immintrin.h>

#include "kernels/gemm_f32_blocked.h"

namespace octet::kernels {
namespace {

struct Micro {
    static constexpr int mr = 12, nr = 32;

    static void run(int k, const float* a, const float* b, float* c, std::ptrdiff_t ldc, bool accumulate) {
        __m512 acc[mr][2];
#pragma GCC unroll 12
        for (int i = 0; i < mr; ++i) acc[i][0] = acc[i][1] = _mm512_setzero_ps();
        for (int p = 0; p < k; ++p, a += mr, b += nr) {
            const __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + 16);
#pragma GCC unroll 12
            for (int i = 0; i < mr; ++i) {
                const __m512 ai = _mm512_set1_ps(a[i]);
                acc[i][0] = _mm512_fmadd_ps(ai, b0, acc[i][0]);
                acc[i][1] = _mm512_fmadd_ps(ai, b1, acc[i][1]);
            }
        }
#pragma GCC unroll 12
        for (int i = 0; i < mr; ++i) {
            float* row = c + i * ldc;
            if (accumulate) {
                acc[i][0] = _mm512_add_ps(acc[i][0], _mm512_loadu_ps(row));
                acc[i][1] = _mm512_add_ps(acc[i][1], _mm512_loadu_ps(row + 16));
            }
            _mm512_storeu_ps(row, acc[i][0]);
            _mm512_storeu_ps(row + 16, acc[i][1]);
        }
    }
};

}  // namespace

void gemm_f32_12x32_avx512vnni(const GemmF32Call& call, float* scratch) noexcept {
    gemm_blocked<Micro>(call, scratch);
}

}  // namespace octet::kernels
