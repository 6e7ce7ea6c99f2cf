// Direct convolution of s16 activations with vpmaddwd: s16 x s16 pairs into int32, exact. See conv_direct.h.

#include "kernels/conv.h"

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/x86_avx2/conv_epilogue.h"

namespace octet::kernels {
namespace {

constexpr int lanes = 8;

struct Avx2 {
    static constexpr int lanes = 8;
    static constexpr int max_pixels = 5;  // 10 accumulators, 2 vectors of weights, broadcast, product

    template <int vectors>
    using Epilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

    static OCTET_INLINE __m256i broadcast4(const uint8_t* x) {
        int32_t word;
        __builtin_memcpy(&word, x, 4);
        return _mm256_set1_epi32(word);
    }

    template <int vectors, int pixels>
    __attribute__((noinline)) static void tile(const ConvRow& row, const Epilogue<vectors>& epilogue, int x) {
        __m256i acc[pixels][vectors];
#pragma GCC unroll 8
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) acc[p][v] = epilogue.bias[v];
        }
        const ConvWindow& window = row.window;
        const int64_t stride = window.pixel_bytes;
        const auto* weights = reinterpret_cast<const __m256i*>(row.block);
        for (int r = 0; r < window.rows; ++r) {
            for (int run = 0; run < window.runs; ++run) {
                const uint8_t* in = row.in + x * stride + r * window.row_bytes + run * window.run_bytes;
                for (int step = 0; step < window.steps; ++step, in += 4, weights += vectors) {
                    __m256i w[vectors];
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; ++v) w[v] = _mm256_load_si256(weights + v);
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) {
                        const __m256i pair = broadcast4(in + p * stride);
#pragma GCC unroll 2
                        for (int v = 0; v < vectors; ++v) {
                            acc[p][v] = _mm256_add_epi32(acc[p][v], _mm256_madd_epi16(pair, w[v]));
                        }
                    }
                }
            }
        }
        if constexpr (vectors == 2) {
            epilogue.store(row, &acc[0][0], pixels, x);
        } else {
            conv_store_tile<vectors, pixels>(row, epilogue, acc, x);
        }
    }
};

const char* refuses(const ConvParams& p, const int8_t*) {
    return conv_refuses(p, ConvInput::s16, false, false);
}

size_t packed_bytes(const ConvParams& p, const int8_t*) {
    return conv_packed_bytes(p, lanes);
}

void pack(const ConvParams& p, const int8_t* weights, std::byte* packed) {
    conv_pack<int16_t>(p, weights, lanes, packed);
}

size_t scratch_bytes(const ConvCall&) {
    return 0;
}

int units(const ConvCall& call) {
    return conv_direct_units(call, lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte*) noexcept {
    conv_direct_run<Avx2>(call, unit_begin, unit_end);
}

}  // namespace

extern constinit const ConvKernel conv_s16s8_5x16_avx2 = {
    "conv_s16s8_5x16_avx2", needs::avx2, ConvInput::s16, refuses, packed_bytes, pack, scratch_bytes, units, run,
};

}  // namespace octet::kernels
