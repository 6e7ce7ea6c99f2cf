#pragma once

// A 3x3 convolution with padding 1 over nearest upsampling to twice the size, from the pixels before it; a form of
// conv_transformed.h. In one dimension, with x(-1), x(0), x(1) around a pixel before the upsampling,
//
//     y(0) = w0 x(-1) + w1 x(0) + w2 x(0) = w0 (x(-1) - x(0)) + (w0 + w1 + w2) x(0)
//     y(1) = w0 x(0) + w1 x(0) + w2 x(1)  =                     (w0 + w1 + w2) x(0) + w2 (x(1) - x(0))
//
// and in both dimensions
//
//     U = G g G^T     3x3 from a 3x3 filter,   G's rows (1,0,0) (1,1,1) (0,0,1),      |U| <= 9 * 128 = 1152
//     V = B^T d B     3x3 from 3x3 pixels,     B^T's rows (1,-1,0) (0,1,0) (0,-1,1),  |V| <= 4 * 255 = 1020
//     Y = A^T [sum over channels U o V] A      A^T's rows (1,1,0) (0,1,1)
//
// 9 products for 4 outputs, as many as Winograd F(4x4, 3x3) needs, but a quarter of the pixels to read, transforms of
// additions only, and no plane of upsampled pixels.

#include "kernels/conv_transformed.h"

namespace octet::kernels {
namespace {

struct Upsampled {
    static const char* refuses(const ConvParams& p, const std::int8_t*, int lanes, bool) {
        if (const char* why = conv_refuses(p, ConvInput::u8, false, true)) return why;
        if (!p.upsampled) return "not upsampled";
        if (p.kernel_h != 3 || p.kernel_w != 3 || p.pad_top != 1 || p.pad_left != 1) return "not 3x3 with padding 1";
        if (p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 || p.dilation_w != 1) return "strided or dilated";
        if (p.cin < lanes || p.cout < lanes) return "too few channels to pay for the transforms";
        return nullptr;
    }

    static constexpr int points = 9, side = 2;

    static constexpr int channels(const ConvParams& p) { return p.cin; }

    static std::int8_t weight(const ConvParams& p, const std::int8_t* filter, int y, int x, int i) {
        return filter[(y * 3 + x) * p.cin + i];
    }

    template <typename Filter>
    static void filter(Filter g, std::int16_t* u) {
        const auto line = [](int a, int b, int c, int point) { return point == 0 ? a : point == 1 ? a + b + c : c; };
        for (int i = 0; i < 3; ++i) {
            for (int j = 0; j < 3; ++j) {
                u[i * 3 + j] = static_cast<std::int16_t>(line(line(g(0, 0), g(0, 1), g(0, 2), j),
                                                              line(g(1, 0), g(1, 1), g(1, 2), j),
                                                              line(g(2, 0), g(2, 1), g(2, 2), j), i));
            }
        }
    }

    template <typename Arch>
    static void input(const ConvCall& call, const TransformedPlan& plan, int first, int count, std::byte* scratch) {
        using I16 = typename Arch::I16;
        const std::int64_t stride = call.in.pixel_stride, row_stride = call.in.row_stride;
        TileAt tile(plan, first);
        for (int t = 0; t < count; ++t, tile.next(plan), scratch += std::int64_t{plan.padded_cin} * 2) {
            const std::uint8_t* in = call.in.pixel(tile.y, tile.x);
            for (int c = 0; c < plan.padded_cin; c += 2 * Arch::lanes) {
                I16 columns[3][3];  // [x][point of y]
                for (int j = 0; j < 3; ++j) {
                    const std::uint8_t* column = in + (j - 1) * stride + c;
                    const I16 middle = Arch::load_u8(column);
                    columns[j][0] = Arch::load_u8(column - row_stride) - middle;
                    columns[j][1] = middle;
                    columns[j][2] = Arch::load_u8(column + row_stride) - middle;
                }
                std::byte* out = scratch + std::int64_t{c} * 2;
                for (int i = 0; i < 3; ++i, out += 3 * plan.point_bytes) {
                    *reinterpret_cast<I16*>(out) = columns[0][i] - columns[1][i];
                    *reinterpret_cast<I16*>(out + plan.point_bytes) = columns[1][i];
                    *reinterpret_cast<I16*>(out + 2 * plan.point_bytes) = columns[2][i] - columns[1][i];
                }
            }
        }
    }

    template <typename Arch, int vectors, typename Epilogue>
    static void output(ConvRow& row, const TransformedPlan& plan, const Epilogue& epilogue, int first, int count,
                       const std::byte* sums, std::int64_t sum_bytes) {
        using I32 = typename Arch::I32;
        constexpr int run_tiles = 8;  // tiles of a row that are stored together
        const ConvCall& call = *row.call;
        for (int t = 0; t < count;) {
            const int tile_y = (first + t) / plan.tiles_x, tile_x = (first + t) % plan.tiles_x;
            int tiles = plan.tiles_x - tile_x < run_tiles ? plan.tiles_x - tile_x : run_tiles;
            if (count - t < tiles) tiles = count - t;
            I32 y[2][2 * run_tiles][vectors];
            for (int r = 0; r < tiles; ++r, ++t) {
                for (int v = 0; v < vectors; ++v) {
                    const std::byte* m = sums + (std::int64_t{t} * vectors + v) * Arch::lanes * 4;
                    const auto at = [&](int i, int j) -> const I32& {
                        return *reinterpret_cast<const I32*>(m + (i * 3 + j) * sum_bytes);
                    };
                    const I32 bias = reinterpret_cast<I32>(epilogue.bias[v]);
                    I32 middle[3];
                    for (int j = 0; j < 3; ++j) middle[j] = at(1, j);
                    const I32 left = middle[0] + middle[1] + bias, right = middle[1] + middle[2] + bias;
                    for (int i = 0; i < 2; ++i) {
                        const I32 centre = at(2 * i, 1);
                        y[i][2 * r][v] = left + at(2 * i, 0) + centre;
                        y[i][2 * r + 1][v] = right + at(2 * i, 2) + centre;
                    }
                }
            }
            row.y = 2 * tile_y;
            const int x = 2 * tile_x;
            const int height = call.out_h() - row.y < 2 ? call.out_h() - row.y : 2;
            const int width = call.out_w() - x < 2 * tiles ? call.out_w() - x : 2 * tiles;
            Arch::template store_rows<vectors>(row, epilogue, y[0][0], x, width, height, 2 * run_tiles * vectors);
        }
    }
};

}  // namespace
}  // namespace octet::kernels
