// The forms of conv_transformed.h with vpdpwssd: int16 x int16 pairs into int32.

#include "kernels/x86_avx2/conv_transformed.h"

#include "kernels/x86_avxvnni/products.h"

namespace octet::kernels {
namespace {

using Arch = Transformed256<ProductsAvxVnni<ConvInput::s16>>;

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

OCTET_AVXVNNI_KERNEL(conv_winograd_u8s8_6x16, (transformed_kernel<Winograd, Arch::lanes>), refuses_winograd,
                     run<Winograd>);
OCTET_AVXVNNI_KERNEL(conv_upsampled_u8s8_6x16, (transformed_kernel<Upsampled, Arch::lanes>), refuses_upsampled,
                     run<Upsampled>);

}  // namespace octet::kernels
