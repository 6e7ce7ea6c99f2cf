#include "kernels/detect_decode.h"

namespace octet::kernels {

void detect_decode_s16_reference(const DetectDecodeCall& call, int row_begin, int row_end) noexcept {
    const ConstS16View& in = call.logits;
    const int fields = 5 + call.classes;
    const auto center = [&](std::int64_t sigma, std::int64_t cell) {
        return static_cast<std::int32_t>(((2 * sigma - 32768 + (cell << 16)) * call.stride + 32) >> 6);
    };
    const auto extent = [](std::int64_t sigma, std::int64_t anchor) {
        return static_cast<std::int32_t>((4 * sigma * sigma * anchor + (std::int64_t{1} << 31)) >> 32);
    };
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < in.w; ++x) {
            for (int a = 0; a < call.anchors; ++a) {
                const std::int16_t* logits = in.pixel(y, x) + a * fields;
                std::int32_t* row = call.out + ((std::int64_t{a} * in.h + y) * in.w + x) * fields;
                for (int k = 0; k < fields; ++k) row[k] = sigmoid_q16(logits[k], call.f, sigmoid_table);
                row[0] = center(row[0], x);
                row[1] = center(row[1], y);
                row[2] = extent(row[2], call.anchor_w[a]);
                row[3] = extent(row[3], call.anchor_h[a]);
            }
        }
    }
}

}  // namespace octet::kernels
