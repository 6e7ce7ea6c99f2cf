#pragma once

// The body of pixel_kernels_*.cc, in an unnamed namespace: the instantiations of two files must never merge.

#include <xsimd/xsimd.hpp>

#include "apps/common/pixel_kernels.h"

namespace octet::apps {
namespace {

template <typename Arch>
struct PixelLoops {
    using Batch = xsimd::batch<float, Arch>;
    static constexpr std::size_t lanes = Batch::size;
    // Pixels that are taken apart into planes at a time: three such rows stay in the first-level cache.
    static constexpr std::size_t block = 1024;
    static_assert(block % lanes == 0);

    static void normalize(const std::uint8_t* rgb, std::size_t count, const float* mean, const float* deviation,
                          float* const* planes) {
        alignas(64) float values[3][block];
        for (std::size_t start = 0; start < count; start += block) {
            const std::size_t size = count - start < block ? count - start : block;
            const std::uint8_t* in = rgb + 3 * start;
            for (std::size_t i = 0; i < size; ++i, in += 3) {
                values[0][i] = static_cast<float>(in[0]);
                values[1][i] = static_cast<float>(in[1]);
                values[2][i] = static_cast<float>(in[2]);
            }
            for (int c = 0; c < 3; ++c) {
                const Batch white(255.0F), centre(mean[c]), spread(deviation[c]);
                float* out = planes[c] + start;
                std::size_t i = 0;
                for (; i + lanes <= size; i += lanes) {
                    const Batch value = Batch::load_aligned(values[c] + i);
                    ((value / white - centre) / spread).store_unaligned(out + i);
                }
                for (; i < size; ++i) out[i] = (values[c][i] / 255.0F - mean[c]) / deviation[c];
            }
        }
    }

    static void argmax(const float* background, const float* foreground, std::size_t count, std::uint8_t* mask) {
        const Batch one(1.0F), zero(0.0F);
        alignas(64) float flags[lanes];
        std::size_t i = 0;
        for (; i + lanes <= count; i += lanes) {
            const auto greater = Batch::load_unaligned(foreground + i) > Batch::load_unaligned(background + i);
            xsimd::select(greater, one, zero).store_aligned(flags);
            for (std::size_t lane = 0; lane < lanes; ++lane) mask[i + lane] = static_cast<std::uint8_t>(flags[lane]);
        }
        for (; i < count; ++i) mask[i] = foreground[i] > background[i] ? 1 : 0;
    }

    static void blend_margin(const float* background0, const float* foreground0, const float* background1,
                             const float* foreground1, float t, std::size_t count, float* out) {
        const float s = 1.0F - t;
        const Batch weight0(s), weight1(t);
        std::size_t i = 0;
        for (; i + lanes <= count; i += lanes) {
            const Batch row0 = Batch::load_unaligned(foreground0 + i) - Batch::load_unaligned(background0 + i);
            const Batch row1 = Batch::load_unaligned(foreground1 + i) - Batch::load_unaligned(background1 + i);
            (row0 * weight0 + row1 * weight1).store_unaligned(out + i);
        }
        for (; i < count; ++i) out[i] = (foreground0[i] - background0[i]) * s + (foreground1[i] - background1[i]) * t;
    }
};

}  // namespace
}  // namespace octet::apps
