#include "apps/common/pixel_kernels.h"

namespace octet::apps {

const PixelKernels& pixel_kernels() {
#ifdef OCTET_HAVE_AVX2_PIXELS
    static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
    if (has_avx2) return pixel_kernels_avx2;
#endif
    return pixel_kernels_baseline;
}

}  // namespace octet::apps
