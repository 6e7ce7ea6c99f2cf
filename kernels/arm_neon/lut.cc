// A 256-entry table as four lookups of 64 entries: tbx leaves a lane as it is where its index is beyond them.

#include "kernels/lut.h"

#include "kernels/arm_neon/fixed16.h"
#include "kernels/rows.h"

namespace octet::kernels {

void lut_u8_neon(const LutCall& call, int row_begin, int row_end) noexcept {
    uint8x16x4_t table[4];
    for (int k = 0; k < 4; ++k) table[k] = vld1q_u8_x4(call.table + 64 * k);
    const int c = call.out.c;
    const bool dense = is_dense(call.in, c) && is_dense(call.out, c);
    for (int y = row_begin; y < row_end; ++y) {
        for_each_run(call.out.w, c, dense, [&](int x, std::int64_t count) {
            const std::uint8_t* in = call.in.pixel(y, x);
            std::uint8_t* out = call.out.pixel(y, x);
            for (std::int64_t i = 0; i < count; i += 16) {
                uint8x16_t index = vld1q_u8(in + i);
                uint8x16_t result = vqtbl4q_u8(table[0], index);
#pragma GCC unroll 3
                for (int k = 1; k < 4; ++k) {
                    index = vsubq_u8(index, vdupq_n_u8(64));
                    result = vqtbx4q_u8(result, table[k], index);
                }
                store_bytes(out + i, result, count - i < 16 ? static_cast<int>(count - i) : 16);
            }
        });
    }
}

}  // namespace octet::kernels
