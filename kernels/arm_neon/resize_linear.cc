#include <arm_neon.h>

#include "kernels/arm_neon/fixed16.h"
#include "kernels/resize_linear_rows.h"

namespace octet::kernels {
namespace {

// Of 16 channels.
struct Sums {
    uint32x4_t quarter[4];
};
OCTET_INLINE Sums blend(const std::uint8_t* first, const std::uint8_t* second, std::uint16_t weight) {
    const std::uint16_t rest = static_cast<std::uint16_t>((1 << resize_weight_bits) - weight);
    const uint8x16_t a = vld1q_u8(first), b = vld1q_u8(second);
    const uint16x8_t wide_a[] = {vmovl_u8(vget_low_u8(a)), vmovl_high_u8(a)};
    const uint16x8_t wide_b[] = {vmovl_u8(vget_low_u8(b)), vmovl_high_u8(b)};
    Sums sums;
    for (int i = 0; i < 2; ++i) {
        sums.quarter[2 * i] = vmlal_n_u16(vmull_n_u16(vget_low_u16(wide_a[i]), rest), vget_low_u16(wide_b[i]), weight);
        sums.quarter[2 * i + 1] = vmlal_high_n_u16(vmull_high_n_u16(wide_a[i], rest), wide_b[i], weight);
    }
    return sums;
}

class Neon {
  public:
    OCTET_INLINE Neon(std::int32_t row_weight, int zero_point)
        : upper_(static_cast<std::uint32_t>((1 << resize_weight_bits) - row_weight)),
          lower_(static_cast<std::uint32_t>(row_weight)),
          zero_point_(vdupq_n_u32(static_cast<std::uint32_t>(zero_point))) {}

    static OCTET_INLINE std::uint16_t columns(std::int32_t weight) { return static_cast<std::uint16_t>(weight); }

    OCTET_INLINE uint8x16_t operator()(const std::uint8_t* upper_left, const std::uint8_t* upper_right,
                                       const std::uint8_t* lower_left, const std::uint8_t* lower_right,
                                       std::uint16_t weight) const {
        const Sums above = blend(upper_left, upper_right, weight), below = blend(lower_left, lower_right, weight);
        uint16x4_t narrow[4];
        for (int i = 0; i < 4; ++i) narrow[i] = vmovn_u32(round(above.quarter[i], below.quarter[i]));
        return vcombine_u8(vmovn_u16(vcombine_u16(narrow[0], narrow[1])),
                           vmovn_u16(vcombine_u16(narrow[2], narrow[3])));
    }

    static OCTET_INLINE void store(std::uint8_t* out, uint8x16_t bytes, int count) { store_bytes(out, bytes, count); }

  private:
    OCTET_INLINE uint32x4_t round(uint32x4_t above, uint32x4_t below) const {
        constexpr int shift = 2 * resize_weight_bits;
        const uint32x4_t sum = vmlaq_n_u32(vmulq_n_u32(above, upper_), below, lower_);
        const uint32x4_t odd = vandq_u32(veorq_u32(vshrq_n_u32(sum, shift), zero_point_), vdupq_n_u32(1));
        const uint32x4_t half = vdupq_n_u32((1U << (shift - 1)) - 1);
        return vshrq_n_u32(vaddq_u32(vaddq_u32(sum, half), odd), shift);
    }

    std::uint32_t upper_, lower_;
    uint32x4_t zero_point_;
};

}  // namespace

void resize_linear_u8_neon(const ResizeLinearCall& call, int row_begin, int row_end) noexcept {
    resize_linear_rows<Neon>(call, row_begin, row_end);
}

}  // namespace octet::kernels
