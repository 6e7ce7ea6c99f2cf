#pragma once

// The fixed16 epilogue of requantize.h on 32 channels: int16 lanes in natural channel order.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include <cstdint>

#include "kernels/for_activation.h"

namespace octet::kernels {
namespace {

// Accumulators shifted to t; `raises`: Fixed16::shifts_left().
OCTET_INLINE __m512i fixed16_shift(__m512i acc, __m512i shift, bool raises) {
    if (!raises) return _mm512_srav_epi32(acc, shift);
    const __m512i zero = _mm512_setzero_si512();
    const __m512i raised = _mm512_sllv_epi32(acc, _mm512_max_epi32(_mm512_sub_epi32(zero, shift), zero));
    return _mm512_srav_epi32(raised, _mm512_max_epi32(shift, zero));
}

struct Fixed16x32 {
    __m512i mult, channel_alpha, alpha, clip_lo, clip_hi, three, six, six_shift, out_mult, offset, out_shift, out_min,
        out_max, mults, residual_zero_point;
    const std::int16_t* nodes;
    Activation activation;
    int gate_shift, doublings;

    OCTET_INLINE Fixed16x32(const Fixed16& e, int channel) {
        mult = _mm512_loadu_si512(e.mult + channel);
        channel_alpha = e.channel_alpha ? _mm512_loadu_si512(e.channel_alpha + channel) : _mm512_setzero_si512();
        alpha = _mm512_set1_epi16(e.alpha);
        clip_lo = _mm512_set1_epi16(e.clip_lo);
        clip_hi = _mm512_set1_epi16(e.clip_hi);
        const int f = e.activation == Activation::hardswish ? e.f : 0;
        three = _mm512_set1_epi16(static_cast<std::int16_t>(3 << f));
        six = _mm512_set1_epi16(static_cast<std::int16_t>(6 << f));
        six_shift = _mm512_set1_epi16(static_cast<std::int16_t>(12 - f));
        gate_shift = e.gate_shift;
        doublings = e.doublings;
        out_mult = _mm512_set1_epi16(e.out_mult);
        offset = _mm512_set1_epi16(e.offset);
        out_shift = _mm512_set1_epi16(static_cast<std::int16_t>(e.out_shift));
        out_min = _mm512_set1_epi16(e.out_min);
        out_max = _mm512_set1_epi16(e.out_max);
        mults = _mm512_set1_epi32(e.residual_mult << 16 | e.out_mult);
        residual_zero_point = _mm512_set1_epi16(e.residual_zero_point);
        nodes = e.nodes;
        activation = e.activation;
    }

    // t -> u
    template <Activation kind>
    OCTET_INLINE __m512i activate(__m512i t) const {
        const __m512i p = _mm512_mulhrs_epi16(t, mult);
        if constexpr (kind == Activation::relu) return _mm512_max_epi16(p, _mm512_setzero_si512());
        if constexpr (kind == Activation::leaky) return _mm512_max_epi16(p, _mm512_mulhrs_epi16(p, alpha));
        if constexpr (kind == Activation::prelu) return _mm512_max_epi16(p, _mm512_mulhrs_epi16(p, channel_alpha));
        if constexpr (kind == Activation::clip) return _mm512_min_epi16(_mm512_max_epi16(p, clip_lo), clip_hi);
        if constexpr (kind == Activation::hardswish) {
            const __m512i shifted = _mm512_max_epi16(_mm512_adds_epi16(p, three), _mm512_setzero_si512());
            return _mm512_mulhrs_epi16(p, _mm512_sllv_epi16(_mm512_min_epi16(shifted, six), six_shift));
        }
        if constexpr (kind == Activation::table) return interpolate(p);
        if constexpr (kind == Activation::gated) {
            return _mm512_mulhrs_epi16(p, interpolate(gate_argument(p)));
        }
        return p;
    }

    // p -> q of a gate
    OCTET_INLINE __m512i gate_argument(__m512i p) const {
        const __m512i one = _mm512_set1_epi16(1);
        const __m512i half = _mm512_set1_epi16(static_cast<std::int16_t>(1 << (gate_shift - 1)));
        const __m128i shift = _mm_cvtsi32_si128(gate_shift);
        const auto product = [&](__m512i value, __m512i weight) {
            return _mm512_sra_epi32(_mm512_madd_epi16(value, weight), shift);
        };
        return _mm512_packs_epi32(product(_mm512_unpacklo_epi16(p, one), _mm512_unpacklo_epi16(channel_alpha, half)),
                                  product(_mm512_unpackhi_epi16(p, one), _mm512_unpackhi_epi16(channel_alpha, half)));
    }

    OCTET_INLINE __m512i interpolate(__m512i p) const {
        const __m512i d = _mm512_xor_si512(_mm512_adds_epi16(p, p), _mm512_set1_epi16(-32768));
        const __m512i i = _mm512_srli_epi16(d, 10), r = _mm512_srli_epi16(_mm512_slli_epi16(d, 6), 1);  // r << 5
        const auto lookup = [&](const std::int16_t* from) {
            return _mm512_permutex2var_epi16(_mm512_loadu_si512(from), i, _mm512_loadu_si512(from + 32));
        };
        const __m512i node = lookup(nodes);
        return _mm512_add_epi16(node, _mm512_mulhrs_epi16(r, _mm512_sub_epi16(lookup(nodes + 1), node)));
    }

    OCTET_INLINE __m512i activate(__m512i t) const {
        return for_activation(
            activation, [&](auto kind) __attribute__((always_inline)) { return activate<decltype(kind)::value>(t); });
    }

    // u -> v
    OCTET_INLINE __m512i scale(__m512i u) const {
        for (int i = 0; i < doublings; ++i) u = _mm512_adds_epi16(u, u);
        return _mm512_mulhi_epi16(u, out_mult);
    }

    // The s16 output.
    OCTET_INLINE __m512i s16(__m512i u) const {
        return activation == Activation::hardswish ? _mm512_mulhrs_epi16(u, out_mult) : u;
    }

    // u and a residual, x: 32 u8 values, -> v
    OCTET_INLINE __m512i scale_and_add(__m512i u, __m256i x) const {
        const __m512i centred = _mm512_slli_epi16(_mm512_sub_epi16(_mm512_cvtepu8_epi16(x), residual_zero_point), 7);
        for (int i = 0; i < doublings; ++i) u = _mm512_adds_epi16(u, u);
        const auto sum = [&](__m512i pairs) { return _mm512_srai_epi32(_mm512_madd_epi16(pairs, mults), 16); };
        return _mm512_packs_epi32(sum(_mm512_unpacklo_epi16(u, centred)), sum(_mm512_unpackhi_epi16(u, centred)));
    }

    // v -> 32 u8 values
    OCTET_INLINE __m256i round(__m512i v) const {
        const __m512i y = _mm512_srav_epi16(_mm512_adds_epi16(v, offset), out_shift);
        return _mm512_cvtepi16_epi8(_mm512_min_epi16(_mm512_max_epi16(y, out_min), out_max));
    }
};

}  // namespace
}  // namespace octet::kernels
