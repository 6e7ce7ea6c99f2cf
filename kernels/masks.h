#pragma once

// From the two float planes of a segmentation, background and foreground, to a mask. Every operation is rounded to
// float32 and none is fused: the bits are the same on every instruction set.
//
//     argmax         mask[i] = foreground[i] > background[i] ? 1 : 0       a tie, or a NaN, is background
//     blend_margin   out[i] = (f0[i] - b0[i]) * (1 - t) + (f1[i] - b1[i]) * t
//
// blend_margin is a row between two rows of foreground minus background, t of the way from the first to the second.

#include <cstdint>

#include "kernels/dispatch.h"

namespace octet::kernels {

struct ArgmaxCall {
    const float* background = nullptr;  // [count]
    const float* foreground = nullptr;
    std::uint8_t* mask = nullptr;
    std::int64_t count = 0;
};

using ArgmaxFunction = void(const ArgmaxCall& call) noexcept;

KernelList<ArgmaxFunction> argmax_kernels();

struct BlendMarginCall {
    struct Row {
        const float* background = nullptr;  // [count]
        const float* foreground = nullptr;
    };
    Row first{}, second{};
    float t = 0;
    float* out = nullptr;
    std::int64_t count = 0;
};

using BlendMarginFunction = void(const BlendMarginCall& call) noexcept;

KernelList<BlendMarginFunction> blend_margin_kernels();

}  // namespace octet::kernels
