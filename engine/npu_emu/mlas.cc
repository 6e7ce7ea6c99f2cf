#include "engine/npu_emu/mlas.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/gemm_f32.h"

namespace octet::engine::npu_emu {
namespace {

// Positions that are computed at a time; no sum depends on it.
constexpr std::int64_t slice = 512;

int chain_length(std::int64_t positions, std::int64_t depth) {
    if (positions >= depth || positions > 64) return 128;
    return positions > 32 ? 256 : positions > 16 ? 512 : 1024;
}

// columns[k, p] of positions [begin, end).
void gather(const MlasConv& conv, const float* x, int channels, std::int64_t begin, std::int64_t end, float* columns) {
    const Window& w = conv.window;
    for (int c = 0; c < channels; ++c) {
        const float* plane = x + std::int64_t{c} * conv.h * conv.w;
        for (int tap = 0; tap < w.kernel_h * w.kernel_w; ++tap) {
            const int dy = tap / w.kernel_w * w.dilation_h - w.pad_top,
                      dx = tap % w.kernel_w * w.dilation_w - w.pad_left;
            for (std::int64_t p = begin; p < end; ++p) {
                const std::int64_t iy = p / conv.out_w * w.stride_h + dy, ix = p % conv.out_w * w.stride_w + dx;
                const bool inside = iy >= 0 && iy < conv.h && ix >= 0 && ix < conv.w;
                *columns++ = inside ? plane[iy * conv.w + ix] : conv.padding;
            }
        }
    }
}

// L_i of mlas.h.
std::array<float, 8> eight_sums(const float* a, const float* b, std::int64_t depth) {
    std::array<float, 8> sums{};
    for (std::int64_t k = 0; k < depth; ++k) {
        const float product = a[k] * b[k];
        sums[static_cast<std::size_t>(k % 8)] += product;
    }
    return sums;
}

float in_pairs(const std::array<float, 8>& l) {
    return ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]));
}

void one_position(const float* weights, const float* columns, std::int64_t filters, std::int64_t depth, float* y) {
    for (std::int64_t m = 0; m < filters; ++m) {
        const auto l = eight_sums(weights + m * depth, columns, depth);
        if (m < filters / 4 * 4) {
            y[m] = (((l[0] + l[1]) + l[2]) + l[3]) + (((l[4] + l[5]) + l[6]) + l[7]);
        } else if (m < filters / 2 * 2) {
            y[m] = ((l[0] + l[2]) + (l[4] + l[6])) + ((l[1] + l[3]) + (l[5] + l[7]));
        } else {
            y[m] = in_pairs(l);
        }
    }
}

void one_filter(const float* weights, const float* columns, std::int64_t positions, std::int64_t depth, float* y) {
    std::fill_n(y, positions, 0.0F);
    for (std::int64_t p = 0; p < positions; ++p) {
        for (std::int64_t k = 0; k < depth; k += 4) {
            float four = weights[k] * columns[k * positions + p];
            for (std::int64_t i = k + 1; i < std::min(depth, k + 4); ++i) {
                const float product = weights[i] * columns[i * positions + p];
                four += product;
            }
            y[p] += four;
        }
    }
}

// y[m * stride + p] += a chain for each row of `weights`.
void add_chains(const kernels::GemmF32Call& call, kernels::CpuFeatures features) {
    // The kernels' sums are such chains, of up to 256 products, where they have fused multiply-adds.
    if (features.contains(kernels::needs::avx2) && call.k <= 256) return kernels::gemm_f32(call, features);
    for (int m = 0; m < call.m; ++m) {
        for (int p = 0; p < call.n; ++p) {
            float chain = 0;
            for (int k = 0; k < call.k; ++k)
                chain = std::fma(call.a[m * call.lda + k], call.b[k * call.ldb + p], chain);
            float& y = call.c[m * call.ldc + p];
            y = call.accumulate ? y + chain : chain;
        }
    }
}

}  // namespace

void mlas_conv(const MlasConv& conv, const ParallelFor& parallel_for, kernels::CpuFeatures features) {
    const int channels = conv.cin / conv.groups, taps = conv.window.kernel_h * conv.window.kernel_w;
    const std::int64_t filters = conv.cout / conv.groups, depth = std::int64_t{channels} * taps,
                       positions = std::int64_t{conv.out_h} * conv.out_w, slices = (positions + slice - 1) / slice;
    const int chain = chain_length(positions, depth);
    parallel_for(conv.groups * slices, [&](std::int64_t i) {
        const std::int64_t group = i / slices, begin = i % slices * slice, end = std::min(positions, begin + slice);
        const std::int64_t count = end - begin;
        thread_local std::vector<float> columns;
        columns.resize(static_cast<std::size_t>(depth * count));
        gather(conv, conv.x + group * channels * conv.h * conv.w, channels, begin, end, columns.data());
        const float* weights = conv.weights + group * filters * depth;
        float* y = conv.y + group * filters * positions + begin;
        if (filters == 1 && positions == 1 && channels == 1 && taps > 1) {
            *y = in_pairs(eight_sums(weights, columns.data(), depth));
        } else if (filters == 1) {
            one_filter(weights, columns.data(), count, depth, y);
        } else if (positions == 1) {
            one_position(weights, columns.data(), filters, depth, y);
        } else {
            for (std::int64_t k = 0; k < depth; k += chain) {
                add_chains({.m = static_cast<int>(filters),
                            .n = static_cast<int>(count),
                            .k = static_cast<int>(std::min<std::int64_t>(chain, depth - k)),
                            .a = weights + k,
                            .lda = depth,
                            .b = columns.data() + k * count,
                            .ldb = count,
                            .c = y,
                            .ldc = positions,
                            .accumulate = k > 0},
                           features);
            }
        }
        for (std::int64_t m = 0; conv.bias && m < filters; ++m) {
            for (std::int64_t p = 0; p < count; ++p) y[m * positions + p] += conv.bias[group * filters + m];
        }
    });
}

void mlas_batch_normalization(std::span<const float> x, std::int64_t plane, std::span<const float> scale,
                              std::span<const float> bias, std::span<const float> mean, std::span<const float> variance,
                              float epsilon, std::span<float> y) {
    for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t c = i / static_cast<std::size_t>(plane) % scale.size();
        const float slope = scale[c] * (1.0F / std::sqrt(variance[c] + epsilon));
        const float shift = mean[c] * slope, product = x[i] * slope;
        y[i] = product + (bias[c] - shift);
    }
}

}  // namespace octet::engine::npu_emu
