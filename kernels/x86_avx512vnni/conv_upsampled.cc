// 3x3 convolution over upsampled pixels. See conv_upsampled.h.

#include "kernels/conv_upsampled.h"

#include "kernels/x86_avx512vnni/conv_transformed.h"

namespace octet::kernels {
namespace {

using Kernel = TransformedKernel<Upsampled, transformed_lanes>;

const char* refuses(const ConvParams& p, const int8_t*) {
    return upsampled_refuses(p, transformed_lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    for_fused_kind(call, [&](auto kind) {
        transformed_run<TransformedAvx512Vnni<decltype(kind)::value>, Upsampled>(call, unit_begin, unit_end, scratch);
    });
}

}  // namespace

extern const ConvKernel conv_upsampled_u8s8_14x32_avx512vnni;
const ConvKernel conv_upsampled_u8s8_14x32_avx512vnni = {
    "conv_upsampled_u8s8_14x32_avx512vnni",
    Isa::avx512vnni,
    refuses,
    Kernel::packed_bytes,
    Kernel::pack,
    Kernel::scratch_bytes,
    Kernel::units,
    run,
};

}  // namespace octet::kernels
