// Direct convolution of s16 activations with vpmaddwd: s16 x s16 pairs into int32, exact. See conv_direct.h.

#include "kernels/conv.h"

#include <immintrin.h>

#include "kernels/conv_grouped.h"
#include "kernels/x86_avx2/conv_direct.h"

namespace octet::kernels {
namespace {

struct Products {
    static constexpr ConvInput input = ConvInput::s16;
    static constexpr int max_pixels = 5;  // 10 accumulators, 2 vectors of weights, broadcast, product

    static OCTET_INLINE void multiply_add(__m256i& acc, __m256i pair, __m256i weights) {
        acc = _mm256_add_epi32(acc, _mm256_madd_epi16(pair, weights));
    }
};

}  // namespace

extern constinit const ConvKernel conv_s16s8_5x16_avx2 =
    conv_kernel<DirectKernel256<Products>>("conv_s16s8_5x16_avx2", needs::avx2);
extern constinit const ConvKernel conv_grouped_s16s8_5x16_avx2 =
    conv_kernel<Grouped<DirectKernel256<Products>>>("conv_grouped_s16s8_5x16_avx2", needs::avx2);

}  // namespace octet::kernels
