#pragma once

// Direct convolution, shared by the instruction sets. A tile is 2 vectors of output channels (1 in a last block that
// needs no more) x up to Arch::max_pixels neighbours in an output row. One step multiplies 4 bytes of a tap's input, 4
// channels of u8 or 2 of s16, by weights that are s8 or widened to s16:
//
//     weights  [block][ky][kx][cin / 4 rounded up][vector][lane][4]     u8; zero where cin or cout is padded
//     weights  [block][ky][kx][cin / 2 rounded up][vector][lane][2]     s16
//
// Lanes hold channels in the order in which a 32 -> 16 bit pack of the two vectors restores the natural one: vector v,
// lane 4g + j is channel 8g + 4v + j of the block. A block of one vector is in natural order.
//
// A layer with few output channels would leave most lanes empty. There a vector holds several neighbouring pixels:
//
//     lane j * L + o is channel o of pixel J * x + j            L = 4 or 8 lanes a pixel, J = lanes / L pixels
//
// which is a convolution with J * L channels, stride J * s and a kernel that is (J - 1) * s wider; pixel j's weights
// stand j * s taps to the right. Few extra zeros, J times fewer epilogues.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include <cstddef>
#include <cstdint>

#include "kernels/conv.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t conv_round_up(std::int64_t x, std::int64_t to) {
    return (x + to - 1) / to * to;
}

// nullptr, or which variant of conv.h a kernel of this input width lacks.
OCTET_INLINE const char* conv_refuses(const ConvParams& p, ConvInput input, bool has_partial, bool has_upsampled) {
    if (p.input != input) return "activations of another width";
    if (p.groups != 1) return "grouped convolution";
    if (p.adds_partial && !has_partial) return "partial sums";
    if (p.upsampled && !has_upsampled) return "upsampled";
    return nullptr;
}

constexpr int conv_block_vectors(int channels, int lanes) {
    return channels > lanes ? 2 : 1;
}

constexpr int conv_lane_channel(int vectors, int vector, int lane) {
    return vectors == 1 ? lane : lane / 4 * 8 + vector * 4 + lane % 4;
}

struct ConvGrouping {
    int pixels, lanes_per_pixel;  // J, L
};

constexpr ConvGrouping conv_grouping(const ConvParams& p, int lanes) {
    if (p.cout > lanes / 2 || p.dilation_w != 1) return {1, lanes};
    const int lanes_per_pixel = p.cout <= 4 ? 4 : 8;
    return {lanes / lanes_per_pixel, lanes_per_pixel};
}

// The convolution that is computed, with J * L channels.
constexpr ConvParams conv_grouped(const ConvParams& p, int lanes) {
    const ConvGrouping grouping = conv_grouping(p, lanes);
    if (grouping.pixels == 1) return p;
    ConvParams grouped = p;
    grouped.kernel_w += (grouping.pixels - 1) * p.stride_w;
    grouped.stride_w *= grouping.pixels;
    grouped.cout = lanes;
    return grouped;
}

// A weight of the grouped convolution. weights: [cout][kernel_h][kernel_w][cin] of the layer p.
OCTET_INLINE std::int8_t conv_weight(const ConvParams& p, int lanes, const std::int8_t* weights, int o, int ky, int kx,
                                     int i) {
    const ConvGrouping grouping = conv_grouping(p, lanes);
    if (grouping.pixels > 1) {
        kx -= o / grouping.lanes_per_pixel * p.stride_w;
        o %= grouping.lanes_per_pixel;
        if (o >= p.cout || kx < 0 || kx >= p.kernel_w) return 0;
    }
    return weights[((std::int64_t{o} * p.kernel_h + ky) * p.kernel_w + kx) * p.cin + i];
}

// Steps of a tap: 4 bytes of input, so many channels of it.
constexpr int conv_step_channels(const ConvParams& p) {
    return 4 / conv_input_bytes(p.input);
}
constexpr int conv_steps(const ConvParams& p) {
    return (p.cin + conv_step_channels(p) - 1) / conv_step_channels(p);
}

// A row of the input under one kernel: `rows` kernel rows, each of `runs` contiguous runs of `steps` 4-byte steps.
struct ConvWindow {
    int rows, runs, steps;
    std::int64_t row_bytes, run_bytes, pixel_bytes;  // pixel_bytes: between neighbouring output pixels
};

OCTET_INLINE ConvWindow conv_window(const ConvCall& call, const ConvParams& p) {
    const int steps = conv_steps(p);
    ConvWindow window = {p.kernel_h,
                         p.kernel_w,
                         steps,
                         p.dilation_h * call.in.row_stride,
                         p.dilation_w * call.in.pixel_stride,
                         p.stride_w * call.in.pixel_stride};
    // Taps that follow each other in memory are one run.
    if (window.run_bytes == steps * 4) {
        window.steps *= window.runs;
        window.runs = 1;
    }
    return window;
}

// Bytes of the layer's own weights where the packed form needs them too.
constexpr std::int64_t conv_raw_bytes(const ConvParams& p, int lanes) {
    return conv_grouping(p, lanes).pixels == 1 ? 0 : std::int64_t{p.cout} * p.kernel_h * p.kernel_w * p.cin;
}

// Bytes of a block's weights.
constexpr std::int64_t conv_block_bytes(const ConvParams& p, int vectors, int lanes) {
    return std::int64_t{p.kernel_h} * p.kernel_w * conv_steps(p) * vectors * lanes * 4;
}

constexpr int conv_blocks(const ConvParams& p, int lanes) {
    return (p.cout + 2 * lanes - 1) / (2 * lanes);
}

// The weights of one block, as written above. get(o, ky, kx, i) of channels inside the layer.
template <typename Weight, typename Get>
void conv_pack_block(const ConvParams& p, int first_channel, int lanes, Weight* out, Get get) {
    constexpr int step = 4 / sizeof(Weight);
    const int channels = p.cout - first_channel < 2 * lanes ? p.cout - first_channel : 2 * lanes;
    const int vectors = conv_block_vectors(channels, lanes);
    for (int ky = 0; ky < p.kernel_h; ++ky) {
        for (int kx = 0; kx < p.kernel_w; ++kx) {
            for (int i = 0; i < p.cin; i += step) {
                for (int v = 0; v < vectors; ++v) {
                    for (int lane = 0; lane < lanes; ++lane) {
                        const int o = conv_lane_channel(vectors, v, lane);
                        for (int j = 0; j < step; ++j) {
                            *out++ = o < channels && i + j < p.cin ? get(first_channel + o, ky, kx, i + j) : Weight{0};
                        }
                    }
                }
            }
        }
    }
}

// A packed layer: its blocks, each as large as one of two vectors, then its own weights where pixels are grouped.
inline std::int64_t conv_packed_raw_offset(const ConvParams& layer, int lanes) {
    const ConvParams grouped = conv_grouped(layer, lanes);
    return conv_block_bytes(grouped, 2, lanes) * conv_blocks(grouped, lanes);
}

inline std::size_t conv_packed_bytes(const ConvParams& layer, int lanes) {
    return static_cast<std::size_t>(conv_packed_raw_offset(layer, lanes) + conv_raw_bytes(layer, lanes));
}

// Weight: int8_t for u8 activations, int16_t for s16.
template <typename Weight>
void conv_pack(const ConvParams& layer, const std::int8_t* weights, int lanes, std::byte* packed) {
    const ConvParams grouped = conv_grouped(layer, lanes);
    for (int b = 0; b < conv_blocks(grouped, lanes); ++b) {
        auto* block = reinterpret_cast<Weight*>(packed + b * conv_block_bytes(grouped, 2, lanes));
        conv_pack_block(grouped, b * 2 * lanes, lanes, block,
                        [&](int o, int ky, int kx, int i) { return conv_weight(layer, lanes, weights, o, ky, kx, i); });
    }
    __builtin_memcpy(packed + conv_packed_raw_offset(layer, lanes), weights,
                     static_cast<std::size_t>(conv_raw_bytes(layer, lanes)));
}

// One output row of one block.
struct ConvRow {
    const ConvCall* call;
    ConvWindow window;
    const std::uint8_t* in;  // under the first output pixel, tap (0, 0), channel 0
    const std::byte* block;  // packed weights
    int y, width;            // width in vectors of pixels
    ConvGrouping grouping;
};

// Arch::Epilogue<vectors>: one vector of accumulators, or two.
template <int vectors, typename One, typename Two>
struct ConvEpilogueChoice {
    using Type = Two;
};
template <typename One, typename Two>
struct ConvEpilogueChoice<1, One, Two> {
    using Type = One;
};
template <int vectors, typename One, typename Two>
using ConvEpilogue = typename ConvEpilogueChoice<vectors, One, Two>::Type;

// The accumulators leave one by one, or two by two where a pixel has one vector of them.
template <int vectors, int pixels, typename Epilogue, typename Vector>
OCTET_INLINE void conv_store_tile(const ConvRow& row, const Epilogue& epilogue, const Vector (&acc)[pixels][vectors],
                                  int x) {
    if constexpr (vectors == 1) {
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p += 2) {
            const bool second = p + 1 < pixels;
            epilogue.store(row, acc[p][0], acc[second ? p + 1 : p][0], second, x + p);
        }
    } else {
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) epilogue.store(row, acc[p][0], acc[p][1], x + p);
    }
}

// Arch: lanes, max_pixels, Epilogue<vectors>(row, first channel), tile<vectors, pixels>(row, epilogue, x).
template <typename Arch, int vectors, int pixels>
void conv_tile_of(int count, const ConvRow& row, const typename Arch::template Epilogue<vectors>& epilogue, int x) {
    if constexpr (pixels > 1) {
        if (count < pixels) return conv_tile_of<Arch, vectors, pixels - 1>(count, row, epilogue, x);
    }
    Arch::template tile<vectors, pixels>(row, epilogue, x);
}

// Arch may have row<vectors>(row, first channel), its own way through a row, instead of Epilogue and tile.
template <typename Arch, int vectors>
void conv_row(const ConvRow& row, int first_channel) {
    if constexpr (requires { Arch::template row<vectors>(row, first_channel); }) {
        Arch::template row<vectors>(row, first_channel);
    } else {
        const typename Arch::template Epilogue<vectors> epilogue(row, first_channel);
        const int w = row.width;
        // As few tiles as possible, all of nearly the same width: no narrow tail.
        int tiles = (w + Arch::max_pixels - 1) / Arch::max_pixels;
        for (int x = 0; x < w; --tiles) {
            const int count = (w - x + tiles - 1) / tiles;
            conv_tile_of<Arch, vectors, Arch::max_pixels>(count, row, epilogue, x);
            x += count;
        }
    }
}

// Units are (row, block): blocks innermost while all weights stay in the second-level cache, else rows innermost.
constexpr std::int64_t conv_resident_weights = 512 * 1024;

OCTET_INLINE int conv_direct_units(const ConvCall& call, int lanes) {
    return call.out_h() * conv_blocks(conv_grouped(call.params, lanes), lanes);
}

// All channels of a pixel that does not fill a vector of pixels.
inline void conv_single_pixel(const ConvCall& call, const std::int8_t* weights, int y, int x) {
    const ConvParams& p = call.params;
    for (int o = 0; o < p.cout; ++o) {
        std::int32_t acc = 0;
        for (int ky = 0; ky < p.kernel_h; ++ky) {
            for (int kx = 0; kx < p.kernel_w; ++kx, weights += p.cin) {
                const std::uint8_t* in = call.in.pixel(std::int64_t{y} * p.stride_h - p.pad_top + ky * p.dilation_h,
                                                       std::int64_t{x} * p.stride_w - p.pad_left + kx * p.dilation_w);
                const auto* wide = reinterpret_cast<const std::int16_t*>(in);
                for (int i = 0; i < p.cin; ++i) acc += (p.input == ConvInput::s16 ? wide[i] : in[i]) * weights[i];
            }
        }
        conv_store(call, y, x, o, acc);
    }
}

// block_of(b): start of a packed block. raw_weights: the layer's weights as they were given, where pixels are grouped.
template <typename Arch, typename BlockOf>
void conv_direct_run(const ConvCall& call, int unit_begin, int unit_end, const std::int8_t* raw_weights,
                     BlockOf block_of) {
    const ConvParams p = conv_grouped(call.params, Arch::lanes);
    const ConvGrouping grouping = conv_grouping(call.params, Arch::lanes);
    const int blocks = conv_blocks(p, Arch::lanes), height = call.out_h(), width = call.out_w() / grouping.pixels;
    const bool blocks_inside = conv_block_bytes(p, 2, Arch::lanes) * blocks <= conv_resident_weights;
    ConvRow row = {&call, conv_window(call, p), nullptr, nullptr, 0, width, grouping};
    for (int unit = unit_begin; unit < unit_end; ++unit) {
        const int block = blocks_inside ? unit % blocks : unit / height;
        row.y = blocks_inside ? unit / blocks : unit % height;
        row.in = call.in.pixel(std::int64_t{row.y} * p.stride_h - p.pad_top, -p.pad_left);
        row.block = block_of(block);
        const int first_channel = block * 2 * Arch::lanes;
        if (conv_block_vectors(p.cout - first_channel, Arch::lanes) == 2) {
            conv_row<Arch, 2>(row, first_channel);
        } else {
            conv_row<Arch, 1>(row, first_channel);
        }
        for (int x = width * grouping.pixels; x < call.out_w(); ++x) conv_single_pixel(call, raw_weights, row.y, x);
    }
}

// The same for a layer as conv_pack() wrote it.
template <typename Arch>
void conv_direct_run(const ConvCall& call, int unit_begin, int unit_end) {
    const std::int64_t block_bytes = conv_block_bytes(conv_grouped(call.params, Arch::lanes), 2, Arch::lanes);
    const auto* raw_weights =
        reinterpret_cast<const std::int8_t*>(call.packed + conv_packed_raw_offset(call.params, Arch::lanes));
    conv_direct_run<Arch>(call, unit_begin, unit_end, raw_weights,
                          [&](int b) { return call.packed + b * block_bytes; });
}

}  // namespace
}  // namespace octet::kernels
