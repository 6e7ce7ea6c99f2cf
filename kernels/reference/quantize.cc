#include "kernels/quantize.h"

#include <cstring>

#include "kernels/requantize.h"

namespace octet::kernels {

void quantize_f32_u8_reference(const QuantizeCall& call, int row_begin, int row_end) noexcept {
    const std::int64_t plane = std::int64_t{call.out.h} * call.out.w;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < call.out.w; ++x) {
            const float* in = call.in + std::int64_t{y} * call.out.w + x;
            std::uint8_t* out = call.out.pixel(y, x);
            for (int c = 0; c < call.out.c; ++c) {
                const float value = call.gain ? in[c * plane] * call.gain[c] + call.offset[c] : in[c * plane];
                out[c] = static_cast<std::uint8_t>(quantize_linear(value, call.scale, call.zero_point, 0, 255));
            }
        }
    }
}

void pixels_u8_reference(const PixelsCall& call, int row_begin, int row_end) noexcept {
    for (int y = row_begin; y < row_end; ++y) {
        const std::uint8_t* in = call.in + y * call.in_row_stride;
        for (int x = 0; x < call.out.w; ++x) {
            std::memcpy(call.out.pixel(y, x), in + std::int64_t{x} * call.out.c, static_cast<std::size_t>(call.out.c));
        }
    }
}

}  // namespace octet::kernels
