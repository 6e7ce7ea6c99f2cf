#include "kernels/move.h"

#include "kernels/arm_neon/fixed16.h"

namespace octet::kernels {
namespace {

OCTET_INLINE void gather(std::uint8_t* out, const std::uint8_t* in, const std::int32_t* offsets, int count,
                         std::uint8_t fill) {
    for (int i = 0; i < count; ++i) out[i] = offsets[i] == move_outside ? fill : in[offsets[i]];
}

OCTET_INLINE void fill_bytes(std::uint8_t* out, int count, std::uint8_t fill) {
    for (int i = 0; i < count; i += 16) store_bytes(out + i, vdupq_n_u8(fill), count - i < 16 ? count - i : 16);
}

OCTET_INLINE uint8x16_t shuffled(const std::uint8_t* in, const MoveBlock& block, const MovePart* parts) {
    uint8x16_t value = vld1q_u8(block.fill);
    for (int p = 0; p < block.parts; ++p) {
        const MovePart& part = parts[block.first_part + p];
        value = vorrq_u8(value, vqtbl1q_u8(vld1q_u8(in + part.offset), vld1q_u8(part.shuffle)));
    }
    return value;
}

}  // namespace

void move_u8_neon(const MoveCall& call, int row_begin, int row_end) noexcept {
    const int w = call.out.w, c = call.out.c;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < w; ++x) {
            std::uint8_t* out = call.out.pixel(y, x);
            if (call.element) {
                gather(out, call.in.data, call.element + (std::int64_t{y} * w + x) * c, c, call.fill);
                continue;
            }
            if (call.row[y] == move_outside || call.column[x] == move_outside) {
                fill_bytes(out, c, call.fill);
                continue;
            }
            const std::uint8_t* in = call.in.data + call.row[y] + call.column[x];
            for (int k = 0; k < c; k += 16) {
                const MoveBlock& block = call.blocks[k / 16];
                const int count = c - k < 16 ? c - k : 16;
                if (block.scattered) {
                    gather(out + k, in, call.channel + k, count, call.fill);
                } else {
                    store_bytes(out + k, shuffled(in, block, call.parts), count);
                }
            }
        }
    }
}

}  // namespace octet::kernels
