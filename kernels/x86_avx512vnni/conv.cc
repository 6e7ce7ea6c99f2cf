// Direct convolution with vpdpbusd: u8 x s8 into int32 without an intermediate saturation. See conv_direct.h.

#include "kernels/conv.h"

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/x86_avx512vnni/fixed16.h"

namespace octet::kernels {
namespace {

struct Avx512Vnni {
    static constexpr int lanes = 16;
    static constexpr int max_pixels = 14;  // 28 accumulators, 2 vectors of weights, 1 broadcast

    template <int vectors>
    struct Epilogue {
        __m512i bias[vectors], shift[vectors];
        Fixed16x32 fixed16;
        __mmask32 mask;
        int channel;

        OCTET_INLINE Epilogue(const ConvCall& call, int first) : fixed16(call.epilogue, first), channel(first) {
            const int channels =
                call.params.cout - first < vectors * lanes ? call.params.cout - first : vectors * lanes;
            mask = static_cast<__mmask32>((uint64_t{1} << channels) - 1);
            for (int v = 0; v < vectors; ++v) {
                bias[v] = load_lanes(call.epilogue.bias + first, v);
                shift[v] = load_lanes(call.epilogue.shift + first, v);
            }
        }

        static OCTET_INLINE __m512i load_lanes(const int32_t* values, int vector) {
            if constexpr (vectors == 1) return _mm512_loadu_si512(values);
            const __m512i a = _mm512_loadu_si512(values), b = _mm512_loadu_si512(values + lanes);
            const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
            return _mm512_permutex2var_epi32(a, _mm512_add_epi32(first, _mm512_set1_epi32(4 * vector)), b);
        }

        OCTET_INLINE void store(const ConvCall& call, const __m512i* acc, int y, int x) const {
            if (call.epilogue.output == OutputKind::s32) return store_s32(call, acc, y, x);
            __m512i t;
            if constexpr (vectors == 2) {
                t = _mm512_packs_epi32(_mm512_srav_epi32(acc[0], shift[0]), _mm512_srav_epi32(acc[1], shift[1]));
            } else {
                t = _mm512_castsi256_si512(_mm512_cvtsepi32_epi16(_mm512_srav_epi32(acc[0], shift[0])));
            }
            const __m512i u = fixed16.activate(t);
            if (call.epilogue.output == OutputKind::s16) {
                _mm512_mask_storeu_epi16(call.out_s16.pixel(y, x) + channel, mask, fixed16.s16(u));
                return;
            }
            __m512i v = fixed16.scale(u);
            if (call.residual.data) {
                v = fixed16.add_residual(v, _mm256_maskz_loadu_epi8(mask, call.residual.pixel(y, x) + channel));
            }
            _mm256_mask_storeu_epi8(call.out_u8.pixel(y, x) + channel, mask, fixed16.round(v));
        }

        OCTET_INLINE void store_s32(const ConvCall& call, const __m512i* acc, int y, int x) const {
            int32_t* out = call.out_s32.pixel(y, x) + channel;
            if constexpr (vectors == 1) {
                _mm512_mask_storeu_epi32(out, static_cast<__mmask16>(mask), acc[0]);
            } else {
                const __m512i low = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
                const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
                _mm512_mask_storeu_epi32(out, static_cast<__mmask16>(mask),
                                         _mm512_permutex2var_epi32(acc[0], low, acc[1]));
                _mm512_mask_storeu_epi32(out + lanes, static_cast<__mmask16>(mask >> 16),
                                         _mm512_permutex2var_epi32(acc[0], high, acc[1]));
            }
        }
    };

    static OCTET_INLINE __m512i broadcast4(const uint8_t* x) {
        int32_t word;
        __builtin_memcpy(&word, x, 4);
        return _mm512_set1_epi32(word);
    }

    // _mm512_dpbusd_epi32 as GCC 12 compiles it copies each accumulator around each use; an operand that is tied to its
    // register stays there.
    static OCTET_INLINE void multiply_add(__m512i& acc, __m512i input, __m512i weights) {
        asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(input), "v"(weights));
    }

    template <int vectors, int pixels>
    __attribute__((noinline)) static void tile(const ConvRow& row, const Epilogue<vectors>& epilogue, int x) {
        __m512i acc[pixels][vectors];
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) acc[p][v] = epilogue.bias[v];
        }
        const ConvWindow& window = row.window;
        const int64_t stride = window.pixel_bytes, stride3 = 3 * stride;
        const auto* weights = reinterpret_cast<const __m512i*>(row.block);
        for (int r = 0; r < window.rows; ++r) {
            for (int run = 0; run < window.runs; ++run) {
                const uint8_t* in = row.in + x * stride + r * window.row_bytes + run * window.run_bytes;
                // One pointer for four pixels: x86 addresses the others with stride, 2 * stride and 3 * stride.
                const uint8_t* quad[(pixels + 3) / 4];
#pragma GCC unroll 4
                for (int q = 0; q < (pixels + 3) / 4; ++q) quad[q] = in + 4 * q * stride;
                for (int step = 0; step < window.steps; ++step, weights += vectors) {
                    __m512i w[vectors];
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; ++v) w[v] = _mm512_load_si512(weights + v);
#pragma GCC unroll 16
                    for (int p = 0; p < pixels; ++p) {
                        const uint8_t* base = quad[p / 4];
                        const __m512i input = broadcast4(p % 4 == 3 ? base + stride3 : base + p % 4 * stride);
#pragma GCC unroll 2
                        for (int v = 0; v < vectors; ++v) multiply_add(acc[p][v], input, w[v]);
                    }
#pragma GCC unroll 4
                    for (int q = 0; q < (pixels + 3) / 4; ++q) quad[q] += 4;
                }
            }
        }
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
            const __m512i result[2] = {acc[p][0], acc[p][vectors - 1]};
            epilogue.store(*row.call, result, row.y, x + p);
        }
    }
};

const char* refuses(const ConvParams& p, const int8_t*) {
    return p.groups == 1 ? nullptr : "grouped convolution";
}

size_t packed_bytes(const ConvParams& p, const int8_t*) {
    return static_cast<size_t>(conv_block_bytes(p, 2, Avx512Vnni::lanes) * conv_blocks(p, Avx512Vnni::lanes));
}

void pack(const ConvParams& p, const int8_t* weights, std::byte* packed) {
    const int64_t block_bytes = conv_block_bytes(p, 2, Avx512Vnni::lanes);
    for (int b = 0; b < conv_blocks(p, Avx512Vnni::lanes); ++b) {
        conv_pack_block(p, b * 2 * Avx512Vnni::lanes, Avx512Vnni::lanes,
                        reinterpret_cast<int8_t*>(packed + b * block_bytes),
                        [&](int o, int ky, int kx, int i) { return conv_weight(p, weights, o, ky, kx, i); });
    }
}

size_t scratch_bytes(const ConvCall&) {
    return 0;
}

int units(const ConvCall& call) {
    return conv_direct_units(call, Avx512Vnni::lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte*) noexcept {
    const int64_t block_bytes = conv_block_bytes(call.params, 2, Avx512Vnni::lanes);
    conv_direct_run<Avx512Vnni>(call, unit_begin, unit_end, [&](int b) { return call.packed + b * block_bytes; });
}

}  // namespace

extern const ConvKernel conv_u8s8_14x32_avx512vnni;
const ConvKernel conv_u8s8_14x32_avx512vnni = {
    "conv_u8s8_14x32_avx512vnni", Isa::avx512vnni, refuses, packed_bytes, pack, scratch_bytes, units, run,
};

}  // namespace octet::kernels
