#include "kernels/gemm_f32.h"

#include <arm_neon.h>

#include "kernels/gemm_f32_blocked.h"

namespace octet::kernels {
namespace {

struct Micro {
    static constexpr int mr = 8, nr = 12;

    template <int lane>
    static OCTET_INLINE void add_row(float32x4_t (&acc)[3], const float32x4_t (&b)[3], float32x4_t a) {
#pragma GCC unroll 3
        for (int j = 0; j < 3; ++j) acc[j] = vfmaq_laneq_f32(acc[j], b[j], a, lane);
    }

    static void run(int k, const float* a, const float* b, float* c, std::ptrdiff_t ldc, bool accumulate) {
        float32x4_t acc[mr][3];
#pragma GCC unroll 8
        for (int i = 0; i < mr; ++i) acc[i][0] = acc[i][1] = acc[i][2] = vdupq_n_f32(0);
        for (int p = 0; p < k; ++p, a += mr, b += nr) {
            const float32x4_t columns[3] = {vld1q_f32(b), vld1q_f32(b + 4), vld1q_f32(b + 8)};
#pragma GCC unroll 2
            for (int i = 0; i < mr; i += 4) {
                const float32x4_t rows = vld1q_f32(a + i);
                add_row<0>(acc[i], columns, rows);
                add_row<1>(acc[i + 1], columns, rows);
                add_row<2>(acc[i + 2], columns, rows);
                add_row<3>(acc[i + 3], columns, rows);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < mr; ++i) {
            float* row = c + i * ldc;
#pragma GCC unroll 3
            for (int j = 0; j < 3; ++j) {
                vst1q_f32(row + 4 * j, accumulate ? vaddq_f32(acc[i][j], vld1q_f32(row + 4 * j)) : acc[i][j]);
            }
        }
    }
};

}  // namespace

void gemm_f32_8x12_neon(const GemmF32Call& call, float* scratch) noexcept {
    gemm_blocked<Micro>(call, scratch);
}

}  // namespace octet::kernels
