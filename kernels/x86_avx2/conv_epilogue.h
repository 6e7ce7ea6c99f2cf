#pragma once

// From int32 accumulators to the output that the epilogue names: u8, s16 or s32. What a convolution's tile ends with.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {
namespace {

// One vector of accumulators is a pixel's 8 channels, or two pixels' 4; two of them share an epilogue.
struct PairEpilogue {
    __m256i bias[1], shift;
    Fixed16x16 fixed16;
    int channel, channels, lanes_per_pixel, pixels;

    OCTET_INLINE PairEpilogue(const ConvRow& row, int first) : fixed16(row.call->epilogue, first), channel(first) {
        const Fixed16& e = row.call->epilogue;
        pixels = row.grouping.pixels;
        lanes_per_pixel = row.grouping.lanes_per_pixel;
        channels = row.call->params.cout - first < lanes_per_pixel ? row.call->params.cout - first : lanes_per_pixel;
        alignas(32) std::int32_t lane_bias[8], lane_shift[8];
        alignas(32) std::int16_t lane_mult[16], lane_alpha[16];
        for (int lane = 0; lane < 16; ++lane) {
            const int o = lane % lanes_per_pixel;
            if (lane < 8) lane_bias[lane] = e.bias[first + o];
            if (lane < 8) lane_shift[lane] = e.shift[first + o];
            lane_mult[lane] = e.mult[first + o];
            lane_alpha[lane] = e.channel_alpha ? e.channel_alpha[first + o] : std::int16_t{0};
        }
        bias[0] = _mm256_load_si256(reinterpret_cast<const __m256i*>(lane_bias));
        shift = _mm256_load_si256(reinterpret_cast<const __m256i*>(lane_shift));
        fixed16.mult = _mm256_load_si256(reinterpret_cast<const __m256i*>(lane_mult));
        fixed16.channel_alpha = _mm256_load_si256(reinterpret_cast<const __m256i*>(lane_alpha));
    }

    // sums[i]: the accumulators of vector x + i, i < count. The copy is for what BlockEpilogue::store_u8 says.
    __attribute__((noinline)) void store(const ConvRow& row, const __m256i* sums, int count, int x) const {
        const PairEpilogue epilogue = *this;
        if (row.call->epilogue.output == OutputKind::u8 && !row.call->residual.data) {
            return epilogue.store_u8(row, sums, count, x);
        }
        for (int i = 0; i < count; i += 2) {
            const bool second = i + 1 < count;
            epilogue.store(row, sums[i], sums[second ? i + 1 : i], second, x + i);
        }
    }

    // Four vectors at a time, in the order in which 32 -> 16 bit packs leave them until the end.
    OCTET_INLINE void store_u8(const ConvRow& row, const __m256i* sums, int count, int x) const {
        const ConvCall& call = *row.call;
        Fixed16x16 packed = fixed16;
        packed.mult = _mm256_permute4x64_epi64(fixed16.mult, _MM_SHUFFLE(1, 1, 0, 0));
        packed.channel_alpha = _mm256_permute4x64_epi64(fixed16.channel_alpha, _MM_SHUFFLE(1, 1, 0, 0));
        const bool raises = call.epilogue.shifts_left();
        const auto narrow = [&](__m256i a, __m256i b) {
            return packed.scale(
                packed.activate(_mm256_packs_epi32(fixed16_shift(a, shift, raises), fixed16_shift(b, shift, raises))));
        };
        const std::int64_t stride = call.out_u8.pixel_stride;
        std::uint8_t* out = call.out_u8.pixel(row.y, x * pixels) + channel;
        for (int i = 0; i < count; i += 4, out += 4 * pixels * stride) {
            const int left = count - i < 4 ? count - i : 4;
            const __m256i a = narrow(sums[i], sums[left > 1 ? i + 1 : i]);
            const __m256i b = left > 2 ? narrow(sums[i + 2], sums[left > 3 ? i + 3 : i + 2]) : a;
            const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            const __m256i y = _mm256_permutevar8x32_epi32(packed.round_packed(a, b), order);
            if (stride == lanes_per_pixel && channels == lanes_per_pixel && left == 4) {
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), y);
                continue;
            }
            alignas(32) std::uint8_t bytes[32];
            _mm256_store_si256(reinterpret_cast<__m256i*>(bytes), y);
            scatter(bytes, out, stride, left * pixels);
        }
    }

    // second: whether b counts. x: in vectors of pixels.
    OCTET_INLINE void store(const ConvRow& row, __m256i a, __m256i b, bool second, int x) const {
        const ConvCall& call = *row.call;
        const int first_pixel = x * pixels, count = second ? 2 * pixels : pixels;
        if (call.epilogue.output == OutputKind::s32) {
            alignas(32) std::int32_t sums[16];
            _mm256_store_si256(reinterpret_cast<__m256i*>(sums), a);
            _mm256_store_si256(reinterpret_cast<__m256i*>(sums) + 1, b);
            scatter(sums, call.out_s32.pixel(row.y, first_pixel) + channel, call.out_s32.pixel_stride, count);
            return;
        }
        // The pack interleaves the two vectors by 4 lanes.
        const bool raises = call.epilogue.shifts_left();
        const __m256i packed = _mm256_packs_epi32(fixed16_shift(a, shift, raises), fixed16_shift(b, shift, raises));
        const __m256i u = fixed16.activate(_mm256_permute4x64_epi64(packed, _MM_SHUFFLE(3, 1, 2, 0)));
        if (call.epilogue.output == OutputKind::s16) {
            std::int16_t* out = call.out_s16.pixel(row.y, first_pixel) + channel;
            const std::int64_t stride = call.out_s16.pixel_stride;
            if (stride == lanes_per_pixel && channels == lanes_per_pixel && second) {
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), fixed16.s16(u));
                return;
            }
            alignas(32) std::int16_t values[16];
            _mm256_store_si256(reinterpret_cast<__m256i*>(values), fixed16.s16(u));
            scatter(values, out, stride, count);
            return;
        }
        const __m256i v = call.residual.data
                              ? fixed16.scale_and_add(u, load_residual(call.residual, row.y, first_pixel, count))
                              : fixed16.scale(u);
        const __m128i y = fixed16.round(v);
        std::uint8_t* out = call.out_u8.pixel(row.y, first_pixel) + channel;
        const std::int64_t stride = call.out_u8.pixel_stride;
        if (stride == lanes_per_pixel && channels == lanes_per_pixel && second) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(out), y);
            return;
        }
        alignas(16) std::uint8_t bytes[16];
        _mm_store_si128(reinterpret_cast<__m128i*>(bytes), y);
        scatter(bytes, out, stride, count);
    }

    // values: lanes of T, written to `count` pixels.
    template <typename T>
    OCTET_INLINE void scatter(const T* values, T* out, std::int64_t stride, int count) const {
        switch (channels) {
            case 2:
                return scatter_channels<2>(values, out, stride, count);
            case 4:
                return scatter_channels<4>(values, out, stride, count);
            case 8:
                return scatter_channels<8>(values, out, stride, count);
            default:
                for (int j = 0; j < count; ++j, out += stride, values += lanes_per_pixel) {
                    for (int o = 0; o < channels; ++o) out[o] = values[o];
                }
        }
    }

    template <int fixed_channels, typename T>
    OCTET_INLINE void scatter_channels(const T* values, T* out, std::int64_t stride, int count) const {
        for (int j = 0; j < count; ++j, out += stride, values += lanes_per_pixel) {
            __builtin_memcpy(out, values, fixed_channels * sizeof(T));
        }
    }

    OCTET_INLINE __m128i load_residual(const ConstU8View& residual, int y, int x, int count) const {
        const std::uint8_t* in = residual.pixel(y, x) + channel;
        alignas(16) std::uint8_t bytes[16] = {};
        for (int j = 0; j < count; ++j) {
            for (int o = 0; o < channels; ++o) bytes[j * lanes_per_pixel + o] = in[j * residual.pixel_stride + o];
        }
        return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
    }
};

// Two vectors of accumulators: 16 channels of a pixel.
struct BlockEpilogue {
    __m256i bias[2], shift[2];
    Fixed16x16 fixed16;
    int channel, channels;

    OCTET_INLINE BlockEpilogue(const ConvRow& row, int first) : fixed16(row.call->epilogue, first), channel(first) {
        const ConvCall& call = *row.call;
        channels = call.params.cout - first < 16 ? call.params.cout - first : 16;
        for (int v = 0; v < 2; ++v) {
            bias[v] = load_lanes(call.epilogue.bias + first, v);
            shift[v] = load_lanes(call.epilogue.shift + first, v);
        }
    }

    static OCTET_INLINE __m256i load_lanes(const std::int32_t* values, int vector) {
        const auto* quads = reinterpret_cast<const __m128i*>(values);
        return _mm256_set_m128i(_mm_loadu_si128(quads + vector + 2), _mm_loadu_si128(quads + vector));
    }

    // Whether store_fused() does: most layers end so.
    OCTET_INLINE bool fuses(const ConvCall& call) const {
        const Fixed16& e = call.epilogue;
        return e.output == OutputKind::u8 && e.doublings == 0 && !call.residual.data && channels == 16 &&
               e.out_min == 0 && e.out_max == 255 &&
               (e.activation == Activation::none || e.activation == Activation::leaky ||
                e.activation == Activation::prelu || e.activation == Activation::hardswish);
    }

    // To u8 over its whole range, from accumulators that fill the registers: every use loads its constant.
    template <Activation activation, int pixels>
    OCTET_INLINE void store_fused(const ConvRow& row, const __m256i (&acc)[pixels][2], int x) const {
        const std::int64_t stride = row.call->out_u8.pixel_stride;
        std::uint8_t* out = row.call->out_u8.pixel(row.y, x) + channel;
#pragma GCC unroll 4
        for (int p = 0; p < pixels; p += 2, out += 2 * stride) {
            const int q = p + 1 < pixels ? p + 1 : p;
            asm volatile("" ::: "memory");
            const __m256i a = fixed16.unrounded<activation>(narrow(acc[p]));
            const __m256i b = q > p ? fixed16.unrounded<activation>(narrow(acc[q])) : a;
            const __m256i y = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), _MM_SHUFFLE(3, 1, 2, 0));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(y));
            if (q > p) _mm_storeu_si128(reinterpret_cast<__m128i*>(out + stride), _mm256_extracti128_si256(y, 1));
        }
    }

    // sums[2 * i], sums[2 * i + 1]: the accumulators of pixel x + i, i < count. The same of `rows` rows, from row.y on,
    // each `pitch` vectors behind the last.
    OCTET_INLINE void store(const ConvRow& row, const __m256i* sums, int count, int x, int rows = 1,
                            int pitch = 0) const {
        if (row.call->epilogue.output != OutputKind::u8) {
            store_wide(row, sums, count, x, rows, pitch);
        } else if (fixed16.activation == Activation::hardswish) {
            store_u8<Activation::hardswish>(*this, row, sums, count, x, rows, pitch);
        } else if (fixed16.activation == Activation::table) {
            store_u8<Activation::table>(*this, row, sums, count, x, rows, pitch);
        } else if (fixed16.activation == Activation::gated) {
            store_u8<Activation::gated>(*this, row, sums, count, x, rows, pitch);
        } else if (fixed16.activation == Activation::none) {
            store_u8<Activation::none>(*this, row, sums, count, x, rows, pitch);
        } else {
            store_u8<all_others>(*this, row, sums, count, x, rows, pitch);
        }
    }

  private:
    static constexpr auto all_others = static_cast<Activation>(255);

    // int32 -> int16, 16 channels in natural order
    OCTET_INLINE __m256i narrow(const __m256i* sums, bool raises = false) const {
        return _mm256_packs_epi32(fixed16_shift(sums[0], shift[0], raises), fixed16_shift(sums[1], shift[1], raises));
    }

    __attribute__((noinline)) void store_wide(const ConvRow& row, const __m256i* sums, int count, int x, int rows,
                                              int pitch) const {
        const ConvCall& call = *row.call;
        for (int y = row.y; y < row.y + rows; ++y, sums += pitch) {
            for (int i = 0; i < count; ++i) {
                if (call.epilogue.output == OutputKind::s32) {
                    store_s32(call.out_s32.pixel(y, x + i) + channel, sums[2 * i], sums[2 * i + 1]);
                } else {
                    const __m256i u = fixed16.activate(narrow(sums + 2 * i, true));
                    store_bytes(call.out_s16.pixel(y, x + i) + channel, fixed16.s16(u), channels * 2);
                }
            }
        }
    }

    // Two pixels at a time share the step from 16 to 8 bits. A copy of the epilogue, so that its constants stay in
    // registers: what is written might change them for all that the compiler knows.
    template <Activation activation>
    __attribute__((noinline)) static void store_u8(const BlockEpilogue& whole, const ConvRow& row,
                                                   const __m256i* all_sums, int count, int x, int rows, int pitch) {
        const BlockEpilogue epilogue = whole;
        Fixed16x16 fixed16 = epilogue.fixed16;
        if (activation != all_others) fixed16.activation = activation;
        const ConvCall& call = *row.call;
        const std::int64_t out_stride = call.out_u8.pixel_stride, residual_stride = call.residual.pixel_stride;
        for (int r = 0; r < rows; ++r, all_sums += pitch) {
            const __m256i* sums = all_sums;
            std::uint8_t* out = call.out_u8.pixel(row.y + r, x) + epilogue.channel;
            const std::uint8_t* residual =
                call.residual.data ? call.residual.pixel(row.y + r, x) + epilogue.channel : nullptr;
            for (int i = 0; i < count; i += 2, sums += 4, out += 2 * out_stride) {
                const bool second = i + 1 < count;
                constexpr bool raises = activation == Activation::table || activation == Activation::gated;
                __m256i a = fixed16.activate(epilogue.narrow(sums, raises));
                __m256i b = second ? fixed16.activate(epilogue.narrow(sums + 2, raises)) : a;
                if (residual) {
                    a = fixed16.scale_and_add(a, _mm_loadu_si128(reinterpret_cast<const __m128i*>(residual)));
                    residual += residual_stride;
                    if (second) {
                        b = fixed16.scale_and_add(b, _mm_loadu_si128(reinterpret_cast<const __m128i*>(residual)));
                    }
                    residual += residual_stride;
                } else {
                    a = fixed16.scale(a);
                    b = second ? fixed16.scale(b) : a;
                }
                const __m256i y = fixed16.round(a, b);
                if (epilogue.channels == 16) {
                    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(y));
                    if (second) {
                        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + out_stride), _mm256_extracti128_si256(y, 1));
                    }
                } else {
                    store_bytes(out, _mm256_castsi256_si128(y), epilogue.channels);
                    if (second) store_bytes(out + out_stride, _mm256_extracti128_si256(y, 1), epilogue.channels);
                }
            }
        }
    }

    OCTET_INLINE void store_s32(std::int32_t* out, __m256i a, __m256i b) const {
        store_bytes(out, _mm256_permute2x128_si256(a, b, 0x20), channels * 4);
        if (channels > 8) store_bytes(out + 8, _mm256_permute2x128_si256(a, b, 0x31), (channels - 8) * 4);
    }
};

}  // namespace
}  // namespace octet::kernels
