#include "kernels/detect_decode.h"

namespace octet::kernels {

void detections_to_float(const std::int32_t* rows, std::int64_t count, int classes, float* out) {
    const int fields = 5 + classes;
    for (std::int64_t row = 0; row < count; ++row, rows += fields, out += fields) {
        for (int k = 0; k < 4; ++k) out[k] = static_cast<float>(rows[k]) * (1.0F / 1024);
        for (int k = 4; k < fields; ++k) out[k] = static_cast<float>(rows[k]) * (1.0F / 65536);
    }
}

}  // namespace octet::kernels
