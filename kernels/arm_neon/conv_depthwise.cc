// Depthwise convolution of Armv8.0 in 32 bits, a row of the kernel a step: mla. See kernels/conv_depthwise.h.

#include "kernels/conv_depthwise.h"

#include "kernels/arm_neon/conv_epilogue.h"

namespace octet::kernels {
namespace {

template <ConvInput of>
struct DepthwiseNeon {
    using Vector = int32x4_t;
    using BlockEpilogue = QuadsEpilogue<2>;
    using Weight = std::int32_t;
    static constexpr ConvInput input = of;
    static constexpr int lanes = 4, rows = 1;

    struct Column {
        int32x4_t low, high;
    };

    template <int>
    static OCTET_INLINE Column column(const std::uint8_t* in, std::int64_t) {
        int16x8_t channels;
        if constexpr (input == ConvInput::s16) {
            channels = vld1q_s16(reinterpret_cast<const std::int16_t*>(in));
        } else {
            channels = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(in)));
        }
        return {vmovl_s16(vget_low_s16(channels)), vmovl_high_s16(channels)};
    }

    static OCTET_INLINE void multiply_add(Vector& acc, Vector column, Vector weights) {
        acc = vmlaq_s32(acc, column, weights);
    }

    static OCTET_INLINE void store(const ConvRow& row, const BlockEpilogue& epilogue, const Vector* sums, int count,
                                   int x) {
        epilogue.store(*row.call, reinterpret_cast<const std::int32_t*>(sums), count, row.y, x);
    }
};

}  // namespace

extern constinit const ConvKernel conv_depthwise_u8s8_4x8_neon =
    conv_kernel<Depthwise<DepthwiseNeon<ConvInput::u8>>>("conv_depthwise_u8s8_4x8_neon", needs::neon);
extern constinit const ConvKernel conv_depthwise_s16s8_4x8_neon =
    conv_kernel<Depthwise<DepthwiseNeon<ConvInput::s16>>>("conv_depthwise_s16s8_4x8_neon", needs::neon);

}  // namespace octet::kernels
