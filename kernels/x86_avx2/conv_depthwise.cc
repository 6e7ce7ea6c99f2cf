// Depthwise convolution with vpmaddwd: two rows of the kernel a step, exact. See kernels/conv_depthwise.h.

#include "kernels/x86_avx2/conv_depthwise.h"

namespace octet::kernels {
namespace {

template <ConvInput input>
struct DepthwiseAvx2 : DepthwiseWords256<input> {
    static OCTET_INLINE void multiply_add(__m256i& acc, __m256i column, __m256i weights) {
        acc = _mm256_add_epi32(acc, _mm256_madd_epi16(column, weights));
    }
};

}  // namespace

extern constinit const ConvKernel conv_depthwise_u8s8_4x16_avx2 =
    conv_kernel<Depthwise<DepthwiseAvx2<ConvInput::u8>>>("conv_depthwise_u8s8_4x16_avx2", needs::avx2);
extern constinit const ConvKernel conv_depthwise_s16s8_4x16_avx2 =
    conv_kernel<Depthwise<DepthwiseAvx2<ConvInput::s16>>>("conv_depthwise_s16s8_4x16_avx2", needs::avx2);

}  // namespace octet::kernels
