#pragma once

// The loops around a GEMM micro-kernel (Goto, van de Geijn 2008), shared by the instruction sets:
//
//     for each 2048 columns of B, 256 of K:  pack B into panels [k][NR]
//         for each 240 rows of A:            pack A into panels [k][MR]
//             for each panel of B, of A:     micro-kernel, MR x NR
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.
// Micro: static constexpr int mr, nr;
//        static void run(int k, const float* a, const float* b, float* c, ptrdiff_t ldc, bool accumulate).

#include <cstddef>
#include <cstdint>

#include "kernels/gemm_f32.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {
namespace {

constexpr int gemm_block_m = 240, gemm_block_n = 2048, gemm_block_k = 256;

OCTET_INLINE int gemm_min(int a, int b) {
    return a < b ? a : b;
}

template <int nr>
void gemm_pack_b(const float* b, std::ptrdiff_t ldb, int k, int n, float* packed) {
    for (int j = 0; j < n; j += nr) {
        const int width = gemm_min(nr, n - j);
        for (int p = 0; p < k; ++p, packed += nr) {
            const float* row = b + p * ldb + j;
            if (width == nr) {
                for (int i = 0; i < nr; ++i) packed[i] = row[i];
            } else {
                for (int i = 0; i < nr; ++i) packed[i] = i < width ? row[i] : 0.0F;
            }
        }
    }
}

template <int mr>
void gemm_pack_a(const float* a, std::ptrdiff_t lda, int m, int k, float* packed) {
    for (int i = 0; i < m; i += mr, packed += std::ptrdiff_t{mr} * k) {
        const int height = gemm_min(mr, m - i);
        for (int r = 0; r < mr; ++r) {
            const float* row = a + (i + r) * lda;
            for (int p = 0; p < k; ++p) packed[std::ptrdiff_t{p} * mr + r] = r < height ? row[p] : 0.0F;
        }
    }
}

template <typename Micro>
void gemm_edge(int k, const float* a, const float* b, float* c, std::ptrdiff_t ldc, int height, int width,
               bool accumulate) {
    alignas(64) float tile[Micro::mr * Micro::nr];
    Micro::run(k, a, b, tile, Micro::nr, false);
    for (int i = 0; i < height; ++i) {
        for (int j = 0; j < width; ++j) {
            float& out = c[i * ldc + j];
            out = accumulate ? out + tile[i * Micro::nr + j] : tile[i * Micro::nr + j];
        }
    }
}

template <typename Micro>
void gemm_blocked(const GemmF32Call& call, float* scratch) {
    constexpr int mr = Micro::mr, nr = Micro::nr;
    float* packed_a = scratch;
    float* packed_b = scratch + gemm_block_m * gemm_block_k;
    for (int j = 0; j < call.n; j += gemm_block_n) {
        const int n = gemm_min(gemm_block_n, call.n - j);
        for (int p = 0; p < call.k; p += gemm_block_k) {
            const int k = gemm_min(gemm_block_k, call.k - p);
            const bool accumulate = call.accumulate || p > 0;
            gemm_pack_b<nr>(call.b + p * call.ldb + j, call.ldb, k, n, packed_b);
            for (int i = 0; i < call.m; i += gemm_block_m) {
                const int m = gemm_min(gemm_block_m, call.m - i);
                gemm_pack_a<mr>(call.a + i * call.lda + p, call.lda, m, k, packed_a);
                for (int jj = 0; jj < n; jj += nr) {
                    for (int ii = 0; ii < m; ii += mr) {
                        const float* a = packed_a + std::ptrdiff_t{ii} * k;
                        const float* b = packed_b + std::ptrdiff_t{jj} * k;
                        float* c = call.c + (i + ii) * call.ldc + j + jj;
                        const int height = gemm_min(mr, m - ii), width = gemm_min(nr, n - jj);
                        if (height == mr && width == nr) {
                            Micro::run(k, a, b, c, call.ldc, accumulate);
                        } else {
                            gemm_edge<Micro>(k, a, b, c, call.ldc, height, width, accumulate);
                        }
                    }
                }
            }
        }
    }
}

}  // namespace
}  // namespace octet::kernels
