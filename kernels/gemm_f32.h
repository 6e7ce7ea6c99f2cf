#pragma once

// C[m, n] (+)= A[m, k] * B[k, n], row-major float32, for calibration and float models.
// Sums are in an order that depends on the kernel, so levels agree to rounding only.

#include <cstddef>

#include "kernels/dispatch.h"

namespace octet::kernels {

struct GemmF32Call {
    int m = 0, n = 0, k = 0;
    const float* a = nullptr;
    std::ptrdiff_t lda = 0;
    const float* b = nullptr;
    std::ptrdiff_t ldb = 0;
    float* c = nullptr;
    std::ptrdiff_t ldc = 0;
    bool accumulate = false;
};

// Floats of scratch that a run needs, whatever its size; aligned to 64 bytes.
inline constexpr std::size_t gemm_f32_scratch_floats = 240 * 256 + 256 * (2048 + 32);

using GemmF32Function = void(const GemmF32Call& call, float* scratch) noexcept;

KernelList<GemmF32Function> gemm_f32_kernels();

// The fastest that these features run, with scratch of the thread's own. Threads may split m or n among themselves.
void gemm_f32(const GemmF32Call& call, CpuFeatures features);

}  // namespace octet::kernels
