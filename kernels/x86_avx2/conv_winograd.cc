// Winograd F(4x4, 3x3). See conv_winograd.h.

#include "kernels/conv_winograd.h"

#include "kernels/x86_avx2/conv_transformed.h"

namespace octet::kernels {
namespace {

const char* refuses(const ConvParams& p, const int8_t* weights) {
    return winograd_refuses(p, weights, TransformedAvx2::lanes, TransformedAvx2::folds);
}

size_t packed_bytes(const ConvParams& p, const int8_t*) {
    return transformed_packed_bytes<Winograd>(p, TransformedAvx2::lanes);
}

void pack(const ConvParams& p, const int8_t* weights, std::byte* packed) {
    transformed_pack<Winograd>(p, weights, TransformedAvx2::lanes, reinterpret_cast<int16_t*>(packed));
}

size_t scratch_bytes(const ConvCall& call) {
    return transformed_scratch_bytes<Winograd>(call, TransformedAvx2::lanes);
}

int units(const ConvCall& call) {
    return transformed_units<Winograd>(call, TransformedAvx2::lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    transformed_run<TransformedAvx2, Winograd>(call, unit_begin, unit_end, scratch);
}

}  // namespace

extern const ConvKernel conv_winograd_u8s8_6x16_avx2;
const ConvKernel conv_winograd_u8s8_6x16_avx2 = {
    "conv_winograd_u8s8_6x16_avx2", Isa::avx2, refuses, packed_bytes, pack, scratch_bytes, units, run,
};

}  // namespace octet::kernels
