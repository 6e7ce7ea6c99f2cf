#include "kernels/normalize.h"

namespace octet::kernels {

void make_normalize_table(float mean, float deviation, float* table) {
    for (int x = 0; x < normalize_entries; ++x) table[x] = (static_cast<float>(x) / 255.0F - mean) / deviation;
}

void normalize_u8_f32_reference(const NormalizeCall& call) noexcept {
    for (int c = 0; c < call.channels; ++c) {
        const float* table = call.tables + c * normalize_entries;
        float* out = call.out + c * call.count;
        const std::uint8_t* in = call.in + c;
        for (std::int64_t i = 0; i < call.count; ++i, in += call.channels) out[i] = table[*in];
    }
}

}  // namespace octet::kernels
