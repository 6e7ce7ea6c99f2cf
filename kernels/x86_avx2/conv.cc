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

// One vector of accumulators is a pixel's 8 channels, or two pixels' 4; two of them share an epilogue.
struct PairEpilogue {
    __m256i bias[1], shift;
    Fixed16x16 fixed16;
    int channel, channels, lanes_per_pixel, pixels;

    OCTET_INLINE PairEpilogue(const ConvRow& row, int first) : fixed16(row.call->epilogue, first), channel(first) {
        const Fixed16& e = row.call->epilogue;
        pixels = row.grouping.pixels;
        lanes_per_pixel = row.grouping.lanes_per_pixel;
        channels = row.call->params.cout - first < lanes_per_pixel ? row.call->params.cout - first : lanes_per_pixel;
        alignas(32) int32_t lane_bias[8], lane_shift[8];
        alignas(32) int16_t lane_mult[16], lane_alpha[16];
        for (int lane = 0; lane < 16; ++lane) {
            const int o = lane % lanes_per_pixel;
            if (lane < 8) lane_bias[lane] = e.bias[first + o];
            if (lane < 8) lane_shift[lane] = e.shift[first + o];
            lane_mult[lane] = e.mult[first + o];
            lane_alpha[lane] = e.prelu_alpha ? e.prelu_alpha[first + o] : int16_t{0};
        }
        bias[0] = _mm256_load_si256(reinterpret_cast<const __m256i*>(lane_bias));
        shift = _mm256_load_si256(reinterpret_cast<const __m256i*>(lane_shift));
        fixed16.mult = _mm256_load_si256(reinterpret_cast<const __m256i*>(lane_mult));
        fixed16.prelu_alpha = _mm256_load_si256(reinterpret_cast<const __m256i*>(lane_alpha));
    }

    // values: lanes of T, written to `count` pixels.
    template <typename T>
    OCTET_INLINE void scatter(const T* values, T* out, int64_t stride, int count) const {
        if (stride == lanes_per_pixel && channels == lanes_per_pixel) {
            for (int i = 0; i < count * lanes_per_pixel; ++i) out[i] = values[i];
            return;
        }
        for (int j = 0; j < count; ++j, out += stride, values += lanes_per_pixel) {
            for (int o = 0; o < channels; ++o) out[o] = values[o];
        }
    }

    // second: whether b counts. x: in vectors of pixels.
    OCTET_INLINE void store(const ConvRow& row, __m256i a, __m256i b, bool second, int x) const {
        const ConvCall& call = *row.call;
        const int first_pixel = x * pixels, count = second ? 2 * pixels : pixels;
        if (call.epilogue.output == OutputKind::s32) {
            alignas(32) int32_t sums[16];
            _mm256_store_si256(reinterpret_cast<__m256i*>(sums), a);
            _mm256_store_si256(reinterpret_cast<__m256i*>(sums) + 1, b);
            scatter(sums, call.out_s32.pixel(row.y, first_pixel) + channel, call.out_s32.pixel_stride, count);
            return;
        }
        // The pack interleaves the two vectors by 4 lanes.
        const __m256i packed = _mm256_packs_epi32(_mm256_srav_epi32(a, shift), _mm256_srav_epi32(b, shift));
        const __m256i u = fixed16.activate(_mm256_permute4x64_epi64(packed, _MM_SHUFFLE(3, 1, 2, 0)));
        if (call.epilogue.output == OutputKind::s16) {
            alignas(32) int16_t values[16];
            _mm256_store_si256(reinterpret_cast<__m256i*>(values), fixed16.s16(u));
            scatter(values, call.out_s16.pixel(row.y, first_pixel) + channel, call.out_s16.pixel_stride, count);
            return;
        }
        __m256i v = fixed16.scale(u);
        if (call.residual.data) v = fixed16.add_residual(v, load_residual(call.residual, row.y, first_pixel, count));
        const __m128i y = fixed16.round(v);
        uint8_t* out = call.out_u8.pixel(row.y, first_pixel) + channel;
        const int64_t stride = call.out_u8.pixel_stride;
        if (stride == lanes_per_pixel && channels == lanes_per_pixel && second) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(out), y);
            return;
        }
        alignas(16) uint8_t bytes[16];
        _mm_store_si128(reinterpret_cast<__m128i*>(bytes), y);
        if (channels == 8) {
            for (int j = 0; j < count; ++j) __builtin_memcpy(out + j * stride, bytes + j * 8, 8);
        } else if (channels == 4 && lanes_per_pixel == 4) {
            for (int j = 0; j < count; ++j) __builtin_memcpy(out + j * stride, bytes + j * 4, 4);
        } else {
            scatter(bytes, out, stride, count);
        }
    }

    OCTET_INLINE __m128i load_residual(const ConstU8View& residual, int y, int x, int count) const {
        const uint8_t* in = residual.pixel(y, x) + channel;
        alignas(16) uint8_t bytes[16] = {};
        for (int j = 0; j < count; ++j) {
            for (int o = 0; o < channels; ++o) bytes[j * lanes_per_pixel + o] = in[j * residual.pixel_stride + o];
        }
        return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
    }
};

// Two vectors of accumulators: 16 channels of a pixel.
struct BlockEpilogue {
    __m256i bias[2], shift[2];
    Fixed16x16 fixed16;
    int channel, channels;

    OCTET_INLINE BlockEpilogue(const ConvRow& row, int first) : fixed16(row.call->epilogue, first), channel(first) {
        const ConvCall& call = *row.call;
        channels = call.params.cout - first < 16 ? call.params.cout - first : 16;
        for (int v = 0; v < 2; ++v) {
            bias[v] = load_lanes(call.epilogue.bias + first, v);
            shift[v] = load_lanes(call.epilogue.shift + first, v);
        }
    }

    static OCTET_INLINE __m256i load_lanes(const int32_t* values, int vector) {
        const auto* quads = reinterpret_cast<const __m128i*>(values);
        return _mm256_set_m128i(_mm_loadu_si128(quads + vector + 2), _mm_loadu_si128(quads + vector));
    }

    OCTET_INLINE void store(const ConvRow& row, __m256i a, __m256i b, int x) const {
        const ConvCall& call = *row.call;
        if (call.epilogue.output == OutputKind::s32) return store_s32(call.out_s32.pixel(row.y, x) + channel, a, b);
        const __m256i t = _mm256_packs_epi32(_mm256_srav_epi32(a, shift[0]), _mm256_srav_epi32(b, shift[1]));
        const __m256i u = fixed16.activate(t);
        if (call.epilogue.output == OutputKind::s16) {
            store_bytes(call.out_s16.pixel(row.y, x) + channel, fixed16.s16(u), channels * 2);
            return;
        }
        __m256i v = fixed16.scale(u);
        if (call.residual.data) {
            const auto* residual = reinterpret_cast<const __m128i*>(call.residual.pixel(row.y, x) + channel);
            v = fixed16.add_residual(v, _mm_loadu_si128(residual));
        }
        store_bytes(call.out_u8.pixel(row.y, x) + channel, fixed16.round(v), channels);
    }

    OCTET_INLINE void store_s32(int32_t* out, __m256i a, __m256i b) const {
        store_bytes(out, _mm256_permute2x128_si256(a, b, 0x20), channels * 4);
        if (channels > 8) store_bytes(out + 8, _mm256_permute2x128_si256(a, b, 0x31), (channels - 8) * 4);
    }
};

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
