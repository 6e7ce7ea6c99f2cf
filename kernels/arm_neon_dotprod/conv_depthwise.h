#pragma once

// Depthwise convolution with what sums four products of bytes in a lane: four rows of the kernel a step. For
// kernels/conv_depthwise.h, by every level of Arm that has such an instruction.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include "kernels/arm_neon/conv_epilogue.h"
#include "kernels/conv_depthwise.h"

namespace octet::kernels {
namespace {

struct DepthwiseDot {
    using Vector = int32x4_t;
    using BlockEpilogue = QuadsEpilogue<2>;
    using Weight = std::int8_t;
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr int lanes = 4, rows = 4;

    struct Column {
        uint8x16_t low, high;
    };

    // 8 channels of a row.
    static OCTET_INLINE uint8x16_t row_of(const std::uint8_t* in) { return vcombine_u8(vld1_u8(in), vdup_n_u8(0)); }

    template <int count>
    static OCTET_INLINE Column column(const std::uint8_t* in, std::int64_t row_bytes) {
        const uint8x16_t nothing = vdupq_n_u8(0), first = row_of(in);
        const uint8x16_t second = count > 1 ? row_of(in + row_bytes) : nothing;
        const uint8x16_t third = count > 2 ? row_of(in + 2 * row_bytes) : nothing;
        const uint8x16_t fourth = count > 3 ? row_of(in + 3 * row_bytes) : nothing;
        const uint16x8_t a = vreinterpretq_u16_u8(vzip1q_u8(first, second));
        const uint16x8_t b = vreinterpretq_u16_u8(vzip1q_u8(third, fourth));
        return {vreinterpretq_u8_u16(vzip1q_u16(a, b)), vreinterpretq_u8_u16(vzip2q_u16(a, b))};
    }

    static OCTET_INLINE void store(const ConvRow& row, const BlockEpilogue& epilogue, const Vector* sums, int count,
                                   int x) {
        epilogue.store(*row.call, reinterpret_cast<const std::int32_t*>(sums), count, row.y, x);
    }
};

}  // namespace
}  // namespace octet::kernels
