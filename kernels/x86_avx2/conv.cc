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
#include "kernels/x86_avx2/conv_epilogue.h"

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
    using Epilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

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
        conv_store_tile<vectors, pixels>(row, epilogue, acc, x);
    }
};

const char* refuses(const ConvParams& p, const int8_t*) {
    if (p.input != ConvInput::u8) return "16-bit activations";
    return p.groups == 1 ? nullptr : "grouped convolution";
}

// Walks the vectors of all blocks in packed order: visit(block, vector, ky, kx, channel, weights[32], excess[32], any
// excess).
template <typename Visit>
void for_each_vector(const ConvParams& layer, const int8_t* weights, Visit visit) {
    const ConvParams p = conv_grouped(layer, Avx2::lanes);
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
                            main[lane * 4 + j] = conv_weight(layer, Avx2::lanes, weights, first + o, ky, kx, i + j);
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

struct PackedLayout {
    int blocks;
    int64_t block_bytes, index, raw, corrections;  // offsets: block 0, the layer's own weights, the first correction
};

PackedLayout packed_layout(const ConvParams& layer) {
    const ConvParams p = conv_grouped(layer, Avx2::lanes);
    PackedLayout layout = {conv_blocks(p, Avx2::lanes), conv_block_bytes(p, 2, Avx2::lanes), 0, 0, 0};
    layout.index = conv_round_up(layout.blocks * static_cast<int64_t>(sizeof(BlockIndex)), buffer_alignment);
    layout.raw = layout.index + layout.blocks * layout.block_bytes;
    layout.corrections = conv_round_up(layout.raw + conv_raw_bytes(layer, Avx2::lanes), buffer_alignment);
    return layout;
}

size_t packed_bytes(const ConvParams& p, const int8_t* weights) {
    int64_t count = 0;
    for_each_vector(p, weights, [&](int, int, int, int, int, const int8_t*, const int8_t*, bool any) { count += any; });
    return static_cast<size_t>(packed_layout(p).corrections + count * static_cast<int64_t>(sizeof(Correction)));
}

void pack(const ConvParams& p, const int8_t* weights, std::byte* packed) {
    const PackedLayout layout = packed_layout(p);
    auto* index = reinterpret_cast<BlockIndex*>(packed);
    for (int b = 0; b < layout.blocks; ++b) index[b] = {layout.index + b * layout.block_bytes, {0, 0}, {0, 0}};
    for_each_vector(p, weights, [&](int b, int v, int, int, int, const int8_t*, const int8_t*, bool any) {
        index[b].counts[v] += any;
    });
    int64_t end = layout.corrections;
    for (int b = 0; b < layout.blocks; ++b) {
        for (int v = 0; v < 2; ++v) {
            index[b].corrections[v] = end;
            end += index[b].counts[v] * static_cast<int64_t>(sizeof(Correction));
            index[b].counts[v] = 0;
        }
    }
    std::byte* out = nullptr;
    int block = -1;
    for_each_vector(p, weights,
                    [&](int b, int v, int ky, int kx, int i, const int8_t* main, const int8_t* excess, bool any) {
                        if (b != block) out = packed + index[b].weights;
                        block = b;
                        __builtin_memcpy(out, main, 32);
                        out += 32;
                        if (!any) return;
                        Correction correction = {{}, ky, kx, i, {}};
                        __builtin_memcpy(correction.weights, excess, 32);
                        auto* corrections = reinterpret_cast<Correction*>(packed + index[b].corrections[v]);
                        corrections[index[b].counts[v]++] = correction;
                    });
    __builtin_memcpy(packed + layout.raw, weights, static_cast<size_t>(conv_raw_bytes(p, Avx2::lanes)));
}

size_t scratch_bytes(const ConvCall&) {
    return 0;
}

int units(const ConvCall& call) {
    return conv_direct_units(call, Avx2::lanes);
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte*) noexcept {
    const auto* raw_weights = reinterpret_cast<const int8_t*>(call.packed + packed_layout(call.params).raw);
    conv_direct_run<Avx2>(call, unit_begin, unit_end, raw_weights,
                          [&](int b) { return call.packed + b * static_cast<int64_t>(sizeof(BlockIndex)); });
}

}  // namespace

extern const ConvKernel conv_u8s8_5x16_avx2;
const ConvKernel conv_u8s8_5x16_avx2 = {
    "conv_u8s8_5x16_avx2", Isa::avx2, refuses, packed_bytes, pack, scratch_bytes, units, run,
};

}  // namespace octet::kernels
