// Direct convolution without an intermediate saturation: vpdpbusd, u8 x s8 into int32, and vpdpwssd, s16 x s16. See
// conv_direct.h.

#include "kernels/conv_grouped.h"
#include "kernels/x86_avx2/conv_direct.h"
#include "kernels/x86_avxvnni/products.h"

namespace octet::kernels {

OCTET_AVXVNNI_KERNEL(conv_u8s8_6x16, DirectKernel256<ProductsAvxVnni<ConvInput::u8>>);
OCTET_AVXVNNI_KERNEL(conv_s16s8_6x16, DirectKernel256<ProductsAvxVnni<ConvInput::s16>>);
OCTET_AVXVNNI_KERNEL(conv_grouped_u8s8_6x16, Grouped<DirectKernel256<ProductsAvxVnni<ConvInput::u8>>>);
OCTET_AVXVNNI_KERNEL(conv_grouped_s16s8_6x16, Grouped<DirectKernel256<ProductsAvxVnni<ConvInput::s16>>>);

}  // namespace octet::kernels
