#include "kernels/mul.h"

#include <algorithm>
#include <cmath>

namespace octet::kernels {

tl::expected<MulParams, std::string> make_mul(const Grid& a, const Grid& b, const Grid& y, Activation activation) {
    const double scale = double{a.scale} * double{b.scale} / double{y.scale};
    if (!(scale > 0 && scale < 32768)) {
        return tl::unexpected<std::string>(
            "mul: the product of the inputs' scales is not positive or 2^15 times the output's or more");
    }
    if (activation != Activation::none && activation != Activation::relu)
        return tl::unexpected<std::string>("mul: only none and relu can be fused");
    MulParams params;
    params.a_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(a));
    params.b_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(b));
    params.out_zero_point = static_cast<std::uint8_t>(unsigned_zero_point(y));
    params.scale = static_cast<float>(scale);
    if (activation == Activation::relu) params.out_min = params.out_zero_point;
    return params;
}

std::uint8_t mul_u8(std::uint8_t a, std::uint8_t b, const MulParams& params) {
    const int product = (a - params.a_zero_point) * (b - params.b_zero_point);
    const float rounded = std::nearbyint(static_cast<float>(product) * params.scale);
    const int y = static_cast<int>(rounded) + params.out_zero_point;
    return static_cast<std::uint8_t>(std::clamp(y, int{params.out_min}, int{params.out_max}));
}

}  // namespace octet::kernels
