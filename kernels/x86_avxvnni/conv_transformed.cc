// The forms of conv_transformed.h with vpdpwssd: int16 x int16 pairs into int32.

#include "kernels/x86_avx2/conv_transformed.h"

#include "kernels/x86_avxvnni/products.h"

namespace octet::kernels {
namespace {

using Arch = Transformed256<ProductsAvxVnni<ConvInput::s16>>;

}  // namespace

OCTET_AVXVNNI_KERNEL(conv_winograd_u8s8_6x16, TransformedKernel<Winograd, Arch>);
OCTET_AVXVNNI_KERNEL(conv_upsampled_u8s8_6x16, TransformedKernel<Upsampled, Arch>);

}  // namespace octet::kernels
