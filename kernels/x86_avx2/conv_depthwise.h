#pragma once

// Depthwise convolution in 256-bit registers: what the levels share. See kernels/conv_depthwise.h.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include "kernels/conv_depthwise.h"
#include "kernels/x86_avx2/conv_epilogue.h"

namespace octet::kernels {
namespace {

struct DepthwiseColumn256 {
    __m256i low, high;
};

// 16 channels of a row, widened to 16 bits.
template <ConvInput input>
OCTET_INLINE __m256i depthwise_channels(const std::uint8_t* in) {
    if constexpr (input == ConvInput::s16) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
    } else {
        return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in)));
    }
}

OCTET_INLINE DepthwiseColumn256 depthwise_interleave(__m256i a, __m256i b) {
    return {_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)};
}

struct Depthwise256 {
    using Vector = __m256i;
    using BlockEpilogue = kernels::BlockEpilogue;
    static constexpr int lanes = 8;

    static OCTET_INLINE void store(const ConvRow& row, const BlockEpilogue& epilogue, const Vector* sums, int count,
                                   int x) {
        epilogue.store(row, sums, count, x);
    }
};

// Two rows a step, as words.
template <ConvInput of>
struct DepthwiseWords256 : Depthwise256 {
    using Weight = std::int16_t;
    static constexpr ConvInput input = of;
    static constexpr int rows = 2;

    template <int count>
    static OCTET_INLINE DepthwiseColumn256 column(const std::uint8_t* in, std::int64_t row_bytes) {
        const __m256i first = depthwise_channels<input>(in);
        return depthwise_interleave(first,
                                    count > 1 ? depthwise_channels<input>(in + row_bytes) : _mm256_setzero_si256());
    }
};

}  // namespace
}  // namespace octet::kernels
