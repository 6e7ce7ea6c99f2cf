#pragma once

// Winograd F(4x4, 3x3) in integers, exact (Lavin, Gray 2016, with integer transforms); a form of conv_transformed.h.
//
//     U = G g G^T     6x6 from a 3x3 filter,  |U| <= 49 * 128 = 6272
//     V = B^T d B     6x6 from 6x6 pixels,    |V| <= 100 * 255 = 25500
//     576 * Y = A^T [(s s^T) o sum over channels U o V] A,        s = (1, -4, -4, 1, 1, 4)
//
// with G's rows (6,0,0) (1,1,1) (1,-1,1) (1,2,4) (1,-2,4) (0,0,6), the usual B and A of the points 0, 1, -1, 2, -2,
// infinity. Y comes out of the wrapped sums as (Z * 9^-1 mod 2^32) >> 6, exact while |Y| < 2^25. That holds when 255
// times the positive and 255 times the negative weights of a channel stay below 2^25: refuses() proves it. 36 products
// for 16 outputs, where the direct form needs 144.
//
// A 6x6 convolution of stride 2 with few channels, the usual first layer, is a 3x3 one of stride 1 over 2x2 blocks of
// pixels, which are pixels of 4 * cin channels: channel (dy * 2 + dx) * cin + i is channel i of pixel (2y + dy, 2x +
// dx). An Arch whose `folds` is true has load_folded(): 2 * lanes of them, from one of them on.

#include "kernels/conv_transformed.h"

namespace octet::kernels {
namespace {

// Sides of the blocks of pixels that are taken for one pixel.
constexpr int winograd_fold(const ConvParams& p) {
    return p.stride_h;
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

struct Winograd {
    // folds: whether the instruction set has load_folded().
    static const char* refuses(const ConvParams& p, const std::int8_t* weights, int lanes, bool folds) {
        if (const char* why = conv_refuses(p, ConvInput::u8, false, false)) return why;
        if (p.stride_h != p.stride_w || p.stride_h > (folds ? 2 : 1)) return "strided";
        if (p.dilation_h != 1 || p.dilation_w != 1) return "dilated";
        const int fold = winograd_fold(p);
        if (p.kernel_h != 3 * fold || p.kernel_w != 3 * fold) return "the kernel is not 3x3, nor 6x6 with stride 2";
        if (fold == 2 && p.cin > 4) return "more than 4 channels with stride 2";
        if ((fold == 1 && p.cin < 2 * lanes) || p.cout < lanes) return "too few channels to pay for the transforms";
        const std::int64_t taps = std::int64_t{p.kernel_h} * p.kernel_w * p.cin;
        for (int o = 0; o < p.cout; ++o) {
            std::int64_t positive = 0, negative = 0;
            for (std::int64_t i = o * taps; i < (o + 1) * taps; ++i) {
                (weights[i] > 0 ? positive : negative) += weights[i];
            }
            if (255 * positive >= 1 << 25 || 255 * negative <= -(1 << 25)) return "sums of a channel can reach 2^25";
        }
        return nullptr;
    }

    static constexpr int points = 36, side = 4;

    static constexpr int channels(const ConvParams& p) { return p.cin * winograd_fold(p) * winograd_fold(p); }

    static std::int8_t weight(const ConvParams& p, const std::int8_t* filter, int y, int x, int i) {
        const int fold = winograd_fold(p);
        if (fold == 1) return filter[(y * p.kernel_w + x) * p.cin + i];  // without the divisions
        const int dy = i / p.cin / fold, dx = i / p.cin % fold;
        return filter[((fold * y + dy) * p.kernel_w + fold * x + dx) * p.cin + i % p.cin];
    }

    template <typename Filter>
    static void filter(Filter g, std::int16_t* u) {
        constexpr int factors[6][3] = {{6, 0, 0}, {1, 1, 1}, {1, -1, 1}, {1, 2, 4}, {1, -2, 4}, {0, 0, 6}};
        int rows[6][3] = {};  // G g
        for (int y = 0; y < 3; ++y) {
            for (int x = 0; x < 3; ++x) {
                const int weight = g(y, x);
                for (int i = 0; i < 6; ++i) rows[i][x] += factors[i][y] * weight;
            }
        }
        for (int i = 0; i < 6; ++i) {
            for (int j = 0; j < 6; ++j) {
                int sum = 0;
                for (int x = 0; x < 3; ++x) sum += factors[j][x] * rows[i][x];
                u[i * 6 + j] = static_cast<std::int16_t>(sum);
            }
        }
    }

    template <typename Arch>
    static void input(const ConvCall& call, const TransformedPlan& plan, int first, int count, std::byte* scratch) {
        if constexpr (Arch::folds) {
            if (winograd_fold(call.params) == 2) return folded_input<Arch, 2>(call, plan, first, count, scratch);
        }
        folded_input<Arch, 1>(call, plan, first, count, scratch);
    }

    template <typename Arch, int fold>
    static void folded_input(const ConvCall& call, const TransformedPlan& plan, int first, int count,
                             std::byte* scratch) {
        using I16 = typename Arch::I16;
        constexpr int reach = 6 * fold;
        const int bottom = call.in.h - 1 + call.in.halo, right = call.in.w - 1 + call.in.halo;
        TileAt tile(plan, first);
        for (int t = 0; t < count; ++t, tile.next(plan)) {
            const int y = tile.y * 4 * fold - call.params.pad_top;
            const int x = tile.x * 4 * fold - call.params.pad_left;
            // A last tile may hang over the halo; what it reads there only changes outputs that do not exist.
            const std::uint8_t* rows[reach];
            std::int64_t columns_at[reach];
            for (int i = 0; i < reach; ++i) {
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
                            return Arch::load_folded(call.params.cin, rows + 2 * i, columns_at + 2 * j, c);
                        }
                    };
                    winograd_input_line<I16>(load(0), load(1), load(2), load(3), load(4), load(5), columns[j]);
                }
                std::byte* out = scratch + (std::int64_t{t} * plan.padded_cin + c) * 2;
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
    static OCTET_INLINE void tile_of(const std::byte* sums, std::int64_t sum_bytes, const Bias (&bias)[vectors],
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
                winograd_output_line<I32>(rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j],
                                          column);
                for (int i = 0; i < 4; ++i)
                    y[i][j][v] = Arch::divide_by_576(column[i]) + reinterpret_cast<I32>(bias[v]);
            }
        }
    }

    template <typename Arch, int vectors, typename Epilogue>
    static void output(ConvRow& row, const TransformedPlan& plan, const Epilogue& epilogue, int first, int count,
                       const std::byte* sums, std::int64_t sum_bytes) {
        constexpr std::int64_t tile_sums = std::int64_t{vectors} * Arch::lanes * 4;
        const ConvCall& call = *row.call;
        TileAt tile(plan, first);
        for (int t = 0; t < count; ++t, tile.next(plan), sums += tile_sums) {
            typename Arch::I32 y[4][4][vectors];
            tile_of<Arch, vectors>(sums, sum_bytes, epilogue.bias, y);
            row.y = tile.y * 4;
            const int x = tile.x * 4;
            const int height = call.out_h() - row.y < 4 ? call.out_h() - row.y : 4;
            const int width = call.out_w() - x < 4 ? call.out_w() - x : 4;
            Arch::template store_rows<vectors>(row, epilogue, y[0][0], x, width, height, 4 * vectors);
        }
    }
};

}  // namespace
}  // namespace octet::kernels
