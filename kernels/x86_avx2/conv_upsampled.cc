// 3x3 convolution over upsampled pixels. See conv_upsampled.h.

#include "kernels/conv_upsampled.h"

#include "kernels/x86_avx2/conv_transformed.h"

namespace octet::kernels {
namespace {

using Kernel = TransformedKernel<Upsampled, TransformedAvx2::lanes>;

const char* refuses(const ConvParams& p, const int8_t*) {
    return upsampled_refuses(p, TransformedAvx2::lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    transformed_run<TransformedAvx2, Upsampled>(call, unit_begin, unit_end, scratch);
}

}  // namespace

extern const ConvKernel conv_upsampled_u8s8_6x16_avx2;
const ConvKernel conv_upsampled_u8s8_6x16_avx2 = {
    "conv_upsampled_u8s8_6x16_avx2", Isa::avx2,     refuses, Kernel::packed_bytes, Kernel::pack,
    Kernel::scratch_bytes,           Kernel::units, run,
};

}  // namespace octet::kernels
