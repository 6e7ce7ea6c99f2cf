// Winograd F(4x4, 3x3) with vpdpwssd: int16 x int16 pairs into int32. See conv_winograd.h.

#include "kernels/conv_winograd.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/conv_epilogue.h"

namespace octet::kernels {
namespace {

// As in conv.cc: an operand that is tied to its register stays there.
OCTET_INLINE void multiply_add(__m512i& acc, __m512i input, __m512i weights) {
    asm("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(input), "v"(weights));
}

// Sums over the channels at one point: `tiles` tiles x the block's channels.
template <int vectors, int tiles>
__attribute__((noinline)) void winograd_sums(const std::byte* transformed, int64_t tile_bytes, int steps,
                                             const int16_t* weights, std::byte* result) {
    __m512i acc[tiles][vectors];
#pragma GCC unroll 16
    for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) acc[t][v] = _mm512_setzero_si512();
    }
    const auto* w = reinterpret_cast<const __m512i*>(weights);
    const int64_t tile_bytes3 = 3 * tile_bytes;
    // One pointer for four tiles: x86 addresses the others with 1, 2 and 3 times the stride.
    const std::byte* quad[(tiles + 3) / 4];
#pragma GCC unroll 4
    for (int q = 0; q < (tiles + 3) / 4; ++q) quad[q] = transformed + 4 * q * tile_bytes;
    for (int step = 0; step < steps; ++step, w += vectors) {
        __m512i block[vectors];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) block[v] = _mm512_load_si512(w + v);
#pragma GCC unroll 16
        for (int t = 0; t < tiles; ++t) {
            const std::byte* base = quad[t / 4];
            int32_t pair;
            __builtin_memcpy(&pair, t % 4 == 3 ? base + tile_bytes3 : base + t % 4 * tile_bytes, 4);
            const __m512i input = _mm512_set1_epi32(pair);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) multiply_add(acc[t][v], input, block[v]);
        }
#pragma GCC unroll 4
        for (int q = 0; q < (tiles + 3) / 4; ++q) quad[q] += 4;
    }
    auto* out = reinterpret_cast<__m512i*>(result);
#pragma GCC unroll 16
    for (int t = 0; t < tiles; ++t) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) _mm512_store_si512(out + t * vectors + v, acc[t][v]);
    }
}

template <FusedKind kind>
struct WinogradAvx512Vnni {
    static constexpr int lanes = 16;
    static constexpr int max_tiles = 14;
    static constexpr bool folds = false;  // the direct form of a first layer is as fast

    using I16 __attribute__((vector_size(64), may_alias)) = int16_t;
    using I32 __attribute__((vector_size(64), may_alias)) = uint32_t;  // unsigned: sums wrap

    template <int vectors>
    using Epilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

    static OCTET_INLINE I16 load_u8(const uint8_t* x) {
        return reinterpret_cast<I16>(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))));
    }

    // z = 576 * y modulo 2^32: 0x38E38E39 * 9 = 1 modulo 2^32.
    static OCTET_INLINE I32 divide_by_576(I32 z) {
        const __m512i y = _mm512_mullo_epi32(reinterpret_cast<__m512i>(z), _mm512_set1_epi32(0x38E38E39));
        return reinterpret_cast<I32>(_mm512_srai_epi32(y, 6));
    }

    template <int vectors, int tiles>
    static void sums(const std::byte* transformed, int64_t tile_bytes, int steps, const int16_t* weights,
                     std::byte* result) {
        winograd_sums<vectors, tiles>(transformed, tile_bytes, steps, weights, result);
    }

    template <int vectors>
    static OCTET_INLINE void store_tile(ConvRow& row, const Epilogue<vectors>& epilogue, const I32 (&y)[4][4][vectors],
                                        int x, int width, int height) {
        for (int i = 0; i < height; ++i, ++row.y) {
            __m512i acc[4][vectors];
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) {
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) acc[j][v] = reinterpret_cast<__m512i>(y[i][j][v]);
            }
            if constexpr (vectors == 1) {
                if constexpr (kind != FusedKind::no) {
                    const __m512i v[4] = {acc[0][0], acc[1][0], acc[2][0], acc[3][0]};
                    epilogue.template store_fused<kind>(epilogue.fused, *row.call, v, width, row.y, x);
                } else {
                    epilogue.store_vectors(*row.call, acc[0], width, row.y, x);
                }
            } else if (kind != FusedKind::no && width == 4) {
                epilogue.template store_fused<kind>(*row.call, acc, row.y, x);
            } else {
                epilogue.store_pixels(*row.call, acc[0], width, row.y, x);
            }
        }
    }
};

constexpr int lanes = 16;

const char* refuses(const ConvParams& p, const int8_t* weights) {
    return winograd_refuses(p, weights, lanes, false);
}

size_t packed_bytes(const ConvParams& p, const int8_t*) {
    return winograd_packed_bytes(p, lanes);
}

void pack(const ConvParams& p, const int8_t* weights, std::byte* packed) {
    winograd_pack(p, weights, lanes, reinterpret_cast<int16_t*>(packed));
}

size_t scratch_bytes(const ConvCall& call) {
    return winograd_scratch_bytes(call, lanes);
}

int units(const ConvCall& call) {
    return winograd_units(call, lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    for_fused_kind(call, [&](auto kind) {
        winograd_run<WinogradAvx512Vnni<decltype(kind)::value>>(call, unit_begin, unit_end, scratch);
    });
}

}  // namespace

extern const ConvKernel conv_winograd_u8s8_14x32_avx512vnni;
const ConvKernel conv_winograd_u8s8_14x32_avx512vnni = {
    "conv_winograd_u8s8_14x32_avx512vnni", Isa::avx512vnni, refuses, packed_bytes, pack, scratch_bytes, units, run,
};

}  // namespace octet::kernels
