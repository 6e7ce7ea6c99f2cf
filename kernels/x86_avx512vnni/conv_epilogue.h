#pragma once

// From int32 accumulators to the output that the epilogue names: u8, s16 or s32. What a convolution's tile ends with.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/x86_avx512vnni/fixed16.h"

namespace octet::kernels {
namespace {

// What most layers end with: none, leaky or hardswish, to u8 over its whole range. Only the constants that these need:
// while a tile's first pixels are stored, accumulators fill the registers and every use loads its constant; then all
// constants fit beside the rest. A template argument of everything around: a branch between the last product and the
// first store makes the compiler spill all accumulators.
enum class FusedKind : std::uint8_t { no, none, leaky, hardswish };

template <FusedKind kind>
struct FusedKindOf {
    static constexpr FusedKind value = kind;
};

struct FusedU8 {
    __m512i shift0, shift1, mult, alpha, three, six, out_mult, offset;
    __m128i six_shift, out_shift;

    static OCTET_INLINE FusedKind kind_of(const ConvCall& call) {
        const Fixed16& e = call.epilogue;
        if (e.output != OutputKind::u8 || e.doublings != 0 || call.residual.data || e.out_min != 0 ||
            e.out_max != 255) {
            return FusedKind::no;
        }
        return e.activation == Activation::none        ? FusedKind::none
               : e.activation == Activation::leaky     ? FusedKind::leaky
               : e.activation == Activation::hardswish ? FusedKind::hardswish
                                                       : FusedKind::no;
    }

    OCTET_INLINE FusedU8(const Fixed16x32& fixed16, const Fixed16& e)
        : shift0{},
          shift1{},
          mult(fixed16.mult),
          alpha(fixed16.alpha),
          three(fixed16.three),
          six(fixed16.six),
          out_mult(fixed16.out_mult),
          offset(fixed16.offset),
          six_shift(_mm_cvtsi32_si128(e.activation == Activation::hardswish ? 12 - e.f : 0)),
          out_shift(_mm_cvtsi32_si128(e.out_shift)) {}

    // Not yet saturated to u8.
    template <FusedKind kind>
    OCTET_INLINE __m512i apply(__m512i a, __m512i b) const {
        const __m512i t = _mm512_packs_epi32(_mm512_srav_epi32(a, shift0), _mm512_srav_epi32(b, shift1));
        __m512i u = _mm512_mulhrs_epi16(t, mult);
        if constexpr (kind == FusedKind::leaky) u = _mm512_max_epi16(u, _mm512_mulhrs_epi16(u, alpha));
        if constexpr (kind == FusedKind::hardswish) {
            const __m512i shifted = _mm512_max_epi16(_mm512_adds_epi16(u, three), _mm512_setzero_si512());
            u = _mm512_mulhrs_epi16(u, _mm512_sll_epi16(_mm512_min_epi16(shifted, six), six_shift));
        }
        return _mm512_sra_epi16(_mm512_adds_epi16(_mm512_mulhi_epi16(u, out_mult), offset), out_shift);
    }

    template <FusedKind kind>
    OCTET_INLINE void keep_in_registers() {
        asm volatile("" : "+v"(shift0), "+v"(shift1), "+v"(mult), "+v"(out_mult), "+v"(offset), "+v"(out_shift));
        if constexpr (kind == FusedKind::leaky) asm volatile("" : "+v"(alpha));
        if constexpr (kind == FusedKind::hardswish) asm volatile("" : "+v"(three), "+v"(six), "+v"(six_shift));
    }
};

// body(FusedKindOf<kind of the call>)
template <typename Body>
OCTET_INLINE void for_fused_kind(const ConvCall& call, Body body) {
    switch (FusedU8::kind_of(call)) {
        case FusedKind::no:
            return body(FusedKindOf<FusedKind::no>{});
        case FusedKind::none:
            return body(FusedKindOf<FusedKind::none>{});
        case FusedKind::leaky:
            return body(FusedKindOf<FusedKind::leaky>{});
        case FusedKind::hardswish:
            return body(FusedKindOf<FusedKind::hardswish>{});
    }
}

// One vector of accumulators is a pixel's 16 channels, or several pixels' fewer channels; two of them share an
// epilogue.
struct PairEpilogue {
    __m512i bias[1], shift;
    Fixed16x32 fixed16;
    FusedU8 fused;   // multipliers in the order in which a 32 -> 16 bit pack leaves two vectors
    __mmask32 mask;  // of the lanes that are channels of the layer
    int channel, channels, lanes_per_pixel, pixels;

    OCTET_INLINE PairEpilogue(const ConvRow& row, int first)
        : fixed16(row.call->epilogue, first), fused(fixed16, row.call->epilogue), channel(first) {
        const Fixed16& e = row.call->epilogue;
        pixels = row.grouping.pixels;
        lanes_per_pixel = row.grouping.lanes_per_pixel;
        channels = row.call->params.cout - first < lanes_per_pixel ? row.call->params.cout - first : lanes_per_pixel;
        alignas(64) std::int32_t lane_bias[16], lane_shift[16];
        alignas(64) std::int16_t lane_mult[32], lane_alpha[32];
        mask = 0;
        for (int lane = 0; lane < 32; ++lane) {
            const int o = lane % lanes_per_pixel;
            if (lane < 16) lane_bias[lane] = e.bias[first + o];
            if (lane < 16) lane_shift[lane] = e.shift[first + o];
            lane_mult[lane] = e.mult[first + o];
            lane_alpha[lane] = e.channel_alpha ? e.channel_alpha[first + o] : std::int16_t{0};
            mask |= static_cast<__mmask32>(o < channels) << lane;
        }
        bias[0] = _mm512_load_si512(lane_bias);
        shift = _mm512_load_si512(lane_shift);
        fixed16.mult = _mm512_load_si512(lane_mult);
        fixed16.channel_alpha = _mm512_load_si512(lane_alpha);
        fused.shift0 = fused.shift1 = shift;
        // 16-bit lane 8 * k + j of the pack is 32-bit lane 4 * k + j % 4 of either vector.
        fused.mult = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), fixed16.mult);
    }

    template <FusedKind, int vectors>
    OCTET_INLINE void store_tile(const ConvRow& row, const __m512i (&acc)[vectors][1], int x) const {
        alignas(64) __m512i spilled[vectors];
#pragma GCC unroll 16
        for (int p = 0; p < vectors; ++p) spilled[p] = acc[p][0];
        store_vectors(*row.call, spilled, vectors, row.y, x * pixels);
    }

    // `count` vectors of accumulators from pixel (y, x) on.
    __attribute__((noinline)) void store_vectors(const ConvCall& call, const __m512i* acc, int count, int y,
                                                 int x) const {
        if (call.epilogue.output == OutputKind::s32) {
            for (int i = 0; i < count; ++i) store_s32(call, acc[i], y, x + i * pixels);
            return;
        }
        if (FusedU8::kind_of(call) != FusedKind::no) {
            for_fused_kind(call, [&](auto kind) {
                FusedU8 kept = fused;
                kept.keep_in_registers<decltype(kind)::value>();
                for (int i = 0; i < count; i += 4, x += 4 * pixels) {
                    const int left = count - i;
                    const __m512i v[4] = {acc[i], acc[left > 1 ? i + 1 : i], acc[left > 2 ? i + 2 : i],
                                          acc[left > 3 ? i + 3 : i]};
                    store_fused<decltype(kind)::value>(kept, call, v, left < 4 ? left : 4, y, x);
                }
            });
            return;
        }
        for_activation(fixed16.activation, [&](auto kind) {
            const Fixed16x32 constants = fixed16;
            const bool raises = call.epilogue.shifts_left();
            // The pack interleaves the two vectors by 4 lanes.
            const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
            for (int i = 0; i < count; i += 2, x += 2 * pixels) {
                const bool second = i + 1 < count;
                const __m512i a = fixed16_shift(acc[i], shift, raises);
                const __m512i b = fixed16_shift(acc[second ? i + 1 : i], shift, raises);
                const __m512i t = _mm512_permutexvar_epi64(order, _mm512_packs_epi32(a, b));
                const __m512i u = constants.activate<decltype(kind)::value>(t);
                const int stored = second ? 2 * pixels : pixels;
                if (call.epilogue.output == OutputKind::s16) {
                    store_s16(call, constants.s16(u), stored, y, x);
                    continue;
                }
                const __m512i v = call.residual.data
                                      ? constants.scale_and_add(u, load_residual(call.residual, y, x, stored))
                                      : constants.scale(u);
                store_u8(call, constants.round(v), stored, y, x);
            }
        });
    }

    // Four vectors, of which `count` are stored.
    template <FusedKind kind>
    OCTET_INLINE void store_fused(const FusedU8& constants, const ConvCall& call, const __m512i (&v)[4], int count,
                                  int y, int x) const {
        const __m512i low = constants.apply<kind>(v[0], v[1]), high = constants.apply<kind>(v[2], v[3]);
        // Each 128-bit quarter of the pack holds four lanes of all four vectors.
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
        std::uint8_t* out = call.out_u8.pixel(y, x) + channel;
        const std::int64_t stride = call.out_u8.pixel_stride;
        if (stride == lanes_per_pixel) {
            const std::uint64_t channels_of_all = std::uint64_t{mask} << 32 | mask;
            _mm512_mask_storeu_epi8(out, channels_of_all & ~std::uint64_t{0} >> (64 - 16 * count), bytes);
            return;
        }
        alignas(64) std::uint8_t lanes[64];
        _mm512_store_si512(lanes, bytes);
        store_lanes(out, stride, lanes, count * pixels);
    }

    OCTET_INLINE void store_lanes(std::uint8_t* out, std::int64_t stride, const std::uint8_t* lanes, int count) const {
        if (channels == 4) {
            for (int j = 0; j < count; ++j, out += stride) __builtin_memcpy(out, lanes + j * lanes_per_pixel, 4);
        } else if (channels == 8) {
            for (int j = 0; j < count; ++j, out += stride) __builtin_memcpy(out, lanes + j * lanes_per_pixel, 8);
        } else if (channels == 16) {
            for (int j = 0; j < count; ++j, out += stride) __builtin_memcpy(out, lanes + j * lanes_per_pixel, 16);
        } else {
            const auto used = static_cast<__mmask16>((1 << channels) - 1);
            for (int j = 0; j < count; ++j, out += stride) {
                const auto* from = reinterpret_cast<const __m128i*>(lanes + j * lanes_per_pixel);
                _mm_mask_storeu_epi8(out, used, _mm_maskz_loadu_epi8(used, from));
            }
        }
    }

    OCTET_INLINE __mmask32 mask_of(int count) const {
        return count > pixels ? mask : mask & 0xFFFF;
    }

    OCTET_INLINE void store_s32(const ConvCall& call, __m512i acc, int y, int x) const {
        alignas(64) std::int32_t sums[16];
        _mm512_store_si512(sums, acc);
        for (int j = 0; j < pixels; ++j) {
            std::int32_t* out = call.out_s32.pixel(y, x + j) + channel;
            for (int o = 0; o < channels; ++o) out[o] = sums[j * lanes_per_pixel + o];
        }
    }

    OCTET_INLINE void store_s16(const ConvCall& call, __m512i u, int count, int y, int x) const {
        std::int16_t* out = call.out_s16.pixel(y, x) + channel;
        if (call.out_s16.pixel_stride == lanes_per_pixel) {
            _mm512_mask_storeu_epi16(out, mask_of(count), u);
            return;
        }
        alignas(64) std::int16_t values[32];
        _mm512_store_si512(values, u);
        for (int j = 0; j < count; ++j, out += call.out_s16.pixel_stride) {
            for (int o = 0; o < channels; ++o) out[o] = values[j * lanes_per_pixel + o];
        }
    }

    OCTET_INLINE void store_u8(const ConvCall& call, __m256i y8, int count, int y, int x) const {
        std::uint8_t* out = call.out_u8.pixel(y, x) + channel;
        const std::int64_t stride = call.out_u8.pixel_stride;
        if (stride == lanes_per_pixel) {
            _mm256_mask_storeu_epi8(out, mask_of(count), y8);
            return;
        }
        alignas(32) std::uint8_t bytes[32];
        _mm256_store_si256(reinterpret_cast<__m256i*>(bytes), y8);
        store_lanes(out, stride, bytes, count);
    }

    OCTET_INLINE __m256i load_residual(const ConstU8View& residual, int y, int x, int count) const {
        const std::uint8_t* in = residual.pixel(y, x) + channel;
        alignas(32) std::uint8_t bytes[32] = {};
        for (int j = 0; j < count; ++j) {
            for (int o = 0; o < channels; ++o) bytes[j * lanes_per_pixel + o] = in[j * residual.pixel_stride + o];
        }
        return _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes));
    }
};

// Two vectors of accumulators: 32 channels of a pixel.
struct BlockEpilogue {
    __m512i bias[2], shift[2];
    Fixed16x32 fixed16;
    FusedU8 fused;
    __mmask32 mask;
    int channel;

    OCTET_INLINE BlockEpilogue(const ConvRow& row, int first)
        : fixed16(row.call->epilogue, first), fused(fixed16, row.call->epilogue), channel(first) {
        const ConvCall& call = *row.call;
        const Fixed16& e = call.epilogue;
        const int channels = call.params.cout - first < 32 ? call.params.cout - first : 32;
        mask = static_cast<__mmask32>((std::uint64_t{1} << channels) - 1);
        for (int v = 0; v < 2; ++v) {
            bias[v] = load_lanes(e.bias + first, v);
            shift[v] = load_lanes(e.shift + first, v);
        }
        fused.shift0 = shift[0];
        fused.shift1 = shift[1];
    }

    static OCTET_INLINE __m512i load_lanes(const std::int32_t* values, int vector) {
        const __m512i a = _mm512_loadu_si512(values), b = _mm512_loadu_si512(values + 16);
        const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        return _mm512_permutex2var_epi32(a, _mm512_add_epi32(first, _mm512_set1_epi32(4 * vector)), b);
    }

    template <FusedKind kind, int pixels>
    OCTET_INLINE void store_tile(const ConvRow& row, const __m512i (&acc)[pixels][2], int x) const {
        if constexpr (kind != FusedKind::no) return store_fused<kind, pixels>(*row.call, acc, row.y, x);
        alignas(64) __m512i spilled[pixels][2];
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
            spilled[p][0] = acc[p][0];
            spilled[p][1] = acc[p][1];
        }
        store_pixels(*row.call, spilled[0], pixels, row.y, x);
    }

    template <FusedKind kind, int pixels>
    OCTET_INLINE void store_fused(const ConvCall& call, const __m512i (&acc)[pixels][2], int y, int x) const {
        constexpr int reloading = 2;  // pixels
        const std::int64_t stride = call.out_u8.pixel_stride;
        std::uint8_t* out = call.out_u8.pixel(y, x) + channel;
        FusedU8 kept = fused;
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p += 2, out += 2 * stride) {
            const int q = p + 1 < pixels ? p + 1 : p;
            if (p <= reloading) {
                asm volatile("" ::: "memory");
                kept = fused;
            }
            if (p == reloading) kept.keep_in_registers<kind>();
            const __m512i first = kept.apply<kind>(acc[p][0], acc[p][1]);
            if (q == p) {
                const __m512i positive = _mm512_max_epi16(first, _mm512_setzero_si512());
                _mm256_mask_storeu_epi8(out, mask, _mm512_cvtusepi16_epi8(positive));
                continue;
            }
            // The pack saturates to 0..255 and interleaves the two pixels by 8 channels.
            const __m512i packed = _mm512_packus_epi16(first, kept.apply<kind>(acc[q][0], acc[q][1]));
            const __m512i both = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed);
            _mm256_mask_storeu_epi8(out, mask, _mm512_castsi512_si256(both));
            _mm256_mask_storeu_epi8(out + stride, mask, _mm512_extracti64x4_epi64(both, 1));
        }
    }

    // Any epilogue of `count` pixels from (y, x) on, two vectors each.
    __attribute__((noinline)) void store_pixels(const ConvCall& call, const __m512i* acc, int count, int y,
                                                int x) const {
        if (call.epilogue.output == OutputKind::s32) {
            for (int p = 0; p < count; ++p) {
                store_s32(call.out_s32.pixel(y, x + p) + channel, acc[2 * p], acc[2 * p + 1]);
            }
            return;
        }
        for_activation(fixed16.activation, [&](auto kind) {
            const Fixed16x32 constants = fixed16;
            const __m512i shift0 = shift[0], shift1 = shift[1];
            const bool raises = call.epilogue.shifts_left();
            const auto activated = [&](int p) {
                const __m512i a = fixed16_shift(acc[2 * p], shift0, raises);
                const __m512i b = fixed16_shift(acc[2 * p + 1], shift1, raises);
                return constants.activate<decltype(kind)::value>(_mm512_packs_epi32(a, b));
            };
            if (call.epilogue.output == OutputKind::s16) {
                for (int p = 0; p < count; ++p) {
                    std::int16_t* out = call.out_s16.pixel(y, x + p) + channel;
                    _mm512_mask_storeu_epi16(out, mask, constants.s16(activated(p)));
                }
            } else if (call.residual.data) {
                for (int p = 0; p < count; ++p) {
                    const __m256i residual = _mm256_maskz_loadu_epi8(mask, call.residual.pixel(y, x + p) + channel);
                    const __m512i v = constants.scale_and_add(activated(p), residual);
                    _mm256_mask_storeu_epi8(call.out_u8.pixel(y, x + p) + channel, mask, constants.round(v));
                }
            } else {
                for (int p = 0; p < count; ++p) {
                    const __m512i v = constants.scale(activated(p));
                    _mm256_mask_storeu_epi8(call.out_u8.pixel(y, x + p) + channel, mask, constants.round(v));
                }
            }
        });
    }

    OCTET_INLINE void store_s32(std::int32_t* out, __m512i a, __m512i b) const {
        const __m512i low = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
        const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        _mm512_mask_storeu_epi32(out, static_cast<__mmask16>(mask), _mm512_permutex2var_epi32(a, low, b));
        _mm512_mask_storeu_epi32(out + 16, static_cast<__mmask16>(mask >> 16), _mm512_permutex2var_epi32(a, high, b));
    }
};

}  // namespace
}  // namespace octet::kernels
