#include "kernels/requantize.h"

#include <algorithm>
#include <cmath>

namespace octet::kernels {

std::int32_t quantize_linear(float x, float scale, std::int32_t zero_point, std::int32_t qmin, std::int32_t qmax) {
    if (std::isnan(x)) return zero_point;
    const float low = static_cast<float>(qmin - zero_point), high = static_cast<float>(qmax - zero_point);
    return static_cast<std::int32_t>(std::nearbyint(std::clamp(x / scale, low, high))) + zero_point;
}

}  // namespace octet::kernels
