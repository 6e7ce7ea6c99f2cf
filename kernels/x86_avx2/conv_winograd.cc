// Winograd F(4x4, 3x3). See conv_winograd.h.

#include "kernels/conv_winograd.h"

#include "kernels/x86_avx2/conv_transformed.h"

namespace octet::kernels {
namespace {

using Kernel = TransformedKernel<Winograd, TransformedAvx2::lanes>;

const char* refuses(const ConvParams& p, const int8_t* weights) {
    return winograd_refuses(p, weights, TransformedAvx2::lanes, TransformedAvx2::folds);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    transformed_run<TransformedAvx2, Winograd>(call, unit_begin, unit_end, scratch);
}

}  // namespace

extern const ConvKernel conv_winograd_u8s8_6x16_avx2;
const ConvKernel conv_winograd_u8s8_6x16_avx2 = {
    "conv_winograd_u8s8_6x16_avx2", Isa::avx2,     refuses, Kernel::packed_bytes, Kernel::pack,
    Kernel::scratch_bytes,          Kernel::units, run,
};

}  // namespace octet::kernels
