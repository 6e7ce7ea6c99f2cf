#include "apps/common/pixel_kernels_xsimd.h"

namespace octet::apps {

using Loops = PixelLoops<xsimd::default_arch>;
const PixelKernels pixel_kernels_baseline{xsimd::default_arch::name(), Loops::normalize, Loops::argmax,
                                          Loops::blend_margin};

}  // namespace octet::apps
