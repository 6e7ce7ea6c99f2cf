#pragma once

// From int32 accumulators in memory to the output that the epilogue names: u8, s16 or s32. For every level of Arm.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include "kernels/arm_neon/fixed16.h"
#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

// A pixel's accumulators are `quads` vectors of 4 channels, in natural order; 1 <= quads <= 4.
template <int quads>
struct QuadsEpilogue {
    static constexpr int halves = (quads + 1) / 2, lanes = 4 * quads;

    int32x4_t bias[quads], shift[quads];  // shift: to the left
    int16x8_t mult[halves], prelu_alpha[halves];
    Fixed16x8 fixed16;
    const std::int16_t* nodes;
    int channel, channels;

    OCTET_INLINE QuadsEpilogue(const ConvRow& row, int first) : fixed16(row.call->epilogue), channel(first) {
        const Fixed16& e = row.call->epilogue;
        const int left = row.call->params.cout - first;
        channels = left < lanes ? left : lanes;
        nodes = e.nodes;
        for (int q = 0; q < quads; ++q) {
            bias[q] = vld1q_s32(e.bias + first + 4 * q);
            shift[q] = vnegq_s32(vld1q_s32(e.shift + first + 4 * q));
        }
        for (int h = 0; h < halves; ++h) {
            mult[h] = vld1q_s16(e.mult + first + 8 * h);
            prelu_alpha[h] = e.prelu_alpha ? vld1q_s16(e.prelu_alpha + first + 8 * h) : vdupq_n_s16(0);
        }
    }

    // sums: of `count` pixels from (y, x) on, `lanes` each. The same of `rows` rows, each `pitch` sums behind the last.
    __attribute__((noinline)) void store(const ConvCall& call, const std::int32_t* sums, int count, int y, int x,
                                         int rows = 1, int pitch = 0) const {
        const Fixed16& e = call.epilogue;
        if (e.output == OutputKind::s32) {
            for (int r = 0; r < rows; ++r) store_s32(call, sums + r * pitch, count, y + r, x);
            return;
        }
        for_activation(
            e.activation, [&](auto kind) __attribute__((always_inline)) {
                // A copy, so that its constants stay in registers: what is written might change them for all that the
                // compiler knows.
                const QuadsEpilogue copy = *this;
                const TableNodes table = table_of<decltype(kind)::value>();
                const bool plain = !call.residual.data && e.doublings == 0;
                for (int r = 0; r < rows; ++r, sums += pitch) {
                    if (e.output == OutputKind::s16) {
                        copy.template store_s16<decltype(kind)::value>(call, table, sums, count, y + r, x);
                    } else if (plain) {
                        copy.template store_u8<decltype(kind)::value, true>(call, table, sums, count, y + r, x);
                    } else {
                        copy.template store_u8<decltype(kind)::value, false>(call, table, sums, count, y + r, x);
                    }
                }
            });
    }

  private:
    static constexpr int second_half = halves - 1;

    template <Activation kind>
    OCTET_INLINE int16x8_t activated(const std::int32_t* sums, int half) const {
        const int second = 2 * half + 1 < quads ? 2 * half + 1 : 2 * half;
        const int32x4_t a = vshlq_s32(vld1q_s32(sums + 8 * half), shift[2 * half]);
        const int32x4_t b = vshlq_s32(vld1q_s32(sums + 4 * second), shift[second]);
        return fixed16.template activate<kind>(vqmovn_high_s32(vqmovn_s32(a), b), mult[half], prelu_alpha[half]);
    }

    // u of the pixel's halves; of one half twice where there is one.
    template <Activation kind>
    OCTET_INLINE void activate(const std::int32_t* sums, const TableNodes& table, int16x8_t (&u)[2]) const {
        u[0] = activated<kind>(sums, 0);
        u[1] = halves == 2 ? activated<kind>(sums, second_half) : u[0];
        if constexpr (kind == Activation::table) table.interpolate(u);
    }

    template <Activation kind, bool plain>
    OCTET_INLINE void store_u8(const ConvCall& call, const TableNodes& table, const std::int32_t* sums, int count,
                               int y, int x) const {
        const std::int64_t stride = call.out_u8.pixel_stride;
        std::uint8_t* out = call.out_u8.pixel(y, x) + channel;
        const std::uint8_t* residual = call.residual.data ? call.residual.pixel(y, x) + channel : nullptr;
        for (int i = 0; i < count; ++i, sums += lanes, out += stride) {
            int16x8_t u[2];
            activate<kind>(sums, table, u);
            if constexpr (plain) {
                u[0] = fixed16.unclamped(u[0]);
                u[1] = halves == 2 ? fixed16.unclamped(u[1]) : u[0];
            } else {
                // Without one, what multiplies to nothing.
                uint8x16_t added = vreinterpretq_u8_s16(fixed16.residual_zero_point);
                added = vtrn1q_u8(added, added);
                if (residual) {
                    added = vld1q_u8(residual);
                    residual += call.residual.pixel_stride;
                }
                u[0] = fixed16.unclamped(u[0], vget_low_u8(added));
                u[1] = halves == 2 ? fixed16.unclamped(u[1], vget_high_u8(added)) : u[0];
            }
            store_channels(out, fixed16.clamp(u[0], u[1]));
        }
    }

    OCTET_INLINE void store_channels(std::uint8_t* out, uint8x16_t y) const {
        if constexpr (halves == 2) {
            store_bytes(out, y, channels);
        } else {
            store_bytes(out, vget_low_u8(y), channels);
        }
    }

    template <Activation kind>
    OCTET_INLINE TableNodes table_of() const {
        // Of other activations never read.
        static constexpr std::int16_t none[table_segments + 1] = {};
        return TableNodes(kind == Activation::table ? nodes : none);
    }

    template <Activation kind>
    OCTET_INLINE void store_s16(const ConvCall& call, const TableNodes& table, const std::int32_t* sums, int count,
                                int y, int x) const {
        for (int i = 0; i < count; ++i, sums += lanes) {
            int16x8_t u[2];
            activate<kind>(sums, table, u);
            std::int16_t* out = call.out_s16.pixel(y, x + i) + channel;
            store_bytes(out, fixed16.s16(u[0]), 2 * channels);
            if (halves == 2 && channels > 8) store_bytes(out + 8, fixed16.s16(u[1]), 2 * (channels - 8));
        }
    }

    static void store_s32_pixel(std::int32_t* out, const std::int32_t* sums, int channels) {
        for (int o = 0; o < channels; ++o) out[o] = sums[o];
    }

    __attribute__((noinline)) void store_s32(const ConvCall& call, const std::int32_t* sums, int count, int y,
                                             int x) const {
        for (int i = 0; i < count; ++i, sums += lanes) {
            store_s32_pixel(call.out_s32.pixel(y, x + i) + channel, sums, channels);
        }
    }
};

}  // namespace
}  // namespace octet::kernels
