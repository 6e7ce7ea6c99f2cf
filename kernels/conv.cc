#include "kernels/conv.h"

#include <algorithm>

namespace octet::kernels {

const ConvKernel& select_conv(CpuFeatures features, const ConvParams& params, const std::int8_t* weights) {
    const auto kernels = conv_kernels();
    for (const ConvKernel* kernel : kernels) {
        if (features.contains(kernel->needs) && kernel->refuses(params, weights) == nullptr) return *kernel;
    }
    return *kernels.back();
}

int conv_halo(const ConvParams& params, int in_h, int in_w, int out_h, int out_w) {
    if (params.upsampled) {
        in_h *= 2;
        in_w *= 2;
    }
    const int bottom =
        (out_h - 1) * params.stride_h - params.pad_top + (params.kernel_h - 1) * params.dilation_h - (in_h - 1);
    const int right =
        (out_w - 1) * params.stride_w - params.pad_left + (params.kernel_w - 1) * params.dilation_w - (in_w - 1);
    const int halo = std::max({0, params.pad_top, params.pad_left, bottom, right});
    return params.upsampled ? (halo + 1) / 2 : halo;
}

}  // namespace octet::kernels
