#include <arm_neon.h>

#include "kernels/resize_nearest_rows.h"

namespace octet::kernels {
namespace {

struct Neon {
    using Wide = uint8x16x2_t;
    using Half = uint8x16_t;

    // 16 bytes become 32.
    template <int pixel_bytes>
    static OCTET_INLINE void double_pixels(std::uint8_t* out, const std::uint8_t* in, int source_pixels) {
        const std::int64_t bytes = std::int64_t{source_pixels} * pixel_bytes;
        std::int64_t i = 0;
        for (; i + 16 <= bytes; i += 16) {
            const uint8x16_t x = vld1q_u8(in + i);
            uint8x16_t low = x, high = x;
            if constexpr (pixel_bytes == 4) {
                low = vreinterpretq_u8_u32(vzip1q_u32(vreinterpretq_u32_u8(x), vreinterpretq_u32_u8(x)));
                high = vreinterpretq_u8_u32(vzip2q_u32(vreinterpretq_u32_u8(x), vreinterpretq_u32_u8(x)));
            } else if constexpr (pixel_bytes == 8) {
                low = vcombine_u8(vget_low_u8(x), vget_low_u8(x));
                high = vcombine_u8(vget_high_u8(x), vget_high_u8(x));
            }
            vst1q_u8(out + 2 * i, low);
            vst1q_u8(out + 2 * i + 16, high);
        }
        for (; i < bytes; i += pixel_bytes) {
            copy_bytes<Neon>(out + 2 * i, in + i, pixel_bytes);
            copy_bytes<Neon>(out + 2 * i + pixel_bytes, in + i, pixel_bytes);
        }
    }
};

}  // namespace

void resize_nearest_u8_neon(const ResizeNearestCall& call, int row_begin, int row_end) noexcept {
    resize_rows<Neon>(call, row_begin, row_end);
}

}  // namespace octet::kernels
