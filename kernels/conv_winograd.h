#pragma once

// Winograd F(4x4, 3x3) in integers, exact (Lavin, Gray 2016, with integer transforms), shared by the instruction sets.
//
//     U = G g G^T     6x6 from a 3x3 filter,  |U| <= 49 * 128 = 6272
//     V = B^T d B     6x6 from 6x6 pixels,    |V| <= 100 * 255 = 25500
//     576 * Y = A^T [(s s^T) o sum over channels U o V] A,        s = (6, -4, -4, 1, 1, 24)
//
// with G's rows (1,0,0) (1,1,1) (1,-1,1) (1,2,4) (1,-2,4) (0,0,1), the usual B and A of the points 0, 1, -1, 2, -2,
// infinity. U and V are int16; the sums wrap modulo 2^32, and Y comes out of them as (Z * 9^-1 mod 2^32) >> 6, exact
// while |Y| < 2^25. That holds when 255 times the positive and 255 times the negative weights of a channel stay below
// 2^25: refuses() proves it. 36 products for 16 outputs, where the direct form needs 144.
//
// A batch of T neighbouring 4x4 tiles is one unit of work:
//     V        [36][T][cin rounded up] int16, in scratch
//     weights  [block][36][cin / 2 rounded up][vector][lane][2] int16, lanes as in conv_direct.h
//     sums     [36][T][vector][lane] int32, in scratch, one block at a time
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include <cstddef>
#include <cstdint>

#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

constexpr int winograd_points = 36;
// Transformed pixels of a batch, so that they, one block's sums and its weights stay in a second-level cache of 1 MiB.
constexpr int64_t winograd_batch_bytes = 512 * 1024;
constexpr int winograd_largest_batch = 56;

OCTET_INLINE const char* winograd_refuses(const ConvParams& p, const int8_t* weights, int lanes) {
    if (p.groups != 1) return "grouped convolution";
    if (p.kernel_h != 3 || p.kernel_w != 3) return "not a 3x3 kernel";
    if (p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 || p.dilation_w != 1) return "strided or dilated";
    if (p.cin < 2 * lanes || p.cout < lanes) return "too few channels to pay for the transforms";
    for (int o = 0; o < p.cout; ++o) {
        int64_t positive = 0, negative = 0;
        for (int64_t i = int64_t{o} * 9 * p.cin; i < int64_t{o + 1} * 9 * p.cin; ++i) {
            (weights[i] > 0 ? positive : negative) += weights[i];
        }
        if (255 * positive >= 1 << 25 || 255 * negative <= -(1 << 25)) return "sums of a channel can reach 2^25";
    }
    return nullptr;
}

struct WinogradPlan {
    int tiles_x, tiles, batch, batches;  // tiles of the plane, of a batch
    int padded_cin, steps, blocks;
    int64_t point_bytes;  // between V's planes
};

OCTET_INLINE WinogradPlan winograd_plan(const ConvCall& call, int lanes) {
    WinogradPlan plan{};
    const ConvParams& p = call.params;
    plan.tiles_x = (call.out_w() + 3) / 4;
    plan.tiles = plan.tiles_x * ((call.out_h() + 3) / 4);
    plan.padded_cin = static_cast<int>(conv_round_up(p.cin, 2 * lanes));
    const int64_t fitting = winograd_batch_bytes / (winograd_points * 2 * plan.padded_cin);
    const int64_t target = fitting < 8 ? 8 : fitting > winograd_largest_batch ? winograd_largest_batch : fitting;
    plan.batches = static_cast<int>((plan.tiles + target - 1) / target);
    plan.batch = (plan.tiles + plan.batches - 1) / plan.batches;
    plan.batches = (plan.tiles + plan.batch - 1) / plan.batch;
    plan.steps = (p.cin + 1) / 2;
    plan.blocks = conv_blocks(p, lanes);
    // One cache line more than needed: the 36 planes start in different sets.
    plan.point_bytes = int64_t{plan.batch} * plan.padded_cin * 2 + 64;
    return plan;
}

OCTET_INLINE int64_t winograd_sum_bytes(const WinogradPlan& plan, int lanes) {
    return int64_t{plan.batch} * 2 * lanes * 4 + 64;
}

// Weights of one point and block.
OCTET_INLINE int64_t winograd_point_weights(const ConvParams& p, int vectors, int lanes) {
    return int64_t{(p.cin + 1) / 2} * vectors * lanes * 2;
}

OCTET_INLINE size_t winograd_packed_bytes(const ConvParams& p, int lanes) {
    return static_cast<size_t>(winograd_points * winograd_point_weights(p, 2, lanes) * conv_blocks(p, lanes) * 2);
}

OCTET_INLINE void winograd_transform_filter(const int8_t* g, int64_t stride, int16_t* u) {
    constexpr int transform[6][3] = {{1, 0, 0}, {1, 1, 1}, {1, -1, 1}, {1, 2, 4}, {1, -2, 4}, {0, 0, 1}};
    for (int i = 0; i < 6; ++i) {
        for (int j = 0; j < 6; ++j) {
            int sum = 0;
            for (int y = 0; y < 3; ++y) {
                for (int x = 0; x < 3; ++x) sum += transform[i][y] * transform[j][x] * g[(y * 3 + x) * stride];
            }
            u[i * 6 + j] = static_cast<int16_t>(sum);
        }
    }
}

inline void winograd_pack(const ConvParams& p, const int8_t* weights, int lanes, int16_t* packed) {
    for (int b = 0; b < conv_blocks(p, lanes); ++b) {
        const int first = b * 2 * lanes, channels = p.cout - first < 2 * lanes ? p.cout - first : 2 * lanes;
        const int vectors = conv_block_vectors(channels, lanes);
        int16_t* block = packed + b * winograd_points * winograd_point_weights(p, 2, lanes);
        const int64_t point_stride = winograd_point_weights(p, vectors, lanes);
        for (int v = 0; v < vectors; ++v) {
            for (int lane = 0; lane < lanes; ++lane) {
                const int o = conv_lane_channel(vectors, v, lane);
                for (int i = 0; i < (p.cin + 1) / 2 * 2; ++i) {
                    int16_t u[winograd_points] = {};
                    if (o < channels && i < p.cin) {
                        winograd_transform_filter(weights + int64_t{first + o} * 9 * p.cin + i, p.cin, u);
                    }
                    int16_t* out = block + ((int64_t{i} / 2 * vectors + v) * lanes + lane) * 2 + i % 2;
                    for (int point = 0; point < winograd_points; ++point) out[point * point_stride] = u[point];
                }
            }
        }
    }
}

// One dimension of B^T d B and of A^T [s o m]; T: a vector of int16, of int32.
template <typename T>
OCTET_INLINE void winograd_input_line(const T& d0, const T& d1, const T& d2, const T& d3, const T& d4, const T& d5,
                                      T* v) {
    const T d42 = d4 - d2, d31 = (d3 - d1) * 2;
    v[0] = (d0 - d2) * 4 + d42;
    v[1] = (d3 + d4) - (d1 + d2) * 4;
    v[2] = (d4 - d3) + (d1 - d2) * 4;
    v[3] = d42 + d31;
    v[4] = d42 - d31;
    v[5] = (d1 - d3) * 4 + (d5 - d3);
}

template <typename T>
OCTET_INLINE void winograd_output_line(const T& m0, const T& m1, const T& m2, const T& m3, const T& m4, const T& m5,
                                       T* y) {
    const T a = m1 + m2, b = m1 - m2, c = m3 + m4, d = (m3 - m4) * 2;
    y[0] = (m0 - a) * 4 + m0 * 2 + c;
    y[1] = d - b * 4;
    y[2] = (c - a) * 4;
    y[3] = (d - b + m5 * 4 + m5 * 2) * 4;
}

// Arch: lanes, I16 (a vector of 2 * lanes int16), I32, load_u8, max_tiles, sums<vectors, tiles>, Epilogue<vectors>.

// V of tiles [first, first + count).
template <typename Arch>
void winograd_input(const ConvCall& call, const WinogradPlan& plan, int first, int count, std::byte* scratch) {
    using I16 = typename Arch::I16;
    const int bottom = call.in.h - 1 + call.in.halo, right = call.in.w - 1 + call.in.halo;
    for (int t = 0; t < count; ++t) {
        const int y = (first + t) / plan.tiles_x * 4 - call.params.pad_top;
        const int x = (first + t) % plan.tiles_x * 4 - call.params.pad_left;
        // A last tile may hang over the halo; what it reads there only changes outputs that do not exist.
        const uint8_t* pixel[6][6];
        for (int i = 0; i < 6; ++i) {
            for (int j = 0; j < 6; ++j) {
                pixel[i][j] = call.in.pixel(y + i < bottom ? y + i : bottom, x + j < right ? x + j : right);
            }
        }
        for (int c = 0; c < plan.padded_cin; c += 2 * Arch::lanes) {
            I16 columns[6][6];  // [x][point of y]
            for (int j = 0; j < 6; ++j) {
                winograd_input_line<I16>(Arch::load_u8(pixel[0][j] + c), Arch::load_u8(pixel[1][j] + c),
                                         Arch::load_u8(pixel[2][j] + c), Arch::load_u8(pixel[3][j] + c),
                                         Arch::load_u8(pixel[4][j] + c), Arch::load_u8(pixel[5][j] + c), columns[j]);
            }
            std::byte* out = scratch + (int64_t{t} * plan.padded_cin + c) * 2;
            for (int i = 0; i < 6; ++i) {
                I16 v[6];
                winograd_input_line<I16>(columns[0][i], columns[1][i], columns[2][i], columns[3][i], columns[4][i],
                                         columns[5][i], v);
                for (int j = 0; j < 6; ++j, out += plan.point_bytes) *reinterpret_cast<I16*>(out) = v[j];
            }
        }
    }
}

// Y of one tile: y[vector][row][column].
template <typename Arch, int vectors>
OCTET_INLINE void winograd_output(const std::byte* sums, int64_t sum_bytes, typename Arch::I32 (&y)[vectors][4][4]) {
    using I32 = typename Arch::I32;
    for (int v = 0; v < vectors; ++v) {
        I32 rows[6][4];
        for (int i = 0; i < 6; ++i) {
            const auto* m = reinterpret_cast<const I32*>(sums + i * 6 * sum_bytes) + v;
            const auto at = [&](int j) -> const I32& {
                return *reinterpret_cast<const I32*>(reinterpret_cast<const std::byte*>(m) + j * sum_bytes);
            };
            winograd_output_line<I32>(at(0), at(1), at(2), at(3), at(4), at(5), rows[i]);
        }
        for (int j = 0; j < 4; ++j) {
            I32 column[4];
            winograd_output_line<I32>(rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j], column);
            for (int i = 0; i < 4; ++i) y[v][i][j] = Arch::divide_by_576(column[i]);
        }
    }
}

template <typename Arch, int vectors, int tiles>
void winograd_sums_of(int count, const std::byte* v, int64_t tile_bytes, int steps, const int16_t* weights,
                      std::byte* sums) {
    if constexpr (tiles > 1) {
        if (count < tiles) {
            return winograd_sums_of<Arch, vectors, tiles - 1>(count, v, tile_bytes, steps, weights, sums);
        }
    }
    Arch::template sums<vectors, tiles>(v, tile_bytes, steps, weights, sums);
}

template <typename Arch, int vectors>
void winograd_block(const ConvCall& call, const WinogradPlan& plan, int first_channel, int first, int count,
                    const int16_t* weights, const std::byte* transformed, std::byte* sums) {
    constexpr int64_t tile_sums = int64_t{vectors} * Arch::lanes * 4;
    const int64_t tile_bytes = int64_t{plan.padded_cin} * 2, sum_bytes = winograd_sum_bytes(plan, Arch::lanes);
    for (int point = 0; point < winograd_points; ++point) {
        int parts = (count + Arch::max_tiles - 1) / Arch::max_tiles;
        for (int t = 0; t < count; --parts) {
            const int n = (count - t + parts - 1) / parts;
            winograd_sums_of<Arch, vectors, Arch::max_tiles>(n, transformed + point * plan.point_bytes + t * tile_bytes,
                                                             tile_bytes, plan.steps, weights,
                                                             sums + point * sum_bytes + t * tile_sums);
            t += n;
        }
        weights += winograd_point_weights(call.params, vectors, Arch::lanes);
    }
    ConvRow row = {&call, {}, nullptr, nullptr, 0, 0, {1, Arch::lanes}};
    const typename Arch::template Epilogue<vectors> epilogue(row, first_channel);
    for (int t = 0; t < count; ++t) {
        typename Arch::I32 y[vectors][4][4];
        winograd_output<Arch, vectors>(sums + t * tile_sums, sum_bytes, y);
        const int top = (first + t) / plan.tiles_x * 4, left = (first + t) % plan.tiles_x * 4;
        for (int i = 0; i < 4 && top + i < call.out_h(); ++i) {
            row.y = top + i;
            const int width = call.out_w() - left < 4 ? call.out_w() - left : 4;
            Arch::template store_row<vectors>(row, epilogue, y, i, left, width);
        }
    }
}

template <typename Arch>
void winograd_run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) {
    const WinogradPlan plan = winograd_plan(call, Arch::lanes);
    const auto* packed = reinterpret_cast<const int16_t*>(call.packed);
    std::byte* sums = scratch + conv_round_up(winograd_points * plan.point_bytes, 64);
    for (int unit = unit_begin; unit < unit_end; ++unit) {
        const int first = unit * plan.batch;
        const int count = plan.tiles - first < plan.batch ? plan.tiles - first : plan.batch;
        winograd_input<Arch>(call, plan, first, count, scratch);
        for (int b = 0; b < plan.blocks; ++b) {
            const int channel = b * 2 * Arch::lanes;
            const int16_t* weights = packed + b * winograd_points * winograd_point_weights(call.params, 2, Arch::lanes);
            if (conv_block_vectors(call.params.cout - channel, Arch::lanes) == 2) {
                winograd_block<Arch, 2>(call, plan, channel, first, count, weights, scratch, sums);
            } else {
                winograd_block<Arch, 1>(call, plan, channel, first, count, weights, scratch, sums);
            }
        }
    }
}

OCTET_INLINE size_t winograd_scratch_bytes(const ConvCall& call, int lanes) {
    const WinogradPlan plan = winograd_plan(call, lanes);
    return static_cast<size_t>(conv_round_up(winograd_points * plan.point_bytes, 64) +
                               winograd_points * winograd_sum_bytes(plan, lanes));
}

}  // namespace
}  // namespace octet::kernels
