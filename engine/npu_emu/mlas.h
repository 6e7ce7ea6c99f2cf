#pragma once

// Float operators as MLAS, ONNX Runtime's library, computes them on x86 with fused multiply-adds: which value a float32
// sum has depends on its order. Equal bit for bit, whatever the number of threads.
//
// Convolution: y[m, p] = (sum over k of W[m, k] * columns[k, p]) + bias[m], k = (channel of the group, tap), of a group
// with M filters, P positions and K = channels * taps. MLAS takes one of five sums, by the shape alone:
//
//     M = P = 1, one channel, taps > 1    L_i = sum of products i, i+8, …; ((L0+L1)+(L2+L3)) + ((L4+L5)+(L6+L7))
//     M = 1                               c += ((a0*b0 + a1*b1) + a2*b2) + a3*b3 for each four of k in turn
//     P = 1, filters by fours             (((L0+L1)+L2)+L3) + (((L4+L5)+L6)+L7)
//            then a pair                  ((L0+L2)+(L4+L6)) + ((L1+L3)+(L5+L7))
//            then one                     ((L0+L1)+(L2+L3)) + ((L4+L5)+(L6+L7))
//     else                                c += chain of S products, fma(a, b, …) from 0, for each S of k in turn;
//                                         S = 128, and where P < K: 256 up to P = 64, 512 up to 32, 1024 up to 16
//
// Products outside of the last are rounded before they are added.
//
// BatchNormalization: s = scale * (1 / sqrt(variance + epsilon)), y = x * s + (bias - mean * s), each step rounded.

#include <cstdint>
#include <span>

#include "engine/program.h"
#include "graph/ops/op_def.h"
#include "kernels/cpu.h"

namespace octet::engine::npu_emu {

// One image, [channels, height, width].
struct MlasConv {
    int groups = 1, cin = 1, cout = 1, h = 1, w = 1, out_h = 1, out_w = 1;
    Window window;
    const float* x = nullptr;
    float padding = 0;               // what is read outside of the image
    const float* weights = nullptr;  // [cout, cin / groups, kernel_h, kernel_w]
    const float* bias = nullptr;     // nullptr: none
    float* y = nullptr;
};
void mlas_conv(const MlasConv& conv, const ParallelFor& parallel_for, kernels::CpuFeatures features);

// x and y are [images, channels, plane]; one scale, bias, mean and variance a channel.
void mlas_batch_normalization(std::span<const float> x, std::int64_t plane, std::span<const float> scale,
                              std::span<const float> bias, std::span<const float> mean, std::span<const float> variance,
                              float epsilon, std::span<float> y);

}  // namespace octet::engine::npu_emu
