// Winograd F(4x4, 3x3). See conv_winograd.h.

#include "kernels/conv_winograd.h"

#include "kernels/x86_avx512vnni/conv_transformed.h"

namespace octet::kernels {
namespace {

const char* refuses(const ConvParams& p, const int8_t* weights) {
    return winograd_refuses(p, weights, transformed_lanes, false);
}

size_t packed_bytes(const ConvParams& p, const int8_t*) {
    return transformed_packed_bytes<Winograd>(p, transformed_lanes);
}

void pack(const ConvParams& p, const int8_t* weights, std::byte* packed) {
    transformed_pack<Winograd>(p, weights, transformed_lanes, reinterpret_cast<int16_t*>(packed));
}

size_t scratch_bytes(const ConvCall& call) {
    return transformed_scratch_bytes<Winograd>(call, transformed_lanes);
}

int units(const ConvCall& call) {
    return transformed_units<Winograd>(call, transformed_lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    for_fused_kind(call, [&](auto kind) {
        transformed_run<TransformedAvx512Vnni<decltype(kind)::value>, Winograd>(call, unit_begin, unit_end, scratch);
    });
}

}  // namespace

extern const ConvKernel conv_winograd_u8s8_14x32_avx512vnni;
const ConvKernel conv_winograd_u8s8_14x32_avx512vnni = {
    "conv_winograd_u8s8_14x32_avx512vnni", Isa::avx512vnni, refuses, packed_bytes, pack, scratch_bytes, units, run,
};

}  // namespace octet::kernels
