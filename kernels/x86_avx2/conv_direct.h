#pragma once

// The direct convolution of conv_direct.h in 256-bit registers, with an instruction whose sums are exact. For every
// level of 256-bit registers.
//
// Products: input; max_pixels of a tile; multiply_add of a broadcast step and weights to int32.
//
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include "kernels/x86_avx2/conv_stretch.h"

namespace octet::kernels {
namespace {

template <typename Products>
struct Direct256 {
    static constexpr int lanes = 8;
    static constexpr int max_pixels = Products::max_pixels;

    static OCTET_INLINE __m256i broadcast4(const std::uint8_t* x) {
        std::int32_t word;
        __builtin_memcpy(&word, x, 4);
        return _mm256_set1_epi32(word);
    }

    // Sums of `tiles` tiles of `pixels` neighbours from x on; finish(sums of a tile, its x).
    template <int vectors, int pixels, typename Finish>
    __attribute__((noinline)) static void tiles_from(const ConvRow& row, const __m256i* bias, int x, int tiles,
                                                     Finish finish) {
        const ConvWindow& window = row.window;
        // x86 addresses a tile's pixels with 0, 1, 2 and 4 times a register.
        const std::int64_t stride = window.pixel_bytes, stride3 = 3 * stride, stride5 = 5 * stride;
        const std::uint8_t* first = row.in + x * stride;
        for (int tile = 0; tile < tiles; ++tile, first += pixels * stride, x += pixels) {
            __m256i acc[pixels][vectors];
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) acc[p][v] = bias[v];
            }
            if constexpr (Finish::begins_with_partial) {
                if (row.call->partial.data) conv_add_partial<vectors>(row, finish.epilogue.channel, acc[0], pixels, x);
            }
            const auto* weights = reinterpret_cast<const __m256i*>(row.block);
            for (int r = 0; r < window.rows; ++r) {
                for (int run = 0; run < window.runs; ++run) {
                    const std::uint8_t* in = first + r * window.row_bytes + run * window.run_bytes;
                    for (int step = 0; step < window.steps; ++step, in += 4, weights += vectors) {
                        __m256i w[vectors];
#pragma GCC unroll 2
                        for (int v = 0; v < vectors; ++v) w[v] = _mm256_load_si256(weights + v);
#pragma GCC unroll 8
                        for (int p = 0; p < pixels; ++p) {
                            const __m256i input = broadcast4(p == 3   ? in + stride3
                                                             : p == 5 ? in + stride5
                                                                      : in + p * stride);
#pragma GCC unroll 2
                            for (int v = 0; v < vectors; ++v) Products::multiply_add(acc[p][v], input, w[v]);
                        }
                    }
                }
            }
            finish(acc, x);
        }
    }

    // For a number of pixels that is known only here.
    template <int vectors, typename Finish, int pixels = max_pixels>
    static void tiles_of(int count, const ConvRow& row, const __m256i* bias, int x, int tiles, Finish finish) {
        if constexpr (pixels > 1) {
            if (count < pixels) return tiles_of<vectors, Finish, pixels - 1>(count, row, bias, x, tiles, finish);
        }
        tiles_from<vectors, pixels>(row, bias, x, tiles, finish);
    }

    struct ToMemory {
        static constexpr bool begins_with_partial = false;  // conv_stretch() adds it
        __m256i* sums;

        template <int pixels, int vectors>
        OCTET_INLINE void operator()(const __m256i (&acc)[pixels][vectors], int) {
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) _mm256_store_si256(sums++, acc[p][v]);
            }
        }
    };

    template <int vectors>
    static void sums(const ConvRow& row, const StretchEpilogue<vectors>& epilogue, int x, int pixels, int tiles,
                     __m256i* acc) {
        tiles_of<vectors>(pixels, row, epilogue.bias, x, tiles, ToMemory{acc});
    }

    static int stretch_tiles(const ConvRow&) {
        return conv_max_stretch;
    }

    template <Activation activation>
    struct ToOutput {
        static constexpr bool begins_with_partial = true;
        const ConvRow& row;
        const BlockEpilogue& epilogue;

        template <int pixels>
        OCTET_INLINE void operator()(const __m256i (&acc)[pixels][2], int x) {
            epilogue.store_fused<activation>(row, acc, x);
        }
    };

    template <Activation activation>
    static void fused_row(const ConvRow& row, const BlockEpilogue& epilogue) {
        int tiles = (row.width + max_pixels - 1) / max_pixels;
        for (int x = 0; x < row.width;) {
            const int pixels = (row.width - x + tiles - 1) / tiles;
            const int count = row.width - x - (pixels - 1) * tiles;
            tiles_of<2>(pixels, row, epilogue.bias, x, count, ToOutput<activation>{row, epilogue});
            x += pixels * count;
            tiles -= count;
        }
    }

    template <int vectors>
    static void row(const ConvRow& row, int first_channel) {
        if constexpr (vectors == 2) {
            const BlockEpilogue epilogue(row, first_channel);
            if (epilogue.fuses(*row.call)) {
                switch (row.call->epilogue.activation) {
                    case Activation::hardswish:
                        return fused_row<Activation::hardswish>(row, epilogue);
                    case Activation::prelu:
                        return fused_row<Activation::prelu>(row, epilogue);
                    case Activation::leaky:
                        return fused_row<Activation::leaky>(row, epilogue);
                    default:
                        return fused_row<Activation::none>(row, epilogue);
                }
            }
        }
        conv_row_of_stretches<Direct256, vectors>(row, first_channel);
    }
};

template <typename Products>
struct DirectKernel256 {
    static constexpr ConvInput input = Products::input;
    static constexpr int lanes = 8;

    static const char* refuses(const ConvParams& p, const std::int8_t*) {
        return conv_refuses(p, Products::input, conv_grouping(p, lanes).pixels == 1, false);
    }
    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t*) { return conv_packed_bytes(p, lanes); }
    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        if constexpr (Products::input == ConvInput::s16) {
            conv_pack<std::int16_t>(p, weights, lanes, packed);
        } else {
            conv_pack<std::int8_t>(p, weights, lanes, packed);
        }
    }
    static std::size_t scratch_bytes(const ConvCall&) { return 0; }
    static int units(const ConvCall& call) { return conv_direct_units(call, lanes); }
    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte*) noexcept {
        conv_direct_run<Direct256<Products>>(call, unit_begin, unit_end);
    }
};

}  // namespace
}  // namespace octet::kernels
