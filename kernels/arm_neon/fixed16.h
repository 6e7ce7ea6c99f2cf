#pragma once

// The fixed16 epilogue of requantize.h on 8 channels: int16 lanes in natural channel order.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <arm_neon.h>

#include <cstdint>

#include "kernels/for_activation.h"

namespace octet::kernels {
namespace {

// The nodes of a table activation and their differences, as bytes for tbl.
struct TableNodes {
    uint8x16x4_t node_low, node_high, slope_low, slope_high;

    OCTET_INLINE explicit TableNodes(const std::int16_t* nodes) {
        for (int i = 0; i < 4; ++i) {
            const int16x8_t first = vld1q_s16(nodes + 16 * i), second = vld1q_s16(nodes + 16 * i + 8);
            const int16x8_t rise0 = vsubq_s16(vld1q_s16(nodes + 16 * i + 1), first);
            const int16x8_t rise1 = vsubq_s16(vld1q_s16(nodes + 16 * i + 9), second);
            node_low.val[i] = vuzp1q_u8(vreinterpretq_u8_s16(first), vreinterpretq_u8_s16(second));
            node_high.val[i] = vuzp2q_u8(vreinterpretq_u8_s16(first), vreinterpretq_u8_s16(second));
            slope_low.val[i] = vuzp1q_u8(vreinterpretq_u8_s16(rise0), vreinterpretq_u8_s16(rise1));
            slope_high.val[i] = vuzp2q_u8(vreinterpretq_u8_s16(rise0), vreinterpretq_u8_s16(rise1));
        }
    }

    static OCTET_INLINE uint16x8_t position(int16x8_t p) {
        return veorq_u16(vreinterpretq_u16_s16(vqaddq_s16(p, p)), vdupq_n_u16(0x8000));
    }
    static OCTET_INLINE int16x8_t between(uint16x8_t d, int16x8_t node, int16x8_t slope) {
        const int16x8_t rest = vreinterpretq_s16_u16(vshrq_n_u16(vshlq_n_u16(d, 6), 1));  // (d & 1023) << 5
        return vaddq_s16(node, vqrdmulhq_s16(rest, slope));
    }

    // p[0] and p[1] at once: a lookup has 16 lanes.
    OCTET_INLINE void interpolate(int16x8_t (&p)[2]) const {
        const uint16x8_t d0 = position(p[0]), d1 = position(p[1]);
        const uint8x16_t i = vshrq_n_u8(vshrn_high_n_u16(vshrn_n_u16(d0, 8), d1, 8), 2);
        const uint8x16_t n0 = vqtbl4q_u8(node_low, i), n1 = vqtbl4q_u8(node_high, i);
        const uint8x16_t s0 = vqtbl4q_u8(slope_low, i), s1 = vqtbl4q_u8(slope_high, i);
        p[0] = between(d0, vreinterpretq_s16_u8(vzip1q_u8(n0, n1)), vreinterpretq_s16_u8(vzip1q_u8(s0, s1)));
        p[1] = between(d1, vreinterpretq_s16_u8(vzip2q_u8(n0, n1)), vreinterpretq_s16_u8(vzip2q_u8(s0, s1)));
    }
};

// What is the same for all channels.
struct Fixed16x8 {
    int16x8_t alpha, clip_lo, clip_hi, three, six, six_shift, zero_point, out_shift, residual_zero_point;
    std::int16_t out_mult, residual_mult;
    int gate_shift, doublings;
    uint8x16_t out_min, out_max;
    bool hardswish;

    OCTET_INLINE explicit Fixed16x8(const Fixed16& e) {
        alpha = vdupq_n_s16(e.alpha);
        clip_lo = vdupq_n_s16(e.clip_lo);
        clip_hi = vdupq_n_s16(e.clip_hi);
        hardswish = e.activation == Activation::hardswish;
        const int f = hardswish ? e.f : 0;
        three = vdupq_n_s16(static_cast<std::int16_t>(3 << f));
        six = vdupq_n_s16(static_cast<std::int16_t>(6 << f));
        six_shift = vdupq_n_s16(static_cast<std::int16_t>(12 - f));
        out_mult = e.out_mult;
        gate_shift = e.gate_shift;
        doublings = e.doublings;
        zero_point = vdupq_n_s16(static_cast<std::int16_t>(e.offset >> e.out_shift));
        out_shift = vdupq_n_s16(static_cast<std::int16_t>(-e.out_shift));
        out_min = vdupq_n_u8(e.out_min);
        out_max = vdupq_n_u8(e.out_max);
        residual_mult = e.residual_mult;
        residual_zero_point = vdupq_n_s16(e.residual_zero_point);
    }

    // t -> u; where TableNodes interpolate, p.
    template <Activation kind>
    OCTET_INLINE int16x8_t activate(int16x8_t t, int16x8_t mult, int16x8_t channel_alpha) const {
        const int16x8_t p = vqrdmulhq_s16(t, mult);
        if constexpr (kind == Activation::relu) return vmaxq_s16(p, vdupq_n_s16(0));
        if constexpr (kind == Activation::leaky) return vmaxq_s16(p, vqrdmulhq_s16(p, alpha));
        if constexpr (kind == Activation::prelu) return vmaxq_s16(p, vqrdmulhq_s16(p, channel_alpha));
        if constexpr (kind == Activation::clip) return vminq_s16(vmaxq_s16(p, clip_lo), clip_hi);
        if constexpr (kind == Activation::hardswish) {
            const int16x8_t gate = vminq_s16(vmaxq_s16(vqaddq_s16(p, three), vdupq_n_s16(0)), six);
            return vqrdmulhq_s16(p, vshlq_s16(gate, six_shift));
        }
        return p;
    }

    // p -> q of a gate
    OCTET_INLINE int16x8_t gate_argument(int16x8_t p, int16x8_t channel_alpha) const {
        const int32x4_t right = vdupq_n_s32(-gate_shift);
        const int32x4_t low = vrshlq_s32(vmull_s16(vget_low_s16(p), vget_low_s16(channel_alpha)), right);
        return vqmovn_high_s32(vqmovn_s32(low), vrshlq_s32(vmull_high_s16(p, channel_alpha), right));
    }

    // The s16 output.
    OCTET_INLINE int16x8_t s16(int16x8_t u) const { return hardswish ? vqrdmulhq_n_s16(u, out_mult) : u; }

    // u -> y, not yet saturated to u8. The offset is the zero point and half a step, so with w = (u * out_mult) >> 15
    //     (w >> 1) + offset >> s = ((w + 2^s) >> (s + 1)) + zero_point
    // and where 16 bits would saturate, y is 255 either way. No residual, no doublings.
    OCTET_INLINE int16x8_t unclamped(int16x8_t u) const {
        const int16x8_t w = vqdmulhq_n_s16(u, out_mult);
        return vaddq_s16(vrshlq_s16(w, vsubq_s16(out_shift, vdupq_n_s16(1))), zero_point);
    }

    // The same of any epilogue, with a residual x.
    OCTET_INLINE int16x8_t unclamped(int16x8_t u, uint8x8_t x) const {
        const int16x8_t wide = vreinterpretq_s16_u16(vmovl_u8(x));
        const int16x8_t centred = vshlq_n_s16(vsubq_s16(wide, residual_zero_point), 7);
        for (int i = 0; i < doublings; ++i) u = vqaddq_s16(u, u);
        const int32x4_t low = vmlal_n_s16(vmull_n_s16(vget_low_s16(u), out_mult), vget_low_s16(centred), residual_mult);
        const int32x4_t high = vmlal_high_n_s16(vmull_high_n_s16(u, out_mult), centred, residual_mult);
        const int16x8_t v = vshrn_high_n_s32(vshrn_n_s32(low, 16), high, 16);
        return vaddq_s16(vrshlq_s16(v, out_shift), zero_point);
    }

    OCTET_INLINE uint8x16_t clamp(int16x8_t low, int16x8_t high) const {
        const uint8x16_t y = vqmovun_high_s16(vqmovun_s16(low), high);
        return vminq_u8(vmaxq_u8(y, out_min), out_max);
    }
};

// `count` bytes, less than 16. No loop: the compiler would call memcpy, and save all vectors around it.
OCTET_INLINE void copy_part(char* out, const char* bytes, int count) {
    if (count & 8) {
        __builtin_memcpy(out, bytes, 8);
        out += 8;
        bytes += 8;
    }
    if (count & 4) {
        __builtin_memcpy(out, bytes, 4);
        out += 4;
        bytes += 4;
    }
    if (count & 2) {
        __builtin_memcpy(out, bytes, 2);
        out += 2;
        bytes += 2;
    }
    if (count & 1) *out = *bytes;
}

// The first `count` bytes of a vector, 0 < count.
template <typename Vector>
OCTET_INLINE void store_bytes(void* out, const Vector& vector, int count) {
    if (count >= static_cast<int>(sizeof(Vector))) {
        __builtin_memcpy(out, &vector, sizeof(Vector));
        return;
    }
    alignas(16) char bytes[sizeof(Vector)];
    __builtin_memcpy(bytes, &vector, sizeof(Vector));
    copy_part(static_cast<char*>(out), bytes, count);
}

}  // namespace
}  // namespace octet::kernels
