#include "kernels/avgpool.h"

#include <algorithm>
#include <cmath>

namespace octet::kernels {

tl::expected<AvgPoolParams, std::string> make_avgpool(const Grid& x, const Grid& y) {
    AvgPoolParams params;
    params.ratio = double{x.scale} / double{y.scale};
    if (!(params.ratio > 0 && params.ratio < 4194304)) {
        return tl::unexpected<std::string>(
            "average pool: the input's scale is not positive or 2^22 times the output's or more");
    }
    params.in_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(x));
    params.out_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(y));
    return params;
}

std::uint8_t avgpool_u8(std::int32_t sum, std::int64_t count, const AvgPoolParams& params) {
    const float scaled = static_cast<float>(sum) * avgpool_scale(count, params);
    const auto y = static_cast<int>(std::nearbyint(scaled)) + params.out_zero_point;
    return static_cast<std::uint8_t>(std::clamp(y, 0, 255));
}

}  // namespace octet::kernels
