#pragma once

// The elementwise float loops of pre- and postprocessing: one implementation over xsimd, compiled for each instruction
// set; all give the same bits.

#include <cstddef>
#include <cstdint>

namespace octet::apps {

struct PixelKernels {
    const char* name;
    // planes[c][i] = (rgb[3 i + c] / 255 − mean[c]) / deviation[c], i in [0, count), c in {0, 1, 2}
    void (*normalize)(const std::uint8_t* rgb, std::size_t count, const float* mean, const float* deviation,
                      float* const* planes);
    // mask[i] = foreground[i] > background[i] ? 1 : 0: the argmax of two channels, ties to the first one
    void (*argmax)(const float* background, const float* foreground, std::size_t count, std::uint8_t* mask);
    // out[i] = (f₀[i] − b₀[i]) · (1 − t) + (f₁[i] − b₁[i]) · t: a row between two rows of foreground minus background
    void (*blend_margin)(const float* background0, const float* foreground0, const float* background1,
                         const float* foreground1, float t, std::size_t count, float* out);
};

extern const PixelKernels pixel_kernels_baseline;
extern const PixelKernels pixel_kernels_avx2;  // only in builds for x86 with SIMD

// The best one that this machine runs.
const PixelKernels& pixel_kernels();

}  // namespace octet::apps
