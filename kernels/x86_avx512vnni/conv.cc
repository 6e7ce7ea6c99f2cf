// Direct convolution without an intermediate saturation: vpdpbusd, u8 x s8 into int32, and vpdpwssd, s16 x s16. See
// conv_direct.h.

#include "kernels/conv.h"

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/conv_grouped.h"
#include "kernels/x86_avx512vnni/conv_epilogue.h"

namespace octet::kernels {
namespace {

constexpr int lanes = 16;

template <int vectors>
using TileEpilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

OCTET_INLINE __m512i broadcast4(const std::uint8_t* x) {
    std::int32_t word;
    __builtin_memcpy(&word, x, 4);
    return _mm512_set1_epi32(word);
}

// _mm512_dpbusd_epi32 as GCC 12 compiles it copies each accumulator around each use; an operand that is tied to its
// register stays there.
template <ConvInput input>
OCTET_INLINE void multiply_add(__m512i& acc, __m512i x, __m512i weights) {
    if constexpr (input == ConvInput::u8) {
        asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(weights));
    } else {
        asm("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(weights));
    }
}

template <ConvInput input, int vectors, int pixels, FusedKind kind>
__attribute__((noinline)) void conv_tile(const ConvRow& row, const TileEpilogue<vectors>& epilogue, int x) {
    __m512i acc[pixels][vectors];
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) acc[p][v] = epilogue.bias[v];
    }
    if (row.call->partial.data) {
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
            const std::int32_t* partial = row.call->partial.pixel(row.y / 2, (x + p) / 2) + epilogue.channel;
            if constexpr (vectors == 1) {
                acc[p][0] = _mm512_add_epi32(acc[p][0], _mm512_loadu_si512(partial));
            } else {
                // As BlockEpilogue::load_lanes, without a register for the order.
                const __m512i a = _mm512_loadu_si512(partial), b = _mm512_loadu_si512(partial + 16);
                acc[p][0] = _mm512_add_epi32(acc[p][0], _mm512_shuffle_i32x4(a, b, _MM_SHUFFLE(2, 0, 2, 0)));
                acc[p][1] = _mm512_add_epi32(acc[p][1], _mm512_shuffle_i32x4(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
            }
        }
    }
    const ConvWindow& window = row.window;
    const std::int64_t stride = window.pixel_bytes, stride3 = 3 * stride;
    const auto* weights = reinterpret_cast<const __m512i*>(row.block);
    for (int r = 0; r < window.rows; ++r) {
        for (int run = 0; run < window.runs; ++run) {
            const std::uint8_t* in = row.in + x * stride + r * window.row_bytes + run * window.run_bytes;
            // One pointer for four pixels: x86 addresses the others with stride, 2 * stride and 3 * stride.
            const std::uint8_t* quad[(pixels + 3) / 4];
#pragma GCC unroll 4
            for (int q = 0; q < (pixels + 3) / 4; ++q) quad[q] = in + 4 * q * stride;
            for (int step = 0; step < window.steps; ++step, weights += vectors) {
                __m512i w[vectors];
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) w[v] = _mm512_load_si512(weights + v);
#pragma GCC unroll 16
                for (int p = 0; p < pixels; ++p) {
                    const std::uint8_t* base = quad[p / 4];
                    const __m512i bytes = broadcast4(p % 4 == 3 ? base + stride3 : base + p % 4 * stride);
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; ++v) multiply_add<input>(acc[p][v], bytes, w[v]);
                }
#pragma GCC unroll 4
                for (int q = 0; q < (pixels + 3) / 4; ++q) quad[q] += 4;
            }
        }
    }
    epilogue.template store_tile<kind, pixels>(row, acc, x);
}

template <ConvInput input, FusedKind kind>
struct Avx512Vnni {
    static constexpr int lanes = 16;
    static constexpr int max_pixels = 14;  // 28 accumulators, 2 vectors of weights, 1 broadcast

    template <int vectors>
    using Epilogue = TileEpilogue<vectors>;

    template <int vectors, int pixels>
    static void tile(const ConvRow& row, const Epilogue<vectors>& epilogue, int x) {
        conv_tile<input, vectors, pixels, vectors == 2 ? kind : FusedKind::no>(row, epilogue, x);
    }
};

template <ConvInput of>
struct Direct14x32 {
    static constexpr ConvInput input = of;

    static const char* refuses(const ConvParams& p, const std::int8_t*) {
        return conv_refuses(p, input, conv_grouping(p, lanes).pixels == 1, false);
    }
    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t*) { return conv_packed_bytes(p, lanes); }
    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        if constexpr (input == ConvInput::u8) {
            conv_pack<std::int8_t>(p, weights, lanes, packed);
        } else {
            conv_pack<std::int16_t>(p, weights, lanes, packed);
        }
    }
    static std::size_t scratch_bytes(const ConvCall&) { return 0; }
    static int units(const ConvCall& call) { return conv_direct_units(call, lanes); }
    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte*) noexcept {
        for_fused_kind(call, [&](auto kind) {
            conv_direct_run<Avx512Vnni<input, decltype(kind)::value>>(call, unit_begin, unit_end);
        });
    }
};

}  // namespace

extern constinit const ConvKernel conv_u8s8_14x32_avx512vnni =
    conv_kernel<Direct14x32<ConvInput::u8>>("conv_u8s8_14x32_avx512vnni", needs::avx512vnni);
extern constinit const ConvKernel conv_s16s8_14x32_avx512vnni =
    conv_kernel<Direct14x32<ConvInput::s16>>("conv_s16s8_14x32_avx512vnni", needs::avx512vnni);
extern constinit const ConvKernel conv_grouped_u8s8_14x32_avx512vnni =
    conv_kernel<Grouped<Direct14x32<ConvInput::u8>>>("conv_grouped_u8s8_14x32_avx512vnni", needs::avx512vnni);
extern constinit const ConvKernel conv_grouped_s16s8_14x32_avx512vnni =
    conv_kernel<Grouped<Direct14x32<ConvInput::s16>>>("conv_grouped_s16s8_14x32_avx512vnni", needs::avx512vnni);

}  // namespace octet::kernels
