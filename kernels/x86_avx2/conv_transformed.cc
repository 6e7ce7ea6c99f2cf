// The forms of conv_transformed.h with vpmaddwd: int16 x int16 pairs into int32.

#include "kernels/x86_avx2/conv_transformed.h"

namespace octet::kernels {
namespace {

struct ProductsAvx2 {
    using Vector = __m256i;
    static constexpr int max_tiles = 6;
    static constexpr int depth = 2, interleaved = 2;

    static OCTET_INLINE Vector broadcast(std::int32_t pair) { return _mm256_set1_epi32(pair); }
    static OCTET_INLINE void multiply_add(Vector& acc, Vector input, Vector weights) {
        acc = _mm256_add_epi32(acc, _mm256_madd_epi16(input, weights));
    }
};

using Arch = Transformed256<ProductsAvx2>;

}  // namespace

extern constinit const ConvKernel conv_winograd_u8s8_6x16_avx2 =
    conv_kernel<TransformedKernel<Winograd, Arch>>("conv_winograd_u8s8_6x16_avx2", needs::avx2);
extern constinit const ConvKernel conv_upsampled_u8s8_6x16_avx2 =
    conv_kernel<TransformedKernel<Upsampled, Arch>>("conv_upsampled_u8s8_6x16_avx2", needs::avx2);

}  // namespace octet::kernels
