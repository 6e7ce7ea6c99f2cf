#pragma once

// fixed16, octet's own epilogue of an int8 convolution: the same integers on every instruction set. The arithmetic of
// other runtimes and of NPUs is in engine/npu_emu/rules.h.
//
// What has no accumulator rounds by the formula of its own header: add.h, concat.h, quantize.h, sigmoid.h,
// detect_decode.h; a table (lut.h) by quantize_linear() below.
//
// Notation: >> is an arithmetic shift, RNE is round to nearest even, sat16 saturates to [-32768, 32767].

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/tensor_view.h"

namespace octet::kernels {

// QuantizeLinear: clamp(RNE(x / scale) + zp, qmin, qmax), a division, never a multiplication by the reciprocal. NaN
// gives zp.
std::int32_t quantize_linear(float x, float scale, std::int32_t zero_point, std::int32_t qmin, std::int32_t qmax);

// fixed16. acc = sum x*w over the raw u8 input. For output channel c:
//
//     t = sat16((acc + bias_c) >> shift_c)             << -shift_c where that is negative. bias_c holds bias,
//                                                      -zx * sum(w), the rounding 2^(shift_c - 1) and what centres
//                                                      it (make_fixed16.cc)
//     p = mulhrs(t, mult_c)                            pre-activation on the grid 2^-f
//     u = activation(p)
//     u = sat_add(u, u)                                `doublings` times
//     v = (u * out_mult + r) >> 16                     r = ((x - zx) << 7) * residual_mult of a residual, the Add
//                                                      behind a convolution; without one 0
//     y = clamp(sat_add(v, offset) >> out_shift, out_min, out_max)
//
// with mulhrs(a, b) = (a * b + 2^14) >> 15. Everything after t is 16-bit arithmetic that x86 (vpackssdw, vpmulhrsw,
// vpmulhw, vpaddsw) and NEON (sqxtn, sqrdmulh, sqdmulh, sqadd) have as instructions, but for the sum with a residual
// (vpmaddwd; smull, smlal), which 32 bits hold. acc + bias_c wraps modulo 2^32; make_fixed16 proves that it does not.
//
// v is rounded down, and y once to the nearest: floor((floor(x) + n) / m) = floor((x + n) / m). Were v rounded to the
// nearest too, every x in the half step of v below a tie would go up.
//
// doublings is 0 but where y's steps are less than 4 of p's: a small slope, or a shortcut's large scale, can demand a
// range of p so much wider than y's. What saturates then lies outside of what make_fixed16.cc lets p reach, or of y.
//
// Error of y against the real-valued result, in steps of y, with R = 2^-f * post / y_scale (R <= 2^-5 in practice), u
// and r what the activation and the residual come to in steps:
//
//     1/2 + 3 * R + |u| * 2^-14
//         with a residual + |r| / (2 * residual_mult)
//
// The roundings to t and p are 1 step of p, an activation's own as much at most, and so is what centres them. The mean of
// the error is 0, but for ties where scales are powers of two. The s16 output is off by 3 of its steps and 2^-14 of its
// value at most, a table's by 2^-10 of the largest value too. A gate's interpolation adds gain * 2^-9 to either.

enum class Activation : std::uint8_t {
    none,       // p
    relu,       // max(p, 0)
    leaky,      // max(p, mulhrs(p, alpha)), alpha in Q15
    prelu,      // the same with an alpha per channel; both alphas in [-32767, 32767]
    clip,       // min(max(p, lo), hi): hi everywhere where lo is larger
    hardswish,  // mulhrs(p, g), g = clamp(sat_add(p, 3 << f), 0, 6 << f) << (12 - f): p * relu6(p + 3) / 8 on the
                // grid 2^-f. The missing factor 4/3 is part of out_mult. Needs 0 <= f <= 12.
    table,      // any function, piecewise linear between the nodes of 64 segments:
                //     d = sat_add(p, p) + 2^15, i = d >> 10, r = d & 1023
                //     u = node[i] + mulhrs(r << 5, node[i + 1] - node[i])
                // p has a grid and a zero point of its own (piecewise.h), u too.
    gated,      // p times a function of it, such as Swish's sigmoid, where channels have gains of their own or the
                // curve is too long for 64 segments:
                //     q = sat16((p * alpha_c + 2^(gate_shift - 1)) >> gate_shift)
                //     u = mulhrs(p, table(q))
                // p holds the channel's gain, which alpha_c in [0, 32767] takes back; the table is of q around 0, its
                // nodes in Q15, and so flat at its ends that it does not matter where q saturates.
};

inline constexpr Activation all_activations[] = {
    Activation::none,       //
    Activation::relu,       //
    Activation::leaky,      //
    Activation::prelu,      //
    Activation::clip,       //
    Activation::hardswish,  //
    Activation::table,      //
    Activation::gated,      //
};

inline constexpr int table_segments = 64;

enum class OutputKind : std::uint8_t {
    u8,   // y
    s16,  // u on the grid 2^-f, for logits and 16-bit tensors; behind hardswish v = mulhrs(u, out_mult) with
          // out_mult = 2/3, on the grid 2^-(f-1)
    s32,  // acc + bias_c, not rounded
};

// Entries of an array for `channels`: so many that vectors may be loaded beyond the end, from any channel on.
inline constexpr std::size_t fixed16_entries(int channels) {
    constexpr std::size_t padding = 64;
    return static_cast<std::size_t>(channels) + padding;
}

// Arrays of channels have fixed16_entries(channels) entries.
struct Fixed16 {
    const std::int32_t* bias = nullptr;
    const std::int32_t* shift = nullptr;          // 0..31; -15..31 where shifts_left()
    const std::int16_t* mult = nullptr;           // 0..32767
    const std::int16_t* channel_alpha = nullptr;  // prelu, gated
    const std::int16_t* nodes = nullptr;          // [table_segments + 1]; neighbours differ by 32767 at most
    int channels = 0;
    OutputKind output = OutputKind::u8;
    Activation activation = Activation::none;
    int f = 0;
    std::int16_t alpha = 0;
    std::int16_t clip_lo = 0, clip_hi = 0;
    int gate_shift = 1;         // 1..15
    int doublings = 0;          // 0..2, u8 only
    std::int16_t out_mult = 0;  // 0..32767
    std::int16_t offset = 0;    // (zp << out_shift) + (1 << (out_shift - 1))
    int out_shift = 0;          // 1..7 with the u8 output
    std::uint8_t out_min = 0, out_max = 255;
    std::int16_t residual_mult = 0;
    std::uint8_t residual_zero_point = 0;

    // Accumulators may be coarser than p's grid where that follows from the output, the table or a gain alone. 32 bits
    // hold them shifted: make_fixed16 proves it.
    OCTET_INLINE bool shifts_left() const {
        return output == OutputKind::s16 || activation == Activation::table || activation == Activation::gated;
    }
};

OCTET_INLINE std::int16_t sat16(std::int32_t x) {
    return static_cast<std::int16_t>(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
}
OCTET_INLINE std::int16_t sat_add16(std::int16_t a, std::int16_t b) {
    return sat16(std::int32_t{a} + b);
}
// a = b = -32768 does not occur: multipliers are never negative.
OCTET_INLINE std::int16_t mulhrs16(std::int16_t a, std::int16_t b) {
    return static_cast<std::int16_t>((std::int32_t{a} * b + (1 << 14)) >> 15);
}

OCTET_INLINE std::int32_t fixed16_s32(std::int32_t acc, int c, const Fixed16& e) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(acc) + static_cast<std::uint32_t>(e.bias[c]));
}

// Between the nodes.
OCTET_INLINE std::int16_t fixed16_table(std::int16_t p, const std::int16_t* nodes) {
    const int d = sat_add16(p, p) + 32768;
    const std::int16_t* node = nodes + (d >> 10);
    const auto slope = static_cast<std::int16_t>(node[1] - node[0]);
    return static_cast<std::int16_t>(node[0] + mulhrs16(static_cast<std::int16_t>((d & 1023) << 5), slope));
}

OCTET_INLINE std::int16_t fixed16_activate(std::int16_t p, int c, const Fixed16& e) {
    switch (e.activation) {
        case Activation::none:
            return p;
        case Activation::relu:
            return p > 0 ? p : std::int16_t{0};
        case Activation::leaky:
        case Activation::prelu: {
            const std::int16_t q = mulhrs16(p, e.activation == Activation::prelu ? e.channel_alpha[c] : e.alpha);
            return p > q ? p : q;
        }
        case Activation::clip: {
            const std::int16_t raised = p < e.clip_lo ? e.clip_lo : p;
            return raised > e.clip_hi ? e.clip_hi : raised;
        }
        case Activation::hardswish: {
            const std::int16_t three = static_cast<std::int16_t>(3 << e.f);
            const std::int16_t six = static_cast<std::int16_t>(6 << e.f);
            const std::int16_t shifted = sat_add16(p, three);
            const std::int16_t gate = shifted < 0 ? std::int16_t{0} : shifted > six ? six : shifted;
            return mulhrs16(p, static_cast<std::int16_t>(gate << (12 - e.f)));
        }
        case Activation::table:
            return fixed16_table(p, e.nodes);
        case Activation::gated: {
            const std::int32_t product = std::int32_t{p} * e.channel_alpha[c];
            const std::int16_t q = sat16((product + (1 << (e.gate_shift - 1))) >> e.gate_shift);
            return mulhrs16(p, fixed16_table(q, e.nodes));
        }
    }
    return p;
}

// u
OCTET_INLINE std::int16_t fixed16_activated(std::int32_t acc, int c, const Fixed16& e) {
    const std::int32_t sum = fixed16_s32(acc, c, e), shift = e.shift[c];
    const std::int16_t t =
        sat16(shift >= 0 ? sum >> shift : static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) << -shift));
    return fixed16_activate(mulhrs16(t, e.mult[c]), c, e);
}

// v; `residual` is r
OCTET_INLINE std::int16_t fixed16_scaled(std::int16_t u, std::int32_t residual, const Fixed16& e) {
    for (int i = 0; i < e.doublings; ++i) u = sat_add16(u, u);
    return static_cast<std::int16_t>((std::int32_t{u} * e.out_mult + residual) >> 16);
}

OCTET_INLINE std::int16_t fixed16_s16(std::int32_t acc, int c, const Fixed16& e) {
    const std::int16_t u = fixed16_activated(acc, c, e);
    return e.activation == Activation::hardswish ? mulhrs16(u, e.out_mult) : u;
}

OCTET_INLINE std::uint8_t fixed16_round(std::int16_t v, const Fixed16& e) {
    const int y = sat_add16(v, e.offset) >> e.out_shift;
    return static_cast<std::uint8_t>(y < e.out_min ? e.out_min : y > e.out_max ? e.out_max : y);
}

OCTET_INLINE std::uint8_t fixed16_u8(std::int32_t acc, int c, const Fixed16& e) {
    return fixed16_round(fixed16_scaled(fixed16_activated(acc, c, e), 0, e), e);
}

OCTET_INLINE std::uint8_t fixed16_u8(std::int32_t acc, int c, const Fixed16& e, std::uint8_t residual) {
    const std::int32_t r = (residual - e.residual_zero_point) * 128 * e.residual_mult;
    return fixed16_round(fixed16_scaled(fixed16_activated(acc, c, e), r, e), e);
}

}  // namespace octet::kernels
