// Direct convolution with vpmaddubsw, exact for every weight: conv_pack.h says which steps share 16-bit sums. A tile is
// up to 8 neighbours in an output row x 8 channels at a time; the two vectors of a block meet in the epilogue. See
// conv_direct.h for the rest.
//
//     packed: [VectorIndex per vector and segment] [the layer's own weights, where pixels are grouped]
//             [step numbers] [weights, in the order of the step numbers; each group of centred steps with its masks]
//
// scratch: where under the input's window each step reads, in the order of the step numbers.

#include "kernels/conv.h"

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/conv_grouped.h"
#include "kernels/x86_avx2/conv_pack.h"
#include "kernels/x86_avx2/conv_stretch.h"

namespace octet::kernels {
namespace {

struct alignas(32) VectorIndex {
    std::int32_t constant[step_lanes];     // of the vector's centred steps; in its first segment
    std::int64_t weights;                  // byte offset in the packed buffer
    std::int32_t groups[step_list_count];  // in each list
    std::int32_t padding;
};

// What a tile needs to know of its block.
struct BlockSteps {
    const std::byte* packed;
    const VectorIndex* index;  // of the block's first vector
    const std::int32_t* offsets;
    int segments, steps;
};

struct Avx2 {
    static constexpr int lanes = step_lanes;
    static constexpr int max_pixels = 8;  // accumulators; 2 vectors of weights, 2 masks, ones, 3 for what is under way

    static OCTET_INLINE __m256i broadcast4(const std::uint8_t* x) {
        std::int32_t word;
        __builtin_memcpy(&word, x, 4);
        return _mm256_set1_epi32(word);
    }

    // Distances of a tile's pixels: x86 addresses with 1, 2, 4 and 8 times a register. GCC would compute the odd ones
    // anew for each step.
    struct Stride {
        std::int64_t s1, s3, s5, s7;
        explicit OCTET_INLINE Stride(std::int64_t s) : s1(s), s3(3 * s), s5(5 * s), s7(7 * s) {
            asm("" : "+r"(s3), "+r"(s5), "+r"(s7));
        }
    };
    static OCTET_INLINE const std::uint8_t* pixel(const std::uint8_t* in, int p, const Stride& s) {
        return p == 3 ? in + s.s3 : p == 5 ? in + s.s5 : p == 6 ? in + 2 * s.s3 : p == 7 ? in + s.s7 : in + p * s.s1;
    }

    // Keeps a value in its register: GCC would load it anew for each use.
    static OCTET_INLINE __m256i in_register(__m256i value) {
        asm("" : "+x"(value));
        return value;
    }

    // All groups of one list. offsets and weights move on.
    template <int list, int pixels>
    static OCTET_INLINE void add_list(__m256i (&acc)[pixels], const std::uint8_t* in, const Stride& stride,
                                      __m256i ones, int groups, const std::int32_t*& offsets, const __m256i*& weights) {
        constexpr bool centred = step_lists[list].centred;
        constexpr int group = step_lists[list].group;
        for (; groups > 0; --groups, offsets += group, weights += centred ? 2 * group : group) {
            const std::uint8_t* x[group];
            __m256i w[group], mask[group];
#pragma GCC unroll 3
            for (int k = 0; k < group; ++k) {
                x[k] = in + offsets[k];
                w[k] = in_register(_mm256_load_si256(weights + k));
                if (centred) mask[k] = in_register(_mm256_load_si256(weights + group + k));
            }
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) {
                __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 3
                for (int k = 0; k < group; ++k) {
                    const __m256i input = broadcast4(pixel(x[k], p, stride));
                    const __m256i products = centred ? _mm256_maddubs_epi16(w[k], _mm256_xor_si256(input, mask[k]))
                                                     : _mm256_maddubs_epi16(input, w[k]);
                    sum = k == 0 ? products : _mm256_add_epi16(sum, products);
                }
                acc[p] = _mm256_add_epi32(acc[p], _mm256_madd_epi16(sum, ones));
            }
        }
    }

    // Sums over one vector's channels: of `tiles` tiles of `pixels` neighbours. sums: the first pixel's, with
    // sums_stride vectors between pixels.
    template <int pixels, bool one_tile>
    __attribute__((noinline)) static void vector_sums(const BlockSteps& block, int vector, const std::uint8_t* in,
                                                      std::int64_t pixel_bytes, __m256i bias, int tiles, __m256i* sums,
                                                      int sums_stride) {
        const Stride stride(pixel_bytes);
        const VectorIndex* const first = block.index + vector * block.segments;
        const __m256i start =
            _mm256_add_epi32(bias, _mm256_load_si256(reinterpret_cast<const __m256i*>(first->constant)));
        const __m256i ones = in_register(_mm256_set1_epi16(1));
        for (int tile = 0; tile < (one_tile ? 1 : tiles); ++tile, in += pixels * pixel_bytes) {
            __m256i acc[pixels];
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) acc[p] = start;
            const std::int32_t* offsets = block.offsets + std::int64_t{vector} * block.steps;
            const VectorIndex* index = first;
            for (int segment = 0; segment < block.segments; ++segment, ++index) {
                const auto* weights = reinterpret_cast<const __m256i*>(block.packed + index->weights);
                add_list<0, pixels>(acc, in, stride, ones, index->groups[0], offsets, weights);
                add_list<1, pixels>(acc, in, stride, ones, index->groups[1], offsets, weights);
                add_list<2, pixels>(acc, in, stride, ones, index->groups[2], offsets, weights);
                add_list<3, pixels>(acc, in, stride, ones, index->groups[3], offsets, weights);
                add_list<4, pixels>(acc, in, stride, ones, index->groups[4], offsets, weights);
            }
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p, sums += sums_stride) *sums = acc[p];
        }
    }

    // As vector_sums(), for a number of pixels that is known only here.
    template <int pixels = max_pixels>
    static void sums_of(int count, const BlockSteps& block, int vector, const std::uint8_t* in,
                        std::int64_t pixel_bytes, __m256i bias, int tiles, __m256i* to, int sums_stride) {
        if constexpr (pixels > 1) {
            if (count < pixels) {
                return sums_of<pixels - 1>(count, block, vector, in, pixel_bytes, bias, tiles, to, sums_stride);
            }
        }
        if (tiles == 1) return vector_sums<pixels, true>(block, vector, in, pixel_bytes, bias, 1, to, sums_stride);
        vector_sums<pixels, false>(block, vector, in, pixel_bytes, bias, tiles, to, sums_stride);
    }

    template <int vectors>
    static OCTET_INLINE void sums(const ConvRow& row, const StretchEpilogue<vectors>& epilogue, int x, int pixels,
                                  int tiles, __m256i* acc) {
        const auto& block = *reinterpret_cast<const BlockSteps*>(row.block);
        const std::int64_t pixel_bytes = row.window.pixel_bytes;
        for (int v = 0; v < vectors; ++v) {
            sums_of(pixels, block, v, row.in + x * pixel_bytes, pixel_bytes, epilogue.bias[v], tiles, acc + v, vectors);
        }
    }

    // As many steps of all tiles as leave sums and input in the first-level cache for the second vector.
    static int stretch_tiles(const ConvRow& row) {
        return 320 / reinterpret_cast<const BlockSteps*>(row.block)->steps;
    }

    template <int vectors>
    static void row(const ConvRow& row, int first_channel) {
        conv_row_of_stretches<Avx2, vectors>(row, first_channel);
    }
};

struct PackedLayout {
    std::int64_t raw, steps, weights;  // byte offsets
};

PackedLayout packed_layout(const StepShape& shape) {
    PackedLayout layout = {};
    layout.raw = std::int64_t{shape.vectors} * shape.segments * static_cast<std::int64_t>(sizeof(VectorIndex));
    layout.steps = conv_round_up(layout.raw + conv_raw_bytes(shape.layer, step_lanes), buffer_alignment);
    layout.weights = conv_round_up(
        layout.steps + std::int64_t{shape.vectors} * shape.steps * static_cast<std::int64_t>(sizeof(std::uint16_t)),
        buffer_alignment);
    return layout;
}

// Adds w * (w < 0 ? 127 : 128) of the 4 channels of each lane.
void add_constant(std::int32_t* constant, __m256i w) {
    alignas(32) std::int8_t values[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(values), w);
    for (int i = 0; i < 32; ++i) constant[i / 4] += values[i] * (values[i] < 0 ? 127 : 128);
}

// Offsets of all blocks where blocks change from unit to unit, else of one.
bool offsets_of_all_blocks(const StepShape& shape) {
    return conv_block_bytes(shape.p, 2, step_lanes) * conv_blocks(shape.p, step_lanes) <= conv_resident_weights;
}

// offsets[vector][n]: of the vector's n-th step number.
void fill_offsets(const ConvCall& call, const StepShape& shape, int first_vector, int vectors, std::int32_t* offsets) {
    const auto* steps = reinterpret_cast<const std::uint16_t*>(call.packed + packed_layout(shape).steps) +
                        std::int64_t{first_vector} * shape.steps;
    for (int segment = 0; segment < shape.segments; ++segment) {
        const int first = segment * segment_steps, size = shape.segment_size(segment);
        std::int32_t offset_of[segment_steps];
        for (int s = 0; s < size; ++s) {
            const int tap = (first + s) / shape.steps_per_tap, step = (first + s) % shape.steps_per_tap;
            offset_of[s] =
                static_cast<std::int32_t>(tap / shape.taps_w * shape.p.dilation_h * call.in.row_stride +
                                          tap % shape.taps_w * shape.p.dilation_w * call.in.pixel_stride + step * 4);
        }
        for (int v = 0; v < vectors; ++v) {
            const std::int64_t at = std::int64_t{v} * shape.steps + first;
            for (int s = 0; s < size; ++s) offsets[at + s] = offset_of[steps[at + s]];
        }
    }
}

struct Direct8x8 {
    static constexpr ConvInput input = ConvInput::u8;

    static const char* refuses(const ConvParams& p, const std::int8_t*) {
        return conv_refuses(p, ConvInput::u8, conv_grouping(p, step_lanes).pixels == 1, false);
    }

    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t* weights) {
        const StepShape shape(p);
        std::int64_t vectors = std::int64_t{shape.vectors} * shape.steps;
        for (int v = 0; v < shape.vectors; ++v) {
            for (int s = 0; s < shape.steps; ++s) vectors += StepLoad(step_weights(shape, weights, v, s)).is_centred;
        }
        return static_cast<std::size_t>(packed_layout(shape).weights +
                                        vectors * static_cast<std::int64_t>(sizeof(__m256i)));
    }

    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        const StepShape shape(p);
        const PackedLayout layout = packed_layout(shape);
        __builtin_memcpy(packed + layout.raw, weights, static_cast<std::size_t>(conv_raw_bytes(p, step_lanes)));
        auto* index = reinterpret_cast<VectorIndex*>(packed);
        auto* steps = reinterpret_cast<std::uint16_t*>(packed + layout.steps);
        auto* out = reinterpret_cast<__m256i*>(packed + layout.weights);
        StepGroups groups;
        for (int vector = 0; vector < shape.vectors; ++vector) {
            std::int32_t* constant = index->constant;
            for (int segment = 0; segment < shape.segments; ++segment, ++index) {
                groups.fill(shape, weights, vector, segment);
                groups.write(steps);
                *index = {{}, reinterpret_cast<std::byte*>(out) - packed, {}, 0};
                for (int list = 0; list < step_list_count; ++list) {
                    const auto [centred, group] = step_lists[list];
                    index->groups[list] = groups.counts[list];
                    for (int g = 0; g < groups.counts[list]; ++g, out += centred ? 2 * group : group) {
                        for (int k = 0; k < group; ++k, ++steps) {
                            const __m256i w =
                                step_weights(shape, weights, vector, segment * segment_steps + int{*steps});
                            _mm256_store_si256(out + k, centred ? _mm256_abs_epi8(w) : w);
                            if (!centred) continue;
                            const __m256i negative = _mm256_cmpgt_epi8(_mm256_setzero_si256(), w);
                            _mm256_store_si256(out + group + k, _mm256_xor_si256(negative, _mm256_set1_epi8(-128)));
                            add_constant(constant, w);
                        }
                    }
                }
            }
        }
    }

    static std::size_t scratch_bytes(const ConvCall& call) {
        const StepShape shape(call.params);
        return static_cast<std::size_t>(offsets_of_all_blocks(shape) ? shape.vectors : 2) *
               static_cast<std::size_t>(shape.steps) * sizeof(std::int32_t);
    }

    static int units(const ConvCall& call) { return conv_direct_units(call, step_lanes); }

    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
        if (unit_begin == unit_end) return;
        const StepShape shape(call.params);
        auto* offsets = reinterpret_cast<std::int32_t*>(scratch);
        const bool all = offsets_of_all_blocks(shape);
        if (all) fill_offsets(call, shape, 0, shape.vectors, offsets);
        BlockSteps steps = {call.packed, nullptr, offsets, shape.segments, shape.steps};
        int filled = -1;
        const auto block_of = [&](int b) {
            steps.index = reinterpret_cast<const VectorIndex*>(call.packed) + std::int64_t{b} * 2 * shape.segments;
            if (all) steps.offsets = offsets + std::int64_t{b} * 2 * shape.steps;
            if (!all && filled != b) {
                fill_offsets(call, shape, b * 2, shape.vectors - b * 2 < 2 ? shape.vectors - b * 2 : 2, offsets);
                filled = b;
            }
            return reinterpret_cast<const std::byte*>(&steps);
        };
        const auto* raw_weights = reinterpret_cast<const std::int8_t*>(call.packed + packed_layout(shape).raw);
        conv_direct_run<Avx2>(call, unit_begin, unit_end, raw_weights, block_of);
    }
};

}  // namespace

extern constinit const ConvKernel conv_u8s8_8x8_avx2 = conv_kernel<Direct8x8>("conv_u8s8_8x8_avx2", needs::avx2);
extern constinit const ConvKernel conv_grouped_u8s8_8x8_avx2 =
    conv_kernel<Grouped<Direct8x8>>("conv_grouped_u8s8_8x8_avx2", needs::avx2);

}  // namespace octet::kernels
