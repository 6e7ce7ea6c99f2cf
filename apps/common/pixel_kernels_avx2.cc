#include "apps/common/pixel_kernels_xsimd.h"

namespace octet::apps {

using Loops = PixelLoops<xsimd::avx2>;
const PixelKernels pixel_kernels_avx2{"avx2", Loops::normalize, Loops::argmax, Loops::blend_margin};

}  // namespace octet::apps
