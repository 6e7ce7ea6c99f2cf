// Depthwise convolution with vpdpbusd, four rows of the kernel a step, and vpdpwssd, two. See kernels/conv_depthwise.h.

#include "kernels/conv_depthwise.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/conv_epilogue.h"

namespace octet::kernels {
namespace {

struct Column {
    __m512i low, high;
};

// 32 channels of a row, widened to 16 bits.
template <ConvInput input>
OCTET_INLINE __m512i channels(const std::uint8_t* in) {
    if constexpr (input == ConvInput::s16) {
        return _mm512_loadu_si512(in);
    } else {
        return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(in)));
    }
}

OCTET_INLINE Column interleave(__m512i a, __m512i b) {
    return {_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b)};
}

template <ConvInput of>
struct Depthwise512 {
    using Vector = __m512i;
    using BlockEpilogue = kernels::BlockEpilogue;
    static constexpr ConvInput input = of;
    static constexpr int lanes = 16;

    // GCC 12 copies the accumulators of the intrinsics: see conv.cc.
    static OCTET_INLINE void multiply_add(__m512i& acc, __m512i column, __m512i weights) {
        if constexpr (input == ConvInput::u8) {
            asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(column), "vm"(weights));
        } else {
            asm("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(column), "vm"(weights));
        }
    }

    static OCTET_INLINE void store(const ConvRow& row, const BlockEpilogue& epilogue, const Vector* sums, int count,
                                   int x) {
        epilogue.store_pixels(*row.call, sums, count, row.y, x);
    }
};

struct DepthwiseBytes : Depthwise512<ConvInput::u8> {
    using Weight = std::int8_t;
    static constexpr int rows = 4;

    // Two rows of bytes in 16 bits a channel.
    static OCTET_INLINE __m512i pair(const std::uint8_t* in, std::int64_t row_bytes) {
        return _mm512_or_si512(channels<input>(in), _mm512_slli_epi16(channels<input>(in + row_bytes), 8));
    }

    template <int count>
    static OCTET_INLINE Column column(const std::uint8_t* in, std::int64_t row_bytes) {
        const __m512i first = count > 1 ? pair(in, row_bytes) : channels<input>(in);
        in += 2 * row_bytes;
        return interleave(first, count > 3   ? pair(in, row_bytes)
                                 : count > 2 ? channels<input>(in)
                                             : _mm512_setzero_si512());
    }
};

struct DepthwiseWords : Depthwise512<ConvInput::s16> {
    using Weight = std::int16_t;
    static constexpr int rows = 2;

    template <int count>
    static OCTET_INLINE Column column(const std::uint8_t* in, std::int64_t row_bytes) {
        const __m512i first = channels<input>(in);
        return interleave(first, count > 1 ? channels<input>(in + row_bytes) : _mm512_setzero_si512());
    }
};

}  // namespace

extern constinit const ConvKernel conv_depthwise_u8s8_4x32_avx512vnni =
    conv_kernel<Depthwise<DepthwiseBytes>>("conv_depthwise_u8s8_4x32_avx512vnni", needs::avx512vnni);
extern constinit const ConvKernel conv_depthwise_s16s8_4x32_avx512vnni =
    conv_kernel<Depthwise<DepthwiseWords>>("conv_depthwise_s16s8_4x32_avx512vnni", needs::avx512vnni);

}  // namespace octet::kernels
