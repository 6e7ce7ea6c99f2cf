// Direct convolution with vpmaddubsw. Its pair sums saturate at 16 bits, so the weights of a pair (u8 x s8 + u8 x s8)
// are limited to |sum| <= 128 where both have the same sign: 255 * 128 = 32640. What a pair has in excess moves into a
// correction: one more step on the same input, only for the vectors that need it. Packing decides, from the weights
// themselves; with the usual bell-shaped weights a few steps in a hundred are corrected. See conv_direct.h for the
// rest.
//
//     packed: [BlockIndex per block] [weights, block after block] [Correction …]

#include "kernels/conv.h"

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {
namespace {

constexpr int pair_limit = 128;

struct alignas(32) Correction {
    int8_t weights[32];
    int32_t ky, kx, channel;
    int32_t padding[5];
};

struct BlockIndex {
    int64_t weights;         // byte offset in the packed buffer
    int64_t corrections[2];  // of each vector
    int64_t counts[2];
};

// Lowers `second` until the pair is safe; returns the excess that it took away.
int8_t split_pair(int8_t first, int8_t* second) {
    const int sum = first + *second;
    if ((first < 0) != (*second < 0) || (sum <= pair_limit && sum >= -pair_limit)) return 0;
    const int excess = sum > 0 ? sum - pair_limit : sum + pair_limit;
    *second = static_cast<int8_t>(*second - excess);
    return static_cast<int8_t>(excess);
}

struct Avx2 {
    static constexpr int lanes = 8;
    static constexpr int max_pixels = 5;  // 10 accumulators, 2 vectors of weights, broadcast, ones, product

    template <int vectors>
    struct Epilogue {
        __m256i bias[vectors], shift[vectors];
        Fixed16x16 fixed16;
        int channel, channels;

        OCTET_INLINE Epilogue(const ConvCall& call, int first) : fixed16(call.epilogue, first), channel(first) {
            channels = call.params.cout - first < vectors * lanes ? call.params.cout - first : vectors * lanes;
            for (int v = 0; v < vectors; ++v) {
                bias[v] = load_lanes(call.epilogue.bias + first, v);
                shift[v] = load_lanes(call.epilogue.shift + first, v);
            }
        }

        static OCTET_INLINE __m256i load_lanes(const int32_t* values, int vector) {
            const auto* halves = reinterpret_cast<const __m128i*>(values);
            const int next = vectors == 1 ? 1 : 2;
            return _mm256_set_m128i(_mm_loadu_si128(halves + vector + next), _mm_loadu_si128(halves + vector));
        }

        OCTET_INLINE void store(const ConvCall& call, const __m256i* acc, int y, int x) const {
            if (call.epilogue.output == OutputKind::s32) return store_s32(call, acc, y, x);
            __m256i t;
            if constexpr (vectors == 2) {
                t = _mm256_packs_epi32(_mm256_srav_epi32(acc[0], shift[0]), _mm256_srav_epi32(acc[1], shift[1]));
            } else {
                const __m256i shifted = _mm256_srav_epi32(acc[0], shift[0]);
                t = _mm256_castsi128_si256(
                    _mm_packs_epi32(_mm256_castsi256_si128(shifted), _mm256_extracti128_si256(shifted, 1)));
            }
            const __m256i u = fixed16.activate(t);
            if (call.epilogue.output == OutputKind::s16) {
                store_bytes(call.out_s16.pixel(y, x) + channel, fixed16.s16(u), channels * 2);
                return;
            }
            __m256i v = fixed16.scale(u);
            if (call.residual.data) {
                const auto* residual = reinterpret_cast<const __m128i*>(call.residual.pixel(y, x) + channel);
                v = fixed16.add_residual(v, _mm_loadu_si128(residual));
            }
            store_bytes(call.out_u8.pixel(y, x) + channel, fixed16.round(v), channels);
        }

        OCTET_INLINE void store_s32(const ConvCall& call, const __m256i* acc, int y, int x) const {
            int32_t* out = call.out_s32.pixel(y, x) + channel;
            if constexpr (vectors == 1) {
                store_bytes(out, acc[0], channels * 4);
            } else {
                store_bytes(out, _mm256_permute2x128_si256(acc[0], acc[1], 0x20), channels * 4);
                if (channels > lanes) {
                    store_bytes(out + lanes, _mm256_permute2x128_si256(acc[0], acc[1], 0x31), (channels - lanes) * 4);
                }
            }
        }
    };

    static OCTET_INLINE __m256i broadcast4(const uint8_t* x) {
        int32_t word;
        __builtin_memcpy(&word, x, 4);
        return _mm256_set1_epi32(word);
    }

    static OCTET_INLINE __m256i multiply_add(__m256i acc, __m256i input, __m256i weights) {
        const __m256i pairs = _mm256_maddubs_epi16(input, weights);
        return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
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
        const auto& index = *reinterpret_cast<const BlockIndex*>(row.block);
        const std::byte* packed = row.call->packed;
        const auto* weights = reinterpret_cast<const __m256i*>(packed + index.weights);
        for (int r = 0; r < window.rows; ++r) {
            for (int run = 0; run < window.runs; ++run) {
                const uint8_t* in = row.in + x * stride + r * window.row_bytes + run * window.run_bytes;
                for (int step = 0; step < window.steps; ++step, in += 4, weights += vectors) {
                    __m256i w[vectors];
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; ++v) w[v] = _mm256_load_si256(weights + v);
#pragma GCC unroll 8
                    for (int p = 0; p < pixels; ++p) {
                        const __m256i input = broadcast4(in + p * stride);
#pragma GCC unroll 2
                        for (int v = 0; v < vectors; ++v) acc[p][v] = multiply_add(acc[p][v], input, w[v]);
                    }
                }
            }
        }
        const int64_t row_bytes = row.call->params.dilation_h * row.call->in.row_stride;
        const int64_t tap_bytes = row.call->params.dilation_w * row.call->in.pixel_stride;
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) {
            const auto* correction = reinterpret_cast<const Correction*>(packed + index.corrections[v]);
            for (int64_t i = 0; i < index.counts[v]; ++i, ++correction) {
                const uint8_t* in =
                    row.in + x * stride + correction->ky * row_bytes + correction->kx * tap_bytes + correction->channel;
                const __m256i w = _mm256_load_si256(reinterpret_cast<const __m256i*>(correction->weights));
#pragma GCC unroll 8
                for (int p = 0; p < pixels; ++p) acc[p][v] = multiply_add(acc[p][v], broadcast4(in + p * stride), w);
            }
        }
#pragma GCC unroll 8
        for (int p = 0; p < pixels; ++p) {
            const __m256i result[2] = {acc[p][0], acc[p][vectors - 1]};
            epilogue.store(*row.call, result, row.y, x + p);
        }
    }
};

const char* refuses(const ConvParams& p, const int8_t*) {
    return p.groups == 1 ? nullptr : "grouped convolution";
}

// Walks the vectors of all blocks in packed order: visit(block, vector, ky, kx, channel, weights[32], excess[32], any
// excess).
template <typename Visit>
void for_each_vector(const ConvParams& p, const int8_t* weights, Visit visit) {
    for (int b = 0; b < conv_blocks(p, Avx2::lanes); ++b) {
        const int first = b * 2 * Avx2::lanes;
        const int channels = p.cout - first < 2 * Avx2::lanes ? p.cout - first : 2 * Avx2::lanes;
        const int vectors = conv_block_vectors(channels, Avx2::lanes);
        for (int tap = 0; tap < p.kernel_h * p.kernel_w; ++tap) {
            const int ky = tap / p.kernel_w, kx = tap % p.kernel_w;
            for (int i = 0; i < p.cin; i += 4) {
                for (int v = 0; v < vectors; ++v) {
                    alignas(32) int8_t main[32] = {}, excess[32] = {};
                    bool any = false;
                    for (int lane = 0; lane < Avx2::lanes; ++lane) {
                        const int o = conv_lane_channel(vectors, v, lane);
                        if (o >= channels) continue;
                        for (int j = 0; j < 4 && i + j < p.cin; ++j) {
                            main[lane * 4 + j] = conv_weight(p, weights, first + o, ky, kx, i + j);
                        }
                        for (const int j : {0, 2}) {
                            int8_t* pair = main + lane * 4 + j;
                            excess[lane * 4 + j + 1] = split_pair(pair[0], pair + 1);
                            any = any || excess[lane * 4 + j + 1] != 0;
                        }
                    }
                    visit(b, v, ky, kx, i, main, excess, any);
                }
            }
        }
    }
}

int64_t index_bytes(const ConvParams& p) {
    return conv_round_up(conv_blocks(p, Avx2::lanes) * static_cast<int64_t>(sizeof(BlockIndex)), buffer_alignment);
}

int64_t weight_bytes(const ConvParams& p) {
    return conv_block_bytes(p, 2, Avx2::lanes) * conv_blocks(p, Avx2::lanes);
}

size_t packed_bytes(const ConvParams& p, const int8_t* weights) {
    int64_t corrections = 0;
    for_each_vector(p, weights,
                    [&](int, int, int, int, int, const int8_t*, const int8_t*, bool any) { corrections += any; });
    return static_cast<size_t>(index_bytes(p) + weight_bytes(p) +
                               corrections * static_cast<int64_t>(sizeof(Correction)));
}

void pack(const ConvParams& p, const int8_t* weights, std::byte* packed) {
    auto* index = reinterpret_cast<BlockIndex*>(packed);
    const int blocks = conv_blocks(p, Avx2::lanes);
    for (int b = 0; b < blocks; ++b) {
        index[b] = {index_bytes(p) + b * conv_block_bytes(p, 2, Avx2::lanes), {0, 0}, {0, 0}};
    }
    for_each_vector(p, weights, [&](int b, int v, int, int, int, const int8_t*, const int8_t*, bool any) {
        index[b].counts[v] += any;
    });
    int64_t end = index_bytes(p) + weight_bytes(p);
    for (int b = 0; b < blocks; ++b) {
        for (int v = 0; v < 2; ++v) {
            index[b].corrections[v] = end;
            end += index[b].counts[v] * static_cast<int64_t>(sizeof(Correction));
            index[b].counts[v] = 0;
        }
    }
    std::byte* out = nullptr;
    int block = -1;
    for_each_vector(
        p, weights, [&](int b, int v, int ky, int kx, int i, const int8_t* main, const int8_t* excess, bool any) {
            if (b != block) out = packed + index[b].weights;
            block = b;
            __builtin_memcpy(out, main, 32);
            out += 32;
            if (!any) return;
            Correction correction = {{}, ky, kx, i, {}};
            __builtin_memcpy(correction.weights, excess, 32);
            __builtin_memcpy(
                packed + index[b].corrections[v] + index[b].counts[v] * static_cast<int64_t>(sizeof(Correction)),
                &correction, sizeof correction);
            ++index[b].counts[v];
        });
}

size_t scratch_bytes(const ConvCall&) {
    return 0;
}

int units(const ConvCall& call) {
    return conv_direct_units(call, Avx2::lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte*) noexcept {
    conv_direct_run<Avx2>(call, unit_begin, unit_end,
                          [&](int b) { return call.packed + b * static_cast<int64_t>(sizeof(BlockIndex)); });
}

}  // namespace

extern const ConvKernel conv_u8s8_5x16_avx2;
const ConvKernel conv_u8s8_5x16_avx2 = {
    "conv_u8s8_5x16_avx2", Isa::avx2, refuses, packed_bytes, pack, scratch_bytes, units, run,
};

}  // namespace octet::kernels
