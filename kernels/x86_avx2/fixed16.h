#pragma once

// The fixed16 epilogue of requantize.h on 16 channels: int16 lanes in natural channel order.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include <cstdint>

#include "kernels/requantize.h"

namespace octet::kernels {
namespace {

// Accumulators shifted to t; `raises`: Fixed16::shifts_left().
OCTET_INLINE __m256i fixed16_shift(__m256i acc, __m256i shift, bool raises) {
    if (!raises) return _mm256_srav_epi32(acc, shift);
    const __m256i zero = _mm256_setzero_si256();
    const __m256i raised = _mm256_sllv_epi32(acc, _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero));
    return _mm256_srav_epi32(raised, _mm256_max_epi32(shift, zero));
}

struct Fixed16x16 {
    __m256i mult, channel_alpha, alpha, clip_lo, clip_hi, three, six, out_mult, offset, out_min, out_max, out_min_u8,
        out_max_u8, mults, residual_zero_point, gate_half;
    __m128i six_shift, gate_shift, out_shift;
    const std::int16_t* nodes;
    Activation activation;
    int doublings;

    OCTET_INLINE Fixed16x16(const Fixed16& e, int channel) {
        mult = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(e.mult + channel));
        channel_alpha = e.channel_alpha
                            ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(e.channel_alpha + channel))
                            : _mm256_setzero_si256();
        alpha = _mm256_set1_epi16(e.alpha);
        clip_lo = _mm256_set1_epi16(e.clip_lo);
        clip_hi = _mm256_set1_epi16(e.clip_hi);
        const int f = e.activation == Activation::hardswish ? e.f : 0;
        three = _mm256_set1_epi16(static_cast<std::int16_t>(3 << f));
        six = _mm256_set1_epi16(static_cast<std::int16_t>(6 << f));
        six_shift = _mm_cvtsi32_si128(12 - f);
        gate_half = _mm256_set1_epi16(static_cast<std::int16_t>(1 << (e.gate_shift - 1)));
        gate_shift = _mm_cvtsi32_si128(e.gate_shift);
        doublings = e.doublings;
        out_mult = _mm256_set1_epi16(e.out_mult);
        offset = _mm256_set1_epi16(e.offset);
        out_shift = _mm_cvtsi32_si128(e.out_shift);
        out_min = _mm256_set1_epi16(e.out_min);
        out_max = _mm256_set1_epi16(e.out_max);
        out_min_u8 = _mm256_set1_epi8(static_cast<char>(e.out_min));
        out_max_u8 = _mm256_set1_epi8(static_cast<char>(e.out_max));
        mults = _mm256_set1_epi32(e.residual_mult << 16 | e.out_mult);
        residual_zero_point = _mm256_set1_epi16(e.residual_zero_point);
        nodes = e.nodes;
        activation = e.activation;
    }

    // t -> u
    OCTET_INLINE __m256i activate(__m256i t) const {
        const __m256i p = _mm256_mulhrs_epi16(t, mult);
        switch (activation) {
            case Activation::none:
                return p;
            case Activation::relu:
                return _mm256_max_epi16(p, _mm256_setzero_si256());
            case Activation::leaky:
                return _mm256_max_epi16(p, _mm256_mulhrs_epi16(p, alpha));
            case Activation::prelu:
                return _mm256_max_epi16(p, _mm256_mulhrs_epi16(p, channel_alpha));
            case Activation::clip:
                return _mm256_min_epi16(_mm256_max_epi16(p, clip_lo), clip_hi);
            case Activation::hardswish: {
                const __m256i shifted = _mm256_max_epi16(_mm256_adds_epi16(p, three), _mm256_setzero_si256());
                return _mm256_mulhrs_epi16(p, _mm256_sll_epi16(_mm256_min_epi16(shifted, six), six_shift));
            }
            case Activation::table:
                return interpolate(p);
            case Activation::gated:
                return _mm256_mulhrs_epi16(p, interpolate(gate_argument(p)));
        }
        return p;
    }

    // p -> q of a gate
    OCTET_INLINE __m256i gate_argument(__m256i p) const {
        const __m256i one = _mm256_set1_epi16(1);
        const auto product = [&](__m256i value, __m256i weight) {
            return _mm256_sra_epi32(_mm256_madd_epi16(value, weight), gate_shift);
        };
        return _mm256_packs_epi32(
            product(_mm256_unpacklo_epi16(p, one), _mm256_unpacklo_epi16(channel_alpha, gate_half)),
            product(_mm256_unpackhi_epi16(p, one), _mm256_unpackhi_epi16(channel_alpha, gate_half)));
    }

    // node[i] and node[i + 1] come by one load of 32 bits:
    //     node[i] + mulhrs(r << 5, node[i + 1] - node[i]) = (node[i] * (1024 - r) + node[i + 1] * r + 2^9) >> 10
    OCTET_INLINE __m256i interpolate(__m256i p) const {
        const __m256i d = _mm256_xor_si256(_mm256_adds_epi16(p, p), _mm256_set1_epi16(-32768));
        const __m256i i = _mm256_srli_epi16(d, 10), r = _mm256_and_si256(d, _mm256_set1_epi16(1023));
        const __m256i rest = _mm256_sub_epi16(_mm256_set1_epi16(1024), r), zero = _mm256_setzero_si256();
        const auto half = [&](__m256i index, __m256i weights) {
            const __m256i pairs = _mm256_i32gather_epi32(reinterpret_cast<const int*>(nodes), index, 2);
            const __m256i sum = _mm256_madd_epi16(pairs, weights);
            return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(512)), 10);
        };
        return _mm256_packs_epi32(half(_mm256_unpacklo_epi16(i, zero), _mm256_unpacklo_epi16(rest, r)),
                                  half(_mm256_unpackhi_epi16(i, zero), _mm256_unpackhi_epi16(rest, r)));
    }

    // u -> v
    OCTET_INLINE __m256i scale(__m256i u) const {
        for (int i = 0; i < doublings; ++i) u = _mm256_adds_epi16(u, u);
        return _mm256_mulhi_epi16(u, out_mult);
    }

    // The s16 output.
    OCTET_INLINE __m256i s16(__m256i u) const {
        return activation == Activation::hardswish ? _mm256_mulhrs_epi16(u, out_mult) : u;
    }

    // u and a residual, x: 16 u8 values, -> v
    OCTET_INLINE __m256i scale_and_add(__m256i u, __m128i x) const {
        const __m256i centred = _mm256_slli_epi16(_mm256_sub_epi16(_mm256_cvtepu8_epi16(x), residual_zero_point), 7);
        for (int i = 0; i < doublings; ++i) u = _mm256_adds_epi16(u, u);
        const auto sum = [&](__m256i pairs) { return _mm256_srai_epi32(_mm256_madd_epi16(pairs, mults), 16); };
        return _mm256_packs_epi32(sum(_mm256_unpacklo_epi16(u, centred)), sum(_mm256_unpackhi_epi16(u, centred)));
    }

    // t -> y, not yet saturated to u8, of an activation that is known; no doublings.
    template <Activation known>
    OCTET_INLINE __m256i unrounded(__m256i t) const {
        __m256i u = _mm256_mulhrs_epi16(t, mult);
        if constexpr (known == Activation::leaky) u = _mm256_max_epi16(u, _mm256_mulhrs_epi16(u, alpha));
        if constexpr (known == Activation::prelu) u = _mm256_max_epi16(u, _mm256_mulhrs_epi16(u, channel_alpha));
        if constexpr (known == Activation::hardswish) {
            const __m256i shifted = _mm256_max_epi16(_mm256_adds_epi16(u, three), _mm256_setzero_si256());
            u = _mm256_mulhrs_epi16(u, _mm256_sll_epi16(_mm256_min_epi16(shifted, six), six_shift));
        }
        return _mm256_sra_epi16(_mm256_adds_epi16(_mm256_mulhi_epi16(u, out_mult), offset), out_shift);
    }

    // Two v -> u8 values, in the order in which a 16 -> 8 bit pack leaves them.
    OCTET_INLINE __m256i round_packed(__m256i a, __m256i b) const {
        const __m256i y = _mm256_packus_epi16(_mm256_sra_epi16(_mm256_adds_epi16(a, offset), out_shift),
                                              _mm256_sra_epi16(_mm256_adds_epi16(b, offset), out_shift));
        return _mm256_min_epu8(_mm256_max_epu8(y, out_min_u8), out_max_u8);
    }

    // v of two pixels -> 16 u8 values of each
    OCTET_INLINE __m256i round(__m256i a, __m256i b) const {
        return _mm256_permute4x64_epi64(round_packed(a, b), _MM_SHUFFLE(3, 1, 2, 0));
    }

    // v -> 16 u8 values
    OCTET_INLINE __m128i round(__m256i v) const {
        __m256i y = _mm256_sra_epi16(_mm256_adds_epi16(v, offset), out_shift);
        y = _mm256_min_epi16(_mm256_max_epi16(y, out_min), out_max);
        return _mm_packus_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    }
};

// The first `count` bytes of a vector, 0 < count.
template <typename Vector>
OCTET_INLINE void store_bytes(void* out, const Vector& vector, int count) {
    if (count >= static_cast<int>(sizeof(Vector))) {
        __builtin_memcpy(out, &vector, sizeof(Vector));
        return;
    }
    alignas(32) char bytes[sizeof(Vector)];
    __builtin_memcpy(bytes, &vector, sizeof(Vector));
    for (int i = 0; i < count; ++i) static_cast<char*>(out)[i] = bytes[i];
}

}  // namespace
}  // namespace octet::kernels
