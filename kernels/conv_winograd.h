#pragma once

// Winograd F(4x4, 3x3) in integers, exact (Lavin, Gray 2016, with integer transforms), shared by the instruction sets.
//
//     U = G g G^T     6x6 from a 3x3 filter,  |U| <= 49 * 128 = 6272
//     V = B^T d B     6x6 from 6x6 pixels,    |V| <= 100 * 255 = 25500
//     576 * Y = A^T [(s s^T) o sum over channels U o V] A,        s = (1, -4, -4, 1, 1, 4)
//
// with G's rows (6,0,0) (1,1,1) (1,-1,1) (1,2,4) (1,-2,4) (0,0,6), the usual B and A of the points 0, 1, -1, 2, -2,
// infinity. U and V are int16; the sums wrap modulo 2^32, and Y comes out of them as (Z * 9^-1 mod 2^32) >> 6, exact
// while |Y| < 2^25. That holds when 255 times the positive and 255 times the negative weights of a channel stay below
// 2^25: refuses() proves it. 36 products for 16 outputs, where the direct form needs 144.
//
// A 6x6 convolution of stride 2 with few channels, the usual first layer, is a 3x3 one of stride 1 over 2x2 blocks of
// pixels, which are pixels of 4 * cin channels: channel (dy * 2 + dx) * cin + i is channel i of pixel (2y + dy, 2x +
// dx).
//
// A batch of T neighbouring 4x4 tiles is one unit of work, or several that share out the blocks of output channels:
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
// Units of work come in multiples of this, for threads to finish together.
constexpr int winograd_even_units = 4;

// Sides of the blocks of pixels that are taken for one pixel.
constexpr int winograd_fold(const ConvParams& p) {
    return p.stride_h;
}
constexpr int winograd_cin(const ConvParams& p) {
    return p.cin * winograd_fold(p) * winograd_fold(p);
}

// folds: whether the instruction set has load_folded().
OCTET_INLINE const char* winograd_refuses(const ConvParams& p, const int8_t* weights, int lanes, bool folds) {
    if (p.input != ConvInput::u8) return "16-bit activations";
    if (p.groups != 1) return "grouped convolution";
    if (p.adds_partial) return "partial sums";
    if (p.stride_h != p.stride_w || p.stride_h > (folds ? 2 : 1)) return "strided";
    if (p.dilation_h != 1 || p.dilation_w != 1) return "dilated";
    const int fold = winograd_fold(p);
    if (p.kernel_h != 3 * fold || p.kernel_w != 3 * fold) return "the kernel is not 3x3, nor 6x6 with stride 2";
    if (fold == 2 && p.cin > 4) return "more than 4 channels with stride 2";
    if ((fold == 1 && p.cin < 2 * lanes) || p.cout < lanes) return "too few channels to pay for the transforms";
    const int64_t taps = int64_t{p.kernel_h} * p.kernel_w * p.cin;
    for (int o = 0; o < p.cout; ++o) {
        int64_t positive = 0, negative = 0;
        for (int64_t i = o * taps; i < (o + 1) * taps; ++i) {
            (weights[i] > 0 ? positive : negative) += weights[i];
        }
        if (255 * positive >= 1 << 25 || 255 * negative <= -(1 << 25)) return "sums of a channel can reach 2^25";
    }
    return nullptr;
}

struct WinogradPlan {
    int tiles_x, tiles, batch, batches;  // tiles of the plane, of a batch
    int padded_cin, steps, blocks;
    int shares;           // units of a batch
    int64_t point_bytes;  // between V's planes
};

OCTET_INLINE WinogradPlan winograd_plan(const ConvCall& call, int lanes) {
    WinogradPlan plan{};
    const ConvParams& p = call.params;
    plan.tiles_x = (call.out_w() + 3) / 4;
    plan.tiles = plan.tiles_x * ((call.out_h() + 3) / 4);
    plan.padded_cin = static_cast<int>(conv_round_up(winograd_cin(p), 2 * lanes));
    const int64_t fitting = winograd_batch_bytes / (winograd_points * 2 * plan.padded_cin);
    const int64_t target = fitting < 8 ? 8 : fitting > winograd_largest_batch ? winograd_largest_batch : fitting;
    plan.batches = static_cast<int>((plan.tiles + target - 1) / target);
    if (plan.batches > 2) plan.batches = static_cast<int>(conv_round_up(plan.batches, winograd_even_units));
    plan.batch = (plan.tiles + plan.batches - 1) / plan.batches;
    plan.batches = (plan.tiles + plan.batch - 1) / plan.batch;
    plan.steps = (winograd_cin(p) + 1) / 2;
    plan.blocks = conv_blocks(p, lanes);
    const int shares = plan.batches < winograd_even_units ? winograd_even_units / plan.batches : 1;
    plan.shares = shares < plan.blocks ? shares : plan.blocks;
    // One cache line more than needed: the 36 planes start in different sets.
    plan.point_bytes = int64_t{plan.batch} * plan.padded_cin * 2 + 64;
    return plan;
}

OCTET_INLINE int64_t winograd_sum_bytes(const WinogradPlan& plan, int lanes) {
    return int64_t{plan.batch} * 2 * lanes * 4 + 64;
}

// Weights of one point and block.
OCTET_INLINE int64_t winograd_point_weights(const ConvParams& p, int vectors, int lanes) {
    return int64_t{(winograd_cin(p) + 1) / 2} * vectors * lanes * 2;
}

OCTET_INLINE size_t winograd_packed_bytes(const ConvParams& p, int lanes) {
    return static_cast<size_t>(winograd_points * winograd_point_weights(p, 2, lanes) * conv_blocks(p, lanes) * 2);
}

// g(y, x): a weight of the 3x3 filter.
template <typename Filter>
void winograd_transform_filter(Filter g, int16_t* u) {
    constexpr int factors[6][3] = {{6, 0, 0}, {1, 1, 1}, {1, -1, 1}, {1, 2, 4}, {1, -2, 4}, {0, 0, 6}};
    for (int i = 0; i < 6; ++i) {
        for (int j = 0; j < 6; ++j) {
            int sum = 0;
            for (int y = 0; y < 3; ++y) {
                for (int x = 0; x < 3; ++x) sum += factors[i][y] * factors[j][x] * g(y, x);
            }
            u[i * 6 + j] = static_cast<int16_t>(sum);
        }
    }
}

inline void winograd_pack(const ConvParams& p, const int8_t* weights, int lanes, int16_t* packed) {
    const int fold = winograd_fold(p), cin = winograd_cin(p);
    for (int b = 0; b < conv_blocks(p, lanes); ++b) {
        const int first = b * 2 * lanes, channels = p.cout - first < 2 * lanes ? p.cout - first : 2 * lanes;
        const int vectors = conv_block_vectors(channels, lanes);
        int16_t* block = packed + b * winograd_points * winograd_point_weights(p, 2, lanes);
        const int64_t point_stride = winograd_point_weights(p, vectors, lanes);
        for (int v = 0; v < vectors; ++v) {
            for (int lane = 0; lane < lanes; ++lane) {
                const int o = conv_lane_channel(vectors, v, lane);
                for (int i = 0; i < (cin + 1) / 2 * 2; ++i) {
                    int16_t u[winograd_points] = {};
                    if (o < channels && i < cin) {
                        const int dy = i / p.cin / fold, dx = i / p.cin % fold;
                        const int8_t* filter = weights + int64_t{first + o} * p.kernel_h * p.kernel_w * p.cin;
                        winograd_transform_filter(
                            [&](int y, int x) {
                                return filter[((fold * y + dy) * p.kernel_w + fold * x + dx) * p.cin + i % p.cin];
                            },
                            u);
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
    const T p = d4 - d2 * 4, q = d3 - d1 * 4, d42 = d4 - d2, d31 = d3 - d1, twice = d31 + d31;
    v[0] = (d0 * 4 - d2) + p;
    v[1] = p + q;
    v[2] = p - q;
    v[3] = d42 + twice;
    v[4] = d42 - twice;
    v[5] = (d5 - d3 * 4) - q;
}

template <typename T>
OCTET_INLINE void winograd_output_line(const T& m0, const T& m1, const T& m2, const T& m3, const T& m4, const T& m5,
                                       T* y) {
    const T a = m1 + m2, b = m1 - m2, c = m3 + m4, m34 = m3 - m4, d = m34 + m34;
    y[0] = (m0 + c) - a * 4;
    y[1] = d - b * 4;
    y[2] = (c - a) * 4;
    y[3] = (d - b + m5) * 4;
}

// Arch: lanes, I16 (a vector of 2 * lanes int16), I32, load_u8, max_tiles, sums<vectors, tiles>, Epilogue<vectors>,
// store_tile<vectors>; folds, and where it is true load_folded.

// V of tiles [first, first + count).
template <typename Arch, int fold>
void winograd_input(const ConvCall& call, const WinogradPlan& plan, int first, int count, std::byte* scratch) {
    using I16 = typename Arch::I16;
    constexpr int side = 6 * fold;
    const int bottom = call.in.h - 1 + call.in.halo, right = call.in.w - 1 + call.in.halo;
    for (int t = 0; t < count; ++t) {
        const int y = (first + t) / plan.tiles_x * 4 * fold - call.params.pad_top;
        const int x = (first + t) % plan.tiles_x * 4 * fold - call.params.pad_left;
        // A last tile may hang over the halo; what it reads there only changes outputs that do not exist.
        const uint8_t* rows[side];
        int64_t columns_at[side];
        for (int i = 0; i < side; ++i) {
            rows[i] = call.in.pixel(y + i < bottom ? y + i : bottom, 0);
            columns_at[i] = (x + i < right ? x + i : right) * call.in.pixel_stride;
        }
        for (int c = 0; c < plan.padded_cin; c += 2 * Arch::lanes) {
            I16 columns[6][6];  // [x][point of y]
            for (int j = 0; j < 6; ++j) {
                const auto load = [&](int i) {
                    if constexpr (fold == 1) {
                        return Arch::load_u8(rows[i] + columns_at[j] + c);
                    } else {
                        return Arch::load_folded(call.params.cin, rows + 2 * i, columns_at + 2 * j);
                    }
                };
                winograd_input_line<I16>(load(0), load(1), load(2), load(3), load(4), load(5), columns[j]);
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

// Y of one tile plus the bias: y[row][column][vector].
template <typename Arch, int vectors, typename Bias>
OCTET_INLINE void winograd_output(const std::byte* sums, int64_t sum_bytes, const Bias (&bias)[vectors],
                                  typename Arch::I32 (&y)[4][4][vectors]) {
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
            for (int i = 0; i < 4; ++i) y[i][j][v] = Arch::divide_by_576(column[i]) + reinterpret_cast<I32>(bias[v]);
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
        typename Arch::I32 y[4][4][vectors];
        winograd_output<Arch, vectors>(sums + t * tile_sums, sum_bytes, epilogue.bias, y);
        const int top = (first + t) / plan.tiles_x * 4, left = (first + t) % plan.tiles_x * 4;
        const int height = call.out_h() - top < 4 ? call.out_h() - top : 4;
        const int width = call.out_w() - left < 4 ? call.out_w() - left : 4;
        row.y = top;
        Arch::template store_tile<vectors>(row, epilogue, y, left, width, height);
    }
}

OCTET_INLINE int winograd_units(const ConvCall& call, int lanes) {
    const WinogradPlan plan = winograd_plan(call, lanes);
    return plan.batches * plan.shares;
}

// Unit u: share u % shares of the blocks, of batch u / shares.
template <typename Arch>
void winograd_run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) {
    const WinogradPlan plan = winograd_plan(call, Arch::lanes);
    const auto* packed = reinterpret_cast<const int16_t*>(call.packed);
    std::byte* sums = scratch + conv_round_up(winograd_points * plan.point_bytes, 64);
    int transformed = -1;
    for (int unit = unit_begin; unit < unit_end; ++unit) {
        const int batch = unit / plan.shares, share = unit % plan.shares;
        const int first = batch * plan.batch;
        const int count = plan.tiles - first < plan.batch ? plan.tiles - first : plan.batch;
        if (transformed != batch) {
            if constexpr (Arch::folds) {
                if (winograd_fold(call.params) == 2) winograd_input<Arch, 2>(call, plan, first, count, scratch);
            }
            if (winograd_fold(call.params) == 1) winograd_input<Arch, 1>(call, plan, first, count, scratch);
            transformed = batch;
        }
        for (int b = plan.blocks * share / plan.shares; b < plan.blocks * (share + 1) / plan.shares; ++b) {
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
