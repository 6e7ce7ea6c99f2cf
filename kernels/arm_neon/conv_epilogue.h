#pragma once

// From int32 accumulators in memory to the output that the epilogue names: u8, s16 or s32. For every level of Arm.
// In an unnamed namespace on purpose: each file compiles a private copy.

#include "kernels/arm_neon/fixed16.h"
#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

// A pixel's accumulators are `quads` vectors of 4 channels, in natural order; 1 <= quads <= 4. Vectors of several
// pixels of few channels go through the epilogue together, 16 channels or 12 at a time.
template <int quads>
struct QuadsEpilogue {
    static constexpr int lanes = 4 * quads, pixels = 4 / quads, used = quads * pixels;

    int32x4_t bias[quads], shift[used];  // shift: to the left
    int16x8_t mult[2], channel_alpha[2];
    Fixed16x8 fixed16;
    const std::int16_t* nodes;
    int channel, channels;

    OCTET_INLINE QuadsEpilogue(const ConvRow& row, int first) : fixed16(row.call->epilogue), channel(first) {
        const Fixed16& e = row.call->epilogue;
        const int left = row.call->params.cout - first;
        channels = left < lanes ? left : lanes;
        nodes = e.nodes;
        for (int q = 0; q < quads; ++q) bias[q] = vld1q_s32(e.bias + first + 4 * q);
        for (int q = 0; q < used; ++q) shift[q] = vnegq_s32(vld1q_s32(e.shift + first + q % quads * 4));
        for (int h = 0; h < 2; ++h) {
            const int low = 2 * h % quads * 4, high = (2 * h + 1) % quads * 4;
            const auto both = [&](const std::int16_t* values) {
                return vcombine_s16(vld1_s16(values + first + low), vld1_s16(values + first + high));
            };
            mult[h] = both(e.mult);
            channel_alpha[h] = e.channel_alpha ? both(e.channel_alpha) : vdupq_n_s16(0);
        }
    }

    // sums: of `count` pixels from (y, x) on, `lanes` each, and readable up to a multiple of `pixels`. The same of
    // `rows` rows, each `pitch` sums behind the last.
    __attribute__((noinline)) void store(const ConvCall& call, const std::int32_t* sums, int count, int y, int x,
                                         int rows = 1, int pitch = 0) const {
        const Fixed16& e = call.epilogue;
        if (e.output == OutputKind::s32) {
            for (int r = 0; r < rows; ++r) store_s32(call, sums + r * pitch, count, y + r, x);
            return;
        }
        const Results results = {sums, count, y, x, rows, pitch};
        for_activation(
            e.activation, [&](auto kind) __attribute__((always_inline)) {
                constexpr Activation activation = decltype(kind)::value;
                if (e.output == OutputKind::s16 && channels < lanes) {
                    store_s16<activation, false>(*this, call, results);
                } else if (e.output == OutputKind::s16) {
                    store_s16<activation, true>(*this, call, results);
                } else if (call.residual.data || e.doublings != 0) {
                    if (channels < lanes) {
                        store_u8<activation, false, false>(*this, call, results);
                    } else {
                        store_u8<activation, false, true>(*this, call, results);
                    }
                } else if (channels < lanes) {
                    store_u8<activation, true, false>(*this, call, results);
                } else {
                    store_u8<activation, true, true>(*this, call, results);
                }
            });
    }

  private:
    struct Results {
        const std::int32_t* sums;
        int count, y, x, rows, pitch;
    };

    template <Activation kind>
    OCTET_INLINE int16x8_t activated(const std::int32_t* sums, int half) const {
        const int second = 2 * half + 1 < used ? 2 * half + 1 : 2 * half;
        const int32x4_t a = vshlq_s32(vld1q_s32(sums + 8 * half), shift[2 * half]);
        const int32x4_t b = vshlq_s32(vld1q_s32(sums + 4 * second), shift[second]);
        return fixed16.template activate<kind>(vqmovn_high_s32(vqmovn_s32(a), b), mult[half], channel_alpha[half]);
    }

    template <Activation kind>
    OCTET_INLINE void activate(const std::int32_t* sums, const TableNodes& table, int16x8_t (&u)[2]) const {
        u[0] = activated<kind>(sums, 0);
        u[1] = activated<kind>(sums, 1);
        if constexpr (kind == Activation::table) table.interpolate(u);
        if constexpr (kind == Activation::gated) {
            int16x8_t gate[2] = {fixed16.gate_argument(u[0], channel_alpha[0]),
                                 fixed16.gate_argument(u[1], channel_alpha[1])};
            table.interpolate(gate);
            u[0] = vqrdmulhq_s16(u[0], gate[0]);
            u[1] = vqrdmulhq_s16(u[1], gate[1]);
        }
    }

    // whole: all channels are stored. A copy of the epilogue, so that its constants stay in registers: what is written
    // might change them for all that the compiler knows. A function of its own for each way, or GCC 12 keeps the
    // constants of all ways alive, in memory.
    template <Activation kind, bool plain, bool whole>
    __attribute__((noinline)) static void store_u8(const QuadsEpilogue& all, const ConvCall& call,
                                                   const Results& results) {
        const QuadsEpilogue copy = all;
        const TableNodes table = copy.template table_of<kind>();
        const std::int64_t stride = call.out_u8.pixel_stride;
        const int count = results.count, x = results.x;
        for (int r = 0; r < results.rows; ++r) {
            const std::int32_t* sums = results.sums + r * results.pitch;
            const int y = results.y + r;
            std::uint8_t* out = call.out_u8.pixel(y, x) + copy.channel;
            for (int i = 0; i < count; i += pixels, sums += 4 * used) {
                const int stored = count - i < pixels ? count - i : pixels;
                int16x8_t u[2];
                copy.template activate<kind>(sums, table, u);
                if constexpr (plain) {
                    u[0] = copy.fixed16.unclamped(u[0]);
                    u[1] = copy.fixed16.unclamped(u[1]);
                } else {
                    const uint8x16_t added = copy.residual(call, y, x + i, stored);
                    u[0] = copy.fixed16.unclamped(u[0], vget_low_u8(added));
                    u[1] = copy.fixed16.unclamped(u[1], vget_high_u8(added));
                }
                const uint8x16_t bytes = copy.fixed16.clamp(u[0], u[1]);
                if constexpr (quads == 4 && whole) {
                    vst1q_u8(out, bytes);
                    out += stride;
                } else {
                    out = copy.template store_pixels<whole>(out, stride, reinterpret_cast<const char*>(&bytes), 1,
                                                            stored);
                }
            }
        }
    }

    // x of the residual; without one, what multiplies to nothing.
    OCTET_INLINE uint8x16_t residual(const ConvCall& call, int y, int x, int count) const {
        if (!call.residual.data) return vdupq_n_u8(call.epilogue.residual_zero_point);
        if constexpr (quads == 4) return vld1q_u8(call.residual.pixel(y, x) + channel);
        uint8x16_t bytes = vdupq_n_u8(0);
        for (int g = 0; g < count; ++g) {
            __builtin_memcpy(reinterpret_cast<char*>(&bytes) + g * lanes, call.residual.pixel(y, x + g) + channel,
                             lanes);
        }
        return bytes;
    }

    // `count` pixels of elements of `size` bytes; returns where the next one goes.
    template <bool whole, typename T>
    OCTET_INLINE T* store_pixels(T* out, std::int64_t stride, const char* bytes, int size, int count) const {
        for (int g = 0; g < count; ++g, out += stride, bytes += lanes * size) {
            if constexpr (whole) {
                __builtin_memcpy(out, bytes, lanes * sizeof(T));
            } else {
                int left = channels * size;
                auto* to = reinterpret_cast<char*>(out);
                const char* from = bytes;
                for (; left >= 16; left -= 16, to += 16, from += 16) __builtin_memcpy(to, from, 16);
                copy_part(to, from, left);
            }
        }
        return out;
    }

    template <Activation kind>
    OCTET_INLINE TableNodes table_of() const {
        // Of other activations never read.
        static constexpr std::int16_t none[table_segments + 1] = {};
        return TableNodes(kind == Activation::table || kind == Activation::gated ? nodes : none);
    }

    template <Activation kind, bool whole>
    __attribute__((noinline)) static void store_s16(const QuadsEpilogue& all, const ConvCall& call,
                                                    const Results& results) {
        const QuadsEpilogue copy = all;
        const TableNodes table = copy.template table_of<kind>();
        const int count = results.count;
        for (int r = 0; r < results.rows; ++r) {
            const std::int32_t* sums = results.sums + r * results.pitch;
            std::int16_t* out = call.out_s16.pixel(results.y + r, results.x) + copy.channel;
            for (int i = 0; i < count; i += pixels, sums += 4 * used) {
                int16x8_t u[2];
                copy.template activate<kind>(sums, table, u);
                const int16x8_t both[2] = {copy.fixed16.s16(u[0]), copy.fixed16.s16(u[1])};
                out = copy.template store_pixels<whole>(out, call.out_s16.pixel_stride,
                                                        reinterpret_cast<const char*>(both), 2,
                                                        count - i < pixels ? count - i : pixels);
            }
        }
    }

    __attribute__((noinline)) void store_s32(const ConvCall& call, const std::int32_t* sums, int count, int y,
                                             int x) const {
        for (int i = 0; i < count; ++i, sums += lanes) {
            std::int32_t* out = call.out_s32.pixel(y, x + i) + channel;
            for (int o = 0; o < channels; o += 4) {
                store_bytes(out + o, vld1q_s32(sums + o), channels - o < 4 ? 4 * (channels - o) : 16);
            }
        }
    }
};

}  // namespace
}  // namespace octet::kernels
