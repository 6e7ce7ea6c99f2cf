#pragma once

// Direct convolution for every level of Arm. A tile is a few neighbours in an output row x up to 16 output channels;
// its sums wait in memory, with those of its neighbours, for one epilogue.
//
//     packed: [constant of each channel, int32] [weights]
//     weights [block of 16 channels][ky][kx][Products::position()]
//
// A tap's input is a run of `depth` channels, zero weights filling up what Products::padded() adds. Where a pixel has
// no more than 4 channels, and therefore 4 bytes, the taps of a row are one run; a plane whose pixels lie further apart
// is copied, row by row. Before an upsampled convolution the taps of neighbouring outputs coincide, and nothing else
// is different.
//
// Products: input; Weight; max_pixels<quads>; pairs, whether pixels go in pairs; padded(depth); position(depth, quads, o,
// k) of a weight in a run; constant(sum of a channel's weights), what its products lack; tile<quads, upsampled, pixels>.
//
// In an unnamed namespace on purpose: each file compiles a private copy.

#include "kernels/arm_neon/conv_epilogue.h"
#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

constexpr int block_channels = 16;
constexpr int stretch_pixels = 60;  // whose sums wait for one epilogue

// What a row of outputs reads.
struct Taps {
    const std::uint8_t* in;  // under the first output pixel; upsampled: pixel (0, 0)
    int rows, runs, depth;
    std::int64_t row_bytes, run_bytes, pixel_bytes;
    bool upsampled;
    int top, left;  // of the first tap before the upsampling, in its pixels

    // body(at, offset) for each run under the outputs from x on: pixel p's begins at at[p] + offset.
    template <bool upsampled, int pixels, typename Body>
    OCTET_INLINE void for_each_run(int x, Body body) const {
        const std::uint8_t* at[pixels];
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) at[p] = in + (x + p) * pixel_bytes;
        std::int64_t row_offset = 0;
        for (int r = 0; r < rows; ++r, row_offset += row_bytes) {
            std::int64_t offset = row_offset;
            for (int run = 0; run < runs; ++run, offset += run_bytes) {
                if constexpr (upsampled) {
                    // Output x reads pixel x / 2: two neighbours the same one, or the next.
                    const std::uint8_t* base = in + ((top + r) >> 1) * row_bytes;
                    const std::uint8_t* even = base + ((left + x + run) >> 1) * pixel_bytes;
                    const std::uint8_t* odd = base + ((left + x + run + 1) >> 1) * pixel_bytes;
#pragma GCC unroll 16
                    for (int p = 0; p < pixels; ++p) at[p] = (p % 2 == 0 ? even : odd) + p / 2 * pixel_bytes;
                    body(at, 0);
                } else {
                    body(at, offset);
                }
            }
        }
    }
};

// Outputs of a row as tiles of nearly the same width, as few as possible, of even widths where pixels go in pairs.
// visit(x, pixels, tiles) for `tiles` neighbours of one width.
template <int max_pixels, bool pairs, typename Visit>
OCTET_INLINE void for_each_tile(int width, Visit visit) {
    constexpr int unit = pairs ? 2 : 1, most = max_pixels / unit;
    const int units = (width + unit - 1) / unit, tiles = (units + most - 1) / most;
    const int narrow = units / tiles * unit, wide_tiles = units % tiles;
    if (wide_tiles > 0) visit(0, narrow + unit, wide_tiles);
    // The last one may reach beyond the row; then it comes alone.
    const int whole = width % unit == 0 ? tiles - wide_tiles : tiles - wide_tiles - 1;
    const int x = wide_tiles * (narrow + unit);
    if (whole > 0) visit(x, narrow, whole);
    if (width % unit != 0) visit(x + whole * narrow, width - x - whole * narrow, 1);
}

// What kernels of tiles along a row share.
inline const char* direct_refuses(const ConvParams& p, ConvInput input) {
    if (const char* why = conv_refuses(p, input, true, true)) return why;
    if (p.upsampled && (p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 || p.dilation_w != 1)) {
        return "upsampled, and strided or dilated";
    }
    return nullptr;
}

OCTET_INLINE int direct_blocks(const ConvParams& p) {
    return (p.cout + block_channels - 1) / block_channels;
}

// Of a block with so many channels left.
OCTET_INLINE int direct_quads(int channels) {
    return channels >= block_channels ? 4 : (channels + 3) / 4;
}

// A row of a block: sums_of(x, count, sums) for `count` neighbours from x on, 4 * quads sums each.
template <int quads, typename SumsOf>
OCTET_INLINE void direct_row(const ConvRow& row, const QuadsEpilogue<quads>& epilogue, SumsOf sums_of) {
    constexpr int pitch = 4 * quads;
    const ConvCall& call = *row.call;
    for (int x = 0; x < row.width; x += stretch_pixels) {
        const int count = row.width - x < stretch_pixels ? row.width - x : stretch_pixels;
        std::int32_t sums[stretch_pixels * pitch];
        sums_of(x, count, sums);
        if (call.partial.data) {
            // Of two neighbours each, x being even.
            for (int i = 0; i < count; i += 2) {
                const std::int32_t* partial = call.partial.pixel(row.y / 2, (x + i) / 2) + epilogue.channel;
                for (int q = 0; q < quads; ++q) {
                    const int32x4_t added = vld1q_s32(partial + 4 * q);
                    std::int32_t* sum = sums + i * pitch + 4 * q;
                    vst1q_s32(sum, vaddq_s32(vld1q_s32(sum), added));
                    if (i + 1 < count) vst1q_s32(sum + pitch, vaddq_s32(vld1q_s32(sum + pitch), added));
                }
            }
        }
        epilogue.store(call, sums, count, row.y, x);
    }
}

template <int number>
struct Constant {
    static constexpr int value = number;
};

// Units are (row, block), as in conv_direct.h of all instruction sets. begin_row(y), then
// row_of_block(Constant<quads>, row, block).
template <typename BeginRow, typename RowOfBlock>
OCTET_INLINE void direct_run(const ConvCall& call, std::int64_t block_bytes, int unit_begin, int unit_end,
                             BeginRow begin_row, RowOfBlock row_of_block) {
    const int count = direct_blocks(call.params), height = call.out_h();
    const bool blocks_inside = block_bytes * count <= conv_resident_weights;
    ConvRow row = {&call, {}, nullptr, nullptr, -1, call.out_w(), {1, 4}};
    for (int unit = unit_begin; unit < unit_end; ++unit) {
        const int block = blocks_inside ? unit % count : unit / height;
        const int y = blocks_inside ? unit / count : unit % height;
        if (y != row.y) begin_row(y);
        row.y = y;
        switch (direct_quads(call.params.cout - block * block_channels)) {
            case 1:
                row_of_block(Constant<1>{}, row, block);
                break;
            case 2:
                row_of_block(Constant<2>{}, row, block);
                break;
            case 3:
                row_of_block(Constant<3>{}, row, block);
                break;
            default:
                row_of_block(Constant<4>{}, row, block);
        }
    }
}

template <typename Products>
struct DirectNeon {
    static constexpr ConvInput input = Products::input;
    using Weight = typename Products::Weight;

    static const char* refuses(const ConvParams& p, const std::int8_t*) { return direct_refuses(p, input); }

    static bool joins_taps(const ConvParams& p) {
        return input == ConvInput::u8 && p.cin <= 4 && p.kernel_w > 1 && p.dilation_w == 1 && !p.upsampled;
    }
    static int runs(const ConvParams& p) { return joins_taps(p) ? 1 : p.kernel_w; }
    static int depth(const ConvParams& p) { return joins_taps(p) ? 4 * p.kernel_w : p.cin; }
    static int blocks(const ConvParams& p) { return direct_blocks(p); }
    // Weights of one output channel.
    static std::int64_t channel_weights(const ConvParams& p) {
        return std::int64_t{p.kernel_h} * runs(p) * Products::padded(depth(p));
    }
    static std::int64_t block_bytes(const ConvParams& p) {
        return channel_weights(p) * block_channels * static_cast<std::int64_t>(sizeof(Weight));
    }
    static std::int64_t weights_offset(const ConvParams& p) {
        return conv_round_up(std::int64_t{4} * blocks(p) * block_channels, buffer_alignment);
    }

    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t*) {
        return static_cast<std::size_t>(weights_offset(p) + blocks(p) * block_bytes(p));
    }

    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        const std::int64_t taps = std::int64_t{p.kernel_h} * p.kernel_w * p.cin;
        auto* constants = reinterpret_cast<std::int32_t*>(packed);
        for (int o = 0; o < blocks(p) * block_channels; ++o) {
            std::int32_t sum = 0;
            for (std::int64_t i = 0; o < p.cout && i < taps; ++i) sum += weights[o * taps + i];
            constants[o] = Products::constant(sum);
        }
        const int length = Products::padded(depth(p));
        for (int first = 0; first < p.cout; first += block_channels) {
            const int quads = direct_quads(p.cout - first);
            auto* out = reinterpret_cast<Weight*>(packed + weights_offset(p) + first / block_channels * block_bytes(p));
            for (int ky = 0; ky < p.kernel_h; ++ky) {
                for (int run = 0; run < runs(p); ++run, out += std::int64_t{length} * 4 * quads) {
                    for (int o = 0; o < 4 * quads; ++o) {
                        for (int k = 0; k < length; ++k) {
                            const int kx = joins_taps(p) ? k / 4 : run, i = joins_taps(p) ? k % 4 : k;
                            const bool inside = first + o < p.cout && kx < p.kernel_w && i < p.cin;
                            out[Products::position(length, quads, o, k)] =
                                inside ? weights[(first + o) * taps + (std::int64_t{ky} * p.kernel_w + kx) * p.cin + i]
                                       : Weight{0};
                        }
                    }
                }
            }
        }
    }

    // Where the taps of a row are one run, and do not follow each other without a gap: the rows under the kernel.
    static bool copies(const ConvCall& call) { return joins_taps(call.params) && call.in.pixel_stride != 4; }
    static int copied_pixels(const ConvCall& call) {
        return (call.out_w() - 1) * call.params.stride_w + call.params.kernel_w;
    }
    static std::int64_t copied_row_bytes(const ConvCall& call) {
        return conv_round_up(std::int64_t{4} * copied_pixels(call) + max_overread_bytes, 4);
    }
    static std::size_t scratch_bytes(const ConvCall& call) {
        return copies(call) ? static_cast<std::size_t>(call.params.kernel_h * copied_row_bytes(call)) : 0;
    }

    static int units(const ConvCall& call) { return call.out_h() * blocks(call.params); }

    static Taps taps_of(const ConvCall& call, int y, std::byte* scratch) {
        const ConvParams& p = call.params;
        Taps taps = {call.in.pixel(std::int64_t{y} * p.stride_h - p.pad_top, -p.pad_left),
                     p.kernel_h,
                     runs(p),
                     depth(p),
                     p.dilation_h * call.in.row_stride,
                     p.dilation_w * call.in.pixel_stride,
                     p.stride_w * call.in.pixel_stride,
                     p.upsampled,
                     y - p.pad_top,
                     -p.pad_left};
        if (p.upsampled) taps.in = call.in.data;
        if (copies(call)) {
            auto* rows = reinterpret_cast<std::uint8_t*>(scratch);
            for (int r = 0; r < p.kernel_h; ++r) {
                const std::uint8_t* in = taps.in + r * taps.row_bytes;
                std::uint8_t* out = rows + r * copied_row_bytes(call);
                for (int x = 0; x < copied_pixels(call); ++x, in += call.in.pixel_stride, out += 4) {
                    for (int i = 0; i < p.cin; ++i) out[i] = in[i];
                }
            }
            taps.in = rows;
            taps.row_bytes = copied_row_bytes(call);
            taps.pixel_bytes = std::int64_t{4} * p.stride_w;
        }
        return taps;
    }

    template <int quads, bool upsampled, int pixels>
    static OCTET_INLINE void tiles_of(int count, const Taps& taps, int x, int tiles, const Weight* weights,
                                      const int32x4_t* start, std::int32_t* sums) {
        if constexpr (pixels > 1) {
            if (count < pixels)
                return tiles_of<quads, upsampled, pixels - 1>(count, taps, x, tiles, weights, start, sums);
        }
        tiles_from<quads, upsampled, pixels>(taps, x, tiles, weights, start, sums);
    }

    template <int quads, bool upsampled, int pixels>
    __attribute__((noinline)) static void tiles_from(const Taps& taps, int x, int tiles, const Weight* weights,
                                                     const int32x4_t* start, std::int32_t* sums) {
        for (; tiles > 0; --tiles, x += pixels, sums += pixels * 4 * quads) {
            Products::template tile<quads, upsampled, pixels>(taps, x, weights, start, sums);
        }
    }

    template <int quads, bool upsampled>
    static void sums_of(const Taps& taps, int x, int count, const Weight* weights, const int32x4_t* start,
                        std::int32_t* sums) {
        constexpr int max_pixels = Products::template max_pixels<quads>;
        for_each_tile<max_pixels, Products::pairs>(count, [&](int at, int pixels, int tiles) {
            tiles_of<quads, upsampled, max_pixels>(pixels, taps, x + at, tiles, weights, start, sums + at * 4 * quads);
        });
    }

    template <int quads>
    static void row(const ConvRow& row, const Taps& taps, int first_channel, const std::byte* block) {
        const QuadsEpilogue<quads> epilogue(row, first_channel);
        const auto* constants = reinterpret_cast<const std::int32_t*>(row.call->packed) + first_channel;
        int32x4_t start[quads];
        for (int q = 0; q < quads; ++q) start[q] = vaddq_s32(epilogue.bias[q], vld1q_s32(constants + 4 * q));
        const auto* weights = reinterpret_cast<const Weight*>(block);
        direct_row(row, epilogue, [&](int x, int count, std::int32_t* sums) {
            if (taps.upsampled) {
                sums_of<quads, true>(taps, x, count, weights, start, sums);
            } else {
                sums_of<quads, false>(taps, x, count, weights, start, sums);
            }
        });
    }

    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
        const ConvParams& p = call.params;
        Taps taps{};
        direct_run(
            call, block_bytes(p), unit_begin, unit_end, [&](int y) { taps = taps_of(call, y, scratch); },
            [&](auto quads, const ConvRow& row_of, int block) {
                row<decltype(quads)::value>(row_of, taps, block * block_channels,
                                            call.packed + weights_offset(p) + block * block_bytes(p));
            });
    }
};

}  // namespace
}  // namespace octet::kernels
