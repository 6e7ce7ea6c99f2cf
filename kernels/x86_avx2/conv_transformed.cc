// The forms of conv_transformed.h with vpmaddwd: int16 x int16 pairs into int32.

#include "kernels/x86_avx2/conv_transformed.h"

namespace octet::kernels {
namespace {

struct ProductsAvx2 {
    using Vector = __m256i;
    static constexpr int max_tiles = 6;

    static OCTET_INLINE Vector broadcast(std::int32_t pair) { return _mm256_set1_epi32(pair); }
    static OCTET_INLINE void multiply_add(Vector& acc, Vector input, Vector weights) {
        acc = _mm256_add_epi32(acc, _mm256_madd_epi16(input, weights));
    }
};

using Arch = Transformed256<ProductsAvx2>;

const char* refuses_winograd(const ConvParams& p, const std::int8_t* weights) {
    return winograd_refuses(p, weights, Arch::lanes, Arch::folds);
}

const char* refuses_upsampled(const ConvParams& p, const std::int8_t*) {
    return upsampled_refuses(p, Arch::lanes);
}

template <typename Form>
void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    transformed_run<Arch, Form>(call, unit_begin, unit_end, scratch);
}

}  // namespace

extern constinit const ConvKernel conv_winograd_u8s8_6x16_avx2 = transformed_kernel<Winograd, Arch::lanes>(
    "conv_winograd_u8s8_6x16_avx2", needs::avx2, refuses_winograd, run<Winograd>);
extern constinit const ConvKernel conv_upsampled_u8s8_6x16_avx2 = transformed_kernel<Upsampled, Arch::lanes>(
    "conv_upsampled_u8s8_6x16_avx2", needs::avx2, refuses_upsampled, run<Upsampled>);

}  // namespace octet::kernels
