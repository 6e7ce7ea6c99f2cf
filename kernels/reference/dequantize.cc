#include "kernels/dequantize.h"

namespace octet::kernels {

namespace {

template <typename T>
void dequantize(const TensorView<const T>& in, float scale, int zero_point, float* out, int row_begin, int row_end) {
    const std::int64_t plane = std::int64_t{in.h} * in.w;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < in.w; ++x) {
            const T* pixel = in.pixel(y, x);
            for (int c = 0; c < in.c; ++c) {
                out[c * plane + std::int64_t{y} * in.w + x] = static_cast<float>(pixel[c] - zero_point) * scale;
            }
        }
    }
}

}  // namespace

void dequantize_f32_reference(const DequantizeCall& call, int row_begin, int row_end) noexcept {
    if (call.in_u8.data) dequantize(call.in_u8, call.scale, call.zero_point, call.out, row_begin, row_end);
    if (call.in_u16.data) dequantize(call.in_u16, call.scale, call.zero_point, call.out, row_begin, row_end);
    if (call.in_s16.data) dequantize(call.in_s16, call.scale, call.zero_point, call.out, row_begin, row_end);
}

}  // namespace octet::kernels
