// Depthwise convolution with vpdpbusd, four rows of the kernel a step, and vpdpwssd, two. See kernels/conv_depthwise.h.

#include "kernels/x86_avx2/conv_depthwise.h"
#include "kernels/x86_avxvnni/products.h"

namespace octet::kernels {
namespace {

struct DepthwiseBytes : Depthwise256 {
    using Weight = std::int8_t;
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr int rows = 4;

    // Two rows of bytes in 16 bits a channel.
    static OCTET_INLINE __m256i pair(const std::uint8_t* in, std::int64_t row_bytes) {
        return _mm256_or_si256(depthwise_channels<input>(in),
                               _mm256_slli_epi16(depthwise_channels<input>(in + row_bytes), 8));
    }

    template <int count>
    static OCTET_INLINE DepthwiseColumn256 column(const std::uint8_t* in, std::int64_t row_bytes) {
        const __m256i first = count > 1 ? pair(in, row_bytes) : depthwise_channels<input>(in);
        in += 2 * row_bytes;
        return depthwise_interleave(first, count > 3   ? pair(in, row_bytes)
                                           : count > 2 ? depthwise_channels<input>(in)
                                                       : _mm256_setzero_si256());
    }

    static OCTET_INLINE void multiply_add(__m256i& acc, __m256i column, __m256i weights) {
        ProductsAvxVnni<input>::multiply_add(acc, column, weights);
    }
};

struct DepthwiseWords : DepthwiseWords256<ConvInput::s16> {
    static OCTET_INLINE void multiply_add(__m256i& acc, __m256i column, __m256i weights) {
        ProductsAvxVnni<input>::multiply_add(acc, column, weights);
    }
};

}  // namespace

OCTET_AVXVNNI_KERNEL(conv_depthwise_u8s8_4x16, Depthwise<DepthwiseBytes>);
OCTET_AVXVNNI_KERNEL(conv_depthwise_s16s8_4x16, Depthwise<DepthwiseWords>);

}  // namespace octet::kernels
