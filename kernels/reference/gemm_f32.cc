#include "kernels/gemm_f32.h"

#include <cstring>

namespace octet::kernels {

void gemm_f32_reference(const GemmF32Call& call, float*) noexcept {
    for (int i = 0; i < call.m; ++i) {
        float* c = call.c + i * call.ldc;
        if (!call.accumulate) std::memset(c, 0, sizeof(float) * static_cast<std::size_t>(call.n));
        for (int p = 0; p < call.k; ++p) {
            const float a = call.a[i * call.lda + p];
            const float* b = call.b + p * call.ldb;
            for (int j = 0; j < call.n; ++j) c[j] += a * b[j];
        }
    }
}

}  // namespace octet::kernels
