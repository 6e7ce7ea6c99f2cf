#include <arm_neon.h>

#include "kernels/arm_neon/fixed16.h"
#include "kernels/move_rows.h"

namespace octet::kernels {
namespace {

struct Neon {
    static OCTET_INLINE uint8x16_t all(std::uint8_t byte) { return vdupq_n_u8(byte); }

    static OCTET_INLINE uint8x16_t shuffled(const std::uint8_t* in, const MoveBlock& block, const MovePart* parts) {
        uint8x16_t value = vld1q_u8(block.fill);
        for (int p = 0; p < block.parts; ++p) {
            const MovePart& part = parts[block.first_part + p];
            value = vorrq_u8(value, vqtbl1q_u8(vld1q_u8(in + part.offset), vld1q_u8(part.shuffle)));
        }
        return value;
    }
    static OCTET_INLINE void store(std::uint8_t* out, uint8x16_t bytes, int count) { store_bytes(out, bytes, count); }
};

}  // namespace

void move_u8_neon(const MoveCall& call, int row_begin, int row_end) noexcept {
    move_rows<Neon>(call, row_begin, row_end);
}

}  // namespace octet::kernels
