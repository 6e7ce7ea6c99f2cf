#pragma once

// Rows of a direct convolution in stretches: tiles whose sums wait in memory for one epilogue, so that they share the
// calls and the epilogue's constants. For every level of 256-bit registers.
//
// Arch: max_pixels; stretch_tiles(row), the most tiles of a stretch; sums<vectors>(row, epilogue, x, pixels, tiles,
// acc) of `tiles` tiles of `pixels` neighbours from vector of pixels x on, a pixel's vectors side by side.
//
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/x86_avx2/conv_epilogue.h"

namespace octet::kernels {
namespace {

constexpr int conv_max_stretch = 20;  // tiles

template <int vectors>
using StretchEpilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

// Adds ConvCall::partial to the accumulators of `count` pixels from x on.
template <int vectors>
OCTET_INLINE void conv_add_partial(const ConvRow& row, int channel, __m256i* acc, int count, int x) {
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i, acc += vectors) {
        const std::int32_t* partial = row.call->partial.pixel(row.y / 2, (x + i) / 2) + channel;
        if constexpr (vectors == 1) {
            acc[0] = _mm256_add_epi32(acc[0], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(partial)));
        } else {
            acc[0] = _mm256_add_epi32(acc[0], BlockEpilogue::load_lanes(partial, 0));
            acc[1] = _mm256_add_epi32(acc[1], BlockEpilogue::load_lanes(partial, 1));
        }
    }
}

template <typename Arch, int vectors>
void conv_stretch(const ConvRow& row, const StretchEpilogue<vectors>& epilogue, int x, int pixels, int tiles) {
    __m256i acc[conv_max_stretch * Arch::max_pixels * vectors];
    Arch::template sums<vectors>(row, epilogue, x, pixels, tiles, acc);
    if (row.call->partial.data) conv_add_partial<vectors>(row, epilogue.channel, acc, pixels * tiles, x);
    epilogue.store(row, acc, pixels * tiles, x);
}

template <typename Arch, int vectors>
void conv_row_of_stretches(const ConvRow& row, int first_channel) {
    const StretchEpilogue<vectors> epilogue(row, first_channel);
    const int fitting = Arch::stretch_tiles(row);
    const int limit = fitting < 1 ? 1 : fitting < conv_max_stretch ? fitting : conv_max_stretch;
    // As few tiles as possible, all of nearly the same width: no narrow tail.
    int tiles = (row.width + Arch::max_pixels - 1) / Arch::max_pixels;
    for (int x = 0; x < row.width;) {
        const int pixels = (row.width - x + tiles - 1) / tiles;
        const int of_this_width = row.width - x - (pixels - 1) * tiles;
        const int count = of_this_width < limit ? of_this_width : limit;
        conv_stretch<Arch, vectors>(row, epilogue, x, pixels, count);
        x += pixels * count;
        tiles -= count;
    }
}

}  // namespace
}  // namespace octet::kernels
