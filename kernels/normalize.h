#pragma once

// A float network's input from pixels: interleaved u8 -> float planes,
//
//     y[c][i] = (x[i * channels + c] / 255 - mean_c) / deviation_c       each operation rounded to float32
//
// A channel has 256 results: they are made once, and the kernel only looks them up. No division runs a pixel, and no
// instruction set can round another way.

#include <cstdint>

#include "kernels/dispatch.h"

namespace octet::kernels {

inline constexpr int normalize_entries = 256;
// table[x], as above.
void make_normalize_table(float mean, float deviation, float* table);

struct NormalizeCall {
    const std::uint8_t* in = nullptr;  // [count][channels]
    const float* tables = nullptr;     // [channels][normalize_entries]
    float* out = nullptr;              // [channels][count]
    std::int64_t count = 0;            // pixels
    int channels = 3;
};

using NormalizeFunction = void(const NormalizeCall& call) noexcept;

KernelList<NormalizeFunction> normalize_kernels();

}  // namespace octet::kernels
