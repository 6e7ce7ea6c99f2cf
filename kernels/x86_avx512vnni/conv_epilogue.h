#pragma once

// From int32 accumulators to the output that the epilogue names: u8, s16 or s32. What a convolution's tile ends with.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/x86_avx512vnni/fixed16.h"

namespace octet::kernels {
namespace {

// One vector of accumulators is a pixel's 16 channels, or several pixels' fewer channels; two of them share an
// epilogue.
struct PairEpilogue {
    __m512i bias[1], shift;
    Fixed16x32 fixed16;
    __mmask32 mask;  // of the lanes that are channels of the layer
    int channel, channels, lanes_per_pixel, pixels;

    OCTET_INLINE PairEpilogue(const ConvRow& row, int first) : fixed16(row.call->epilogue, first), channel(first) {
        const Fixed16& e = row.call->epilogue;
        pixels = row.grouping.pixels;
        lanes_per_pixel = row.grouping.lanes_per_pixel;
        channels = row.call->params.cout - first < lanes_per_pixel ? row.call->params.cout - first : lanes_per_pixel;
        alignas(64) int32_t lane_bias[16], lane_shift[16];
        alignas(64) int16_t lane_mult[32], lane_alpha[32];
        mask = 0;
        for (int lane = 0; lane < 32; ++lane) {
            const int o = lane % lanes_per_pixel;
            if (lane < 16) lane_bias[lane] = e.bias[first + o];
            if (lane < 16) lane_shift[lane] = e.shift[first + o];
            lane_mult[lane] = e.mult[first + o];
            lane_alpha[lane] = e.prelu_alpha ? e.prelu_alpha[first + o] : int16_t{0};
            mask |= static_cast<__mmask32>(o < channels) << lane;
        }
        bias[0] = _mm512_load_si512(lane_bias);
        shift = _mm512_load_si512(lane_shift);
        fixed16.mult = _mm512_load_si512(lane_mult);
        fixed16.prelu_alpha = _mm512_load_si512(lane_alpha);
    }

    // second: whether b counts. x: in vectors of pixels.
    OCTET_INLINE void store(const ConvRow& row, __m512i a, __m512i b, bool second, int x) const {
        const ConvCall& call = *row.call;
        const int first_pixel = x * pixels, count = second ? 2 * pixels : pixels;
        if (call.epilogue.output == OutputKind::s32) {
            alignas(64) int32_t sums[32];
            _mm512_store_si512(sums, a);
            _mm512_store_si512(sums + 16, b);
            for (int j = 0; j < count; ++j) {
                int32_t* out = call.out_s32.pixel(row.y, first_pixel + j) + channel;
                for (int o = 0; o < channels; ++o) out[o] = sums[j * lanes_per_pixel + o];
            }
            return;
        }
        // The pack interleaves the two vectors by 4 lanes.
        const __m512i packed = _mm512_packs_epi32(_mm512_srav_epi32(a, shift), _mm512_srav_epi32(b, shift));
        const __m512i u = fixed16.activate(_mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed));
        const __mmask32 used = second ? mask : mask & 0xFFFF;
        if (call.epilogue.output == OutputKind::s16) {
            int16_t* out = call.out_s16.pixel(row.y, first_pixel) + channel;
            if (call.out_s16.pixel_stride == lanes_per_pixel) {
                _mm512_mask_storeu_epi16(out, used, fixed16.s16(u));
                return;
            }
            alignas(64) int16_t values[32];
            _mm512_store_si512(values, fixed16.s16(u));
            for (int j = 0; j < count; ++j, out += call.out_s16.pixel_stride) {
                for (int o = 0; o < channels; ++o) out[o] = values[j * lanes_per_pixel + o];
            }
            return;
        }
        __m512i v = fixed16.scale(u);
        if (call.residual.data) v = fixed16.add_residual(v, load_residual(call.residual, row.y, first_pixel, count));
        const __m256i y = fixed16.round(v);
        uint8_t* out = call.out_u8.pixel(row.y, first_pixel) + channel;
        if (call.out_u8.pixel_stride == lanes_per_pixel) {
            _mm256_mask_storeu_epi8(out, used, y);
            return;
        }
        alignas(32) uint8_t bytes[32];
        _mm256_store_si256(reinterpret_cast<__m256i*>(bytes), y);
        const int64_t stride = call.out_u8.pixel_stride;
        const auto pixel_mask = static_cast<__mmask16>((1 << channels) - 1);
        for (int j = 0; j < count; ++j) {
            const auto* from = reinterpret_cast<const __m128i*>(bytes + j * lanes_per_pixel);
            _mm_mask_storeu_epi8(out + j * stride, pixel_mask, _mm_maskz_loadu_epi8(pixel_mask, from));
        }
    }

    OCTET_INLINE __m256i load_residual(const ConstU8View& residual, int y, int x, int count) const {
        const uint8_t* in = residual.pixel(y, x) + channel;
        alignas(32) uint8_t bytes[32] = {};
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
    __mmask32 mask;
    int channel;

    OCTET_INLINE BlockEpilogue(const ConvRow& row, int first) : fixed16(row.call->epilogue, first), channel(first) {
        const ConvCall& call = *row.call;
        const int channels = call.params.cout - first < 32 ? call.params.cout - first : 32;
        mask = static_cast<__mmask32>((uint64_t{1} << channels) - 1);
        for (int v = 0; v < 2; ++v) {
            bias[v] = load_lanes(call.epilogue.bias + first, v);
            shift[v] = load_lanes(call.epilogue.shift + first, v);
        }
    }

    static OCTET_INLINE __m512i load_lanes(const int32_t* values, int vector) {
        const __m512i a = _mm512_loadu_si512(values), b = _mm512_loadu_si512(values + 16);
        const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        return _mm512_permutex2var_epi32(a, _mm512_add_epi32(first, _mm512_set1_epi32(4 * vector)), b);
    }

    OCTET_INLINE void store(const ConvRow& row, __m512i a, __m512i b, int x) const {
        const ConvCall& call = *row.call;
        if (call.epilogue.output == OutputKind::s32) return store_s32(call.out_s32.pixel(row.y, x) + channel, a, b);
        const __m512i t = _mm512_packs_epi32(_mm512_srav_epi32(a, shift[0]), _mm512_srav_epi32(b, shift[1]));
        const __m512i u = fixed16.activate(t);
        if (call.epilogue.output == OutputKind::s16) {
            _mm512_mask_storeu_epi16(call.out_s16.pixel(row.y, x) + channel, mask, fixed16.s16(u));
            return;
        }
        __m512i v = fixed16.scale(u);
        if (call.residual.data) {
            v = fixed16.add_residual(v, _mm256_maskz_loadu_epi8(mask, call.residual.pixel(row.y, x) + channel));
        }
        _mm256_mask_storeu_epi8(call.out_u8.pixel(row.y, x) + channel, mask, fixed16.round(v));
    }

    OCTET_INLINE void store_s32(int32_t* out, __m512i a, __m512i b) const {
        const __m512i low = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
        const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        _mm512_mask_storeu_epi32(out, static_cast<__mmask16>(mask), _mm512_permutex2var_epi32(a, low, b));
        _mm512_mask_storeu_epi32(out + 16, static_cast<__mmask16>(mask >> 16), _mm512_permutex2var_epi32(a, high, b));
    }
};

}  // namespace
}  // namespace octet::kernels
