#pragma once

// Sigmoid of int16 logits on the grid 2^-f, 0 <= f <= 12, to Q16 (65535 stands for 1): integers only.
//
//     a = min(|x| << (12 - f), 65535)                 |x| on the grid 2^-12, below 16
//     i = a >> 7, r = a & 127
//     s = (table[i] * 128 - (table[i] - table[i+1]) * r + 2^12) >> 13       table[i] = round(2^22 / (1 + exp(i / 32)))
//     y = x < 0 ? s : min(65536 - s, 65535)
//
// |y / 65536 - sigmoid(x / 2^f)| < 2^-15 * 1.1: linear interpolation (1/32)^2 / 8 * 0.0963 = 1.2e-5, the final
// rounding 7.6e-6, saturation 1.5e-5 where y would be 65536.

#include <array>
#include <cstdint>

#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::kernels {

inline constexpr int sigmoid_entries = 514;  // 512 intervals; the last entry is read with weight 0

// Evaluated by the compiler: the same integers everywhere.
constexpr std::array<std::int32_t, sigmoid_entries> make_sigmoid_table() {
    std::array<std::int32_t, sigmoid_entries> table{};
    // exp(1/32) by its series, then powers of it.
    double step = 1, term = 1;
    for (int n = 1; n < 20; ++n) {
        term /= 32.0 * n;
        step += term;
    }
    double power = 1;
    for (int i = 0; i < sigmoid_entries; ++i, power *= step) {
        table[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(4194304.0 / (1.0 + power) + 0.5);
    }
    return table;
}
inline constexpr std::array<std::int32_t, sigmoid_entries> sigmoid_table_array = make_sigmoid_table();
extern const std::int32_t* const sigmoid_table;

OCTET_INLINE std::uint16_t sigmoid_q16(std::int16_t x, int f, const std::int32_t* table) {
    const std::int32_t magnitude = x < 0 ? -std::int32_t{x} : std::int32_t{x};
    std::int32_t a = magnitude << (12 - f);
    a = a > 65535 ? 65535 : a;
    const std::int32_t i = a >> 7, r = a & 127;
    const std::int32_t s = (table[i] * 128 - (table[i] - table[i + 1]) * r + (1 << 12)) >> 13;
    const std::int32_t y = x < 0 ? s : 65536 - s;
    return static_cast<std::uint16_t>(y > 65535 ? 65535 : y);
}

// Every result of sigmoid_q16 as the float y / 65536, exact; entry uint16(x). Probabilities of one network lie close
// together, so that lookups mostly stay in the first-level cache.
inline constexpr int sigmoid_floats = 65536;
void make_sigmoid_floats(int f, float* floats);

// s16 NHWC -> float NCHW, with block > 1 through a DepthToSpace (CRD): channel (c * block + i) * block + j of pixel (y,
// x) becomes pixel (y * block + i, x * block + j) of channel c.
struct SigmoidCall {
    ConstS16View in{};
    int f = 0;
    const float* floats = nullptr;  // as make_sigmoid_floats(f, …) writes them
    float* out = nullptr;           // [c / block^2][h * block][w * block], contiguous
    int block = 1;
};

using SigmoidFunction = void(const SigmoidCall& call, int row_begin, int row_end) noexcept;

KernelList<SigmoidFunction> sigmoid_kernels();

}  // namespace octet::kernels
