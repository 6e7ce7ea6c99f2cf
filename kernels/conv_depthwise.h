#pragma once

// Depthwise convolution, shared by the instruction sets: as many groups as input and output channels. A block is 2
// vectors of channels. What multiplies sums neighbouring rows of the kernel within a lane, so that a column of the input
// is interleaved once and serves every pixel of the output that it lies under:
//
//     column   [vector][lane][row of the step]                  4 rows of u8, or 2 widened to s16
//     weights  [block][step of rows][kx][vector][lane][row of the step]      zero where the kernel has no such row
//
// Lanes hold channels in the order in which a 32 -> 16 bit pack restores the natural one (conv_direct.h).
//
// Arch: Vector; lanes; input; rows of a step; Weight; Column column<rows>(in, row_bytes), rows of a column to two
// vectors; multiply_add(acc, column, weights); BlockEpilogue; store(row, epilogue, sums, count, x); complete(bias,
// weights, their number / 2), where the products lack something.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

// How the columns under neighbouring pixels coincide; 0: unknown, each pixel has its own.
struct DepthwiseShape {
    int kernel_w, stride;
};

template <typename Arch>
struct Depthwise {
    using Vector = typename Arch::Vector;
    using Epilogue = typename Arch::BlockEpilogue;
    static constexpr ConvInput input = Arch::input;
    static constexpr int block_channels = 2 * Arch::lanes;
    static constexpr int tile_pixels = 4;      // 8 accumulators
    static constexpr int stretch_pixels = 16;  // whose sums wait for one epilogue

    static const char* refuses(const ConvParams& p, const std::int8_t*) {
        if (p.input != input) return "activations of another width";
        if (p.groups != p.cin || p.groups != p.cout) return "not depthwise";
        if (p.groups == 1) return "one channel";
        if (p.adds_partial) return "partial sums";
        if (p.upsampled) return "upsampled";
        return nullptr;
    }

    static int blocks(const ConvParams& p) { return (p.cout + block_channels - 1) / block_channels; }
    static int steps(const ConvParams& p) { return (p.kernel_h + Arch::rows - 1) / Arch::rows; }
    static std::int64_t block_bytes(const ConvParams& p) {
        return std::int64_t{steps(p)} * p.kernel_w * 2 * static_cast<std::int64_t>(sizeof(Vector));
    }

    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t*) {
        return static_cast<std::size_t>(blocks(p) * block_bytes(p));
    }

    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        auto* out = reinterpret_cast<typename Arch::Weight*>(packed);
        for (int first = 0; first < p.cout; first += block_channels) {
            for (int y = 0; y < p.kernel_h; y += Arch::rows) {
                for (int x = 0; x < p.kernel_w; ++x) {
                    for (int lane = 0; lane < block_channels; ++lane) {
                        const int o = first + conv_lane_channel(2, lane / Arch::lanes, lane % Arch::lanes);
                        for (int ky = y; ky < y + Arch::rows; ++ky) {
                            const bool inside = o < p.cout && ky < p.kernel_h;
                            *out++ = inside ? weights[(std::int64_t{o} * p.kernel_h + ky) * p.kernel_w + x] : 0;
                        }
                    }
                }
            }
        }
    }

    static std::size_t scratch_bytes(const ConvCall&) { return 0; }

    // A row of a block.
    static int units(const ConvCall& call) { return call.out_h() * blocks(call.params); }

    struct Row {
        const std::uint8_t* in;  // under the first output pixel, tap (0, 0), the block's first channel
        const std::byte* weights;
        std::int64_t row_bytes, tap_bytes, pixel_bytes;
        int kernel_h, kernel_w;
    };

    // sums[2 * p + v] of the pixels from x on.
    template <DepthwiseShape shape, int pixels>
    static OCTET_INLINE void tile(const Row& row, const Vector (&bias)[2], int x, Vector* sums) {
        Vector acc[pixels][2];
#pragma GCC unroll 4
        for (int p = 0; p < pixels; ++p) {
            acc[p][0] = bias[0];
            acc[p][1] = bias[1];
        }
        const std::uint8_t* in = row.in + x * row.pixel_bytes;
        const auto* weights = reinterpret_cast<const Vector*>(row.weights);
        for (int y = 0; y < row.kernel_h; y += Arch::rows) {
            switch (row.kernel_h - y) {
                case 1:
                    add_step<shape, pixels, 1>(row, in, weights, acc);
                    break;
                case 2:
                    add_step < shape, pixels, Arch::rows<2 ? Arch::rows : 2>(row, in, weights, acc);
                    break;
                case 3:
                    add_step < shape, pixels, Arch::rows<3 ? Arch::rows : 3>(row, in, weights, acc);
                    break;
                default:
                    add_step<shape, pixels, Arch::rows>(row, in, weights, acc);
            }
            in += Arch::rows * row.row_bytes;
            weights += std::int64_t{2} * row.kernel_w;
        }
#pragma GCC unroll 4
        for (int p = 0; p < pixels; ++p) {
            sums[2 * p] = acc[p][0];
            sums[2 * p + 1] = acc[p][1];
        }
    }

    template <DepthwiseShape shape, int pixels, int rows>
    static OCTET_INLINE void add_step(const Row& row, const std::uint8_t* in, const Vector* weights,
                                      Vector (&acc)[pixels][2]) {
        if constexpr (shape.kernel_w == 0) {
            for (int kx = 0; kx < row.kernel_w; ++kx, in += row.tap_bytes, weights += 2) {
#pragma GCC unroll 4
                for (int p = 0; p < pixels; ++p) {
                    const auto column = Arch::template column<rows>(in + p * row.pixel_bytes, row.row_bytes);
                    Arch::multiply_add(acc[p][0], column.low, weights[0]);
                    Arch::multiply_add(acc[p][1], column.high, weights[1]);
                }
            }
        } else {
            constexpr int columns = (pixels - 1) * shape.stride + shape.kernel_w;
#pragma GCC unroll 16
            for (int i = 0; i < columns; ++i, in += row.tap_bytes) {
                const auto column = Arch::template column<rows>(in, row.row_bytes);
#pragma GCC unroll 4
                for (int p = 0; p < pixels; ++p) {
                    const int kx = i - p * shape.stride;
                    if (kx < 0 || kx >= shape.kernel_w) continue;
                    Arch::multiply_add(acc[p][0], column.low, weights[2 * kx]);
                    Arch::multiply_add(acc[p][1], column.high, weights[2 * kx + 1]);
                }
            }
        }
    }

    template <DepthwiseShape shape>
    __attribute__((noinline)) static void sums_of(const Row& row, const Vector (&bias)[2], int x, int count,
                                                  Vector* sums) {
        int i = 0;
        for (; i + tile_pixels <= count; i += tile_pixels) tile<shape, tile_pixels>(row, bias, x + i, sums + 2 * i);
        for (; i < count; ++i) tile<DepthwiseShape{0, 0}, 1>(row, bias, x + i, sums + 2 * i);
    }

    template <DepthwiseShape shape>
    static void run_shape(const ConvCall& call, int unit_begin, int unit_end) {
        const ConvParams& p = call.params;
        const int count = blocks(p), height = call.out_h(), width = call.out_w();
        const bool blocks_inside = call.in.row_stride * call.in.h > resident_plane;
        const auto block_of = [&](int unit) { return blocks_inside ? unit % count : unit / height; };
        for (int unit = unit_begin; unit < unit_end;) {
            const int block = block_of(unit), first_channel = block * block_channels;
            ConvRow row = {};
            row.call = &call;
            const Epilogue epilogue(row, first_channel);
            Vector bias[2] = {epilogue.bias[0], epilogue.bias[1]};
            if constexpr (requires(const Vector* weights) { Arch::complete(bias, weights, 0); }) {
                const std::byte* weights = call.packed + block * block_bytes(p);
                Arch::complete(bias, reinterpret_cast<const Vector*>(weights), steps(p) * p.kernel_w);
            }
            for (; unit < unit_end && block_of(unit) == block; ++unit) {
                row.y = blocks_inside ? unit / count : unit % height;
                const Row in = {call.in.pixel(std::int64_t{row.y} * p.stride_h - p.pad_top, -p.pad_left) +
                                    first_channel * conv_input_bytes(input),
                                call.packed + block * block_bytes(p),
                                p.dilation_h * call.in.row_stride,
                                p.dilation_w * call.in.pixel_stride,
                                p.stride_w * call.in.pixel_stride,
                                p.kernel_h,
                                p.kernel_w};
                for (int x = 0; x < width; x += stretch_pixels) {
                    Vector sums[2 * stretch_pixels];
                    const int pixels = width - x < stretch_pixels ? width - x : stretch_pixels;
                    sums_of<shape>(in, bias, x, pixels, sums);
                    Arch::store(row, epilogue, sums, pixels, x);
                }
            }
        }
    }

    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte*) noexcept {
        const ConvParams& p = call.params;
        const bool adjacent = p.dilation_w == 1;
        if (adjacent && p.kernel_w == 3 && p.stride_w == 1)
            return run_shape<DepthwiseShape{3, 1}>(call, unit_begin, unit_end);
        if (adjacent && p.kernel_w == 3 && p.stride_w == 2)
            return run_shape<DepthwiseShape{3, 2}>(call, unit_begin, unit_end);
        if (adjacent && p.kernel_w == 5 && p.stride_w == 1)
            return run_shape<DepthwiseShape{5, 1}>(call, unit_begin, unit_end);
        if (adjacent && p.kernel_w == 5 && p.stride_w == 2)
            return run_shape<DepthwiseShape{5, 2}>(call, unit_begin, unit_end);
        if (adjacent && p.kernel_w == 7 && p.stride_w == 1)
            return run_shape<DepthwiseShape{7, 1}>(call, unit_begin, unit_end);
        run_shape<DepthwiseShape{0, 0}>(call, unit_begin, unit_end);
    }

  private:
    // Bytes of the input that stay in the second-level cache: then a block's rows follow each other.
    static constexpr std::int64_t resident_plane = 256 * 1024;
};

}  // namespace
}  // namespace octet::kernels
