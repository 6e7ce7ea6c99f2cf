#pragma once

// vpdpbusd and vpdpwssd in 256-bit registers and VEX encoding, and the names of this folder's kernels: it is built
// twice, for avxvnni and for avxvnni_evex (kernels/CMakeLists.txt).

#include <immintrin.h>

#include "kernels/conv.h"

#ifndef OCTET_AVXVNNI_LEVEL
#define OCTET_AVXVNNI_LEVEL avxvnni
#endif
#define OCTET_PASTE(NAME, LEVEL) NAME##_##LEVEL
#define OCTET_PASTE_STRING(NAME, LEVEL) #NAME "_" #LEVEL
#define OCTET_EXPAND(MACRO, ...) MACRO(__VA_ARGS__)
// Defines the kernel NAME of this level, conv_kernel() of a class.
#define OCTET_AVXVNNI_KERNEL(NAME, ...)                                                                                \
    extern constinit const ConvKernel OCTET_EXPAND(OCTET_PASTE, NAME, OCTET_AVXVNNI_LEVEL) = conv_kernel<__VA_ARGS__>( \
        OCTET_EXPAND(OCTET_PASTE_STRING, NAME, OCTET_AVXVNNI_LEVEL), needs::OCTET_AVXVNNI_LEVEL)

namespace octet::kernels {
namespace {

// The intrinsics as GCC 12 compiles them copy each accumulator around each use; an operand that is tied to its register
// stays there.
template <ConvInput of>
struct ProductsAvxVnni {
    using Vector = __m256i;
    static constexpr ConvInput input = of;
    static constexpr int max_pixels = 6, max_tiles = 6;  // 12 accumulators, 2 vectors of weights, broadcast
    static constexpr int depth = 2, interleaved = 2;

    static OCTET_INLINE Vector broadcast(std::int32_t step) { return _mm256_set1_epi32(step); }
    static OCTET_INLINE void multiply_add(Vector& acc, Vector x, Vector weights) {
        if constexpr (input == ConvInput::u8) {
            asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(weights));
        } else {
            asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(weights));
        }
    }
};

}  // namespace
}  // namespace octet::kernels
