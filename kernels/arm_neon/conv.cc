// Direct convolution of Armv8.0: u8 x s8 as smull, smlal2, sadalp of x - 128, along the input's channels; s16 x s8 as
// smlal by lane. See conv_direct.h.

#include "kernels/conv.h"

#include "kernels/arm_neon/conv_direct.h"
#include "kernels/arm_neon/conv_s16.h"
#include "kernels/conv_grouped.h"

namespace octet::kernels {
namespace {

// The rows under a row of outputs are copied as x - 128, all rows of the kernel side by side, so that what an output
// reads is one run, or one for each column of a dilated kernel:
//
//     copy [x, from the first tap of the first output on][ky][cin]
//
// Lanes hold sums over every eighth byte of a run, of one pixel and one output. A chunk is 16 bytes of a run; where a run
// ends with 8 bytes or fewer, the last is half a chunk. Of the products that share a lane, 16 bits hold four where the
// magnitudes of their weights are 255 together: |x - 128| <= 128. For each quad of outputs chunks are paired so that as
// many as possible take four products at once, be it those of taps far apart; of the others most take two, which fails
// only for weights of -128.
//
//     packed  [128 times the sum of each channel's weights, int32] [quad of outputs: Steps]
//     Steps   counts, int32[4] [where in the copy a chunk begins, int32, in the order of use] [weights, in the same order]
//     weights of a chunk [output, 4][16], of half a chunk [output, 4][8]
struct DirectNeon8 {
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr int max_pixels = 5, chunk = 16;

    struct Counts {
        std::int32_t fours, twos, ones, halves;  // fours: pairs of chunks
    };

    static const char* refuses(const ConvParams& p, const std::int8_t*) {
        if (const char* why = direct_refuses(p, input)) return why;
        // Where a chunk begins is an int32.
        const std::int64_t columns = std::int64_t{p.kernel_w - 1} * p.dilation_w + 1;
        return columns > 0x7FFFFFFF / column_bytes(p) ? "a kernel that reads 2 GiB" : nullptr;
    }

    static std::int64_t column_bytes(const ConvParams& p) { return std::int64_t{p.kernel_h} * p.cin; }
    static int runs(const ConvParams& p) { return p.dilation_w == 1 ? 1 : p.kernel_w; }
    static std::int64_t run_length(const ConvParams& p) { return column_bytes(p) * p.kernel_w / runs(p); }
    static std::int64_t run_chunks(const ConvParams& p) { return (run_length(p) + chunk - 1) / chunk; }
    static bool ends_in_half(const ConvParams& p) { return (run_length(p) + 7) / 8 % 2 == 1; }
    static std::int64_t chunks(const ConvParams& p) { return runs(p) * run_chunks(p); }
    static std::int64_t offset_bytes(const ConvParams& p) {
        return conv_round_up(chunks(p) * static_cast<std::int64_t>(sizeof(std::int32_t)), 16);
    }
    static std::int64_t quad_bytes(const ConvParams& p) {
        return static_cast<std::int64_t>(sizeof(Counts)) + offset_bytes(p) + chunks(p) * 4 * chunk;
    }
    static std::int64_t constants_bytes(const ConvParams& p) {
        return std::int64_t{direct_blocks(p)} * block_channels * static_cast<std::int64_t>(sizeof(std::int32_t));
    }

    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t*) {
        return static_cast<std::size_t>(constants_bytes(p) + (p.cout + 3) / 4 * quad_bytes(p));
    }

    // The four outputs' weights of a chunk: of byte k of the run, ky and channel run fastest.
    static void chunk_weights(const ConvParams& p, const std::int8_t* weights, int first, std::int64_t index,
                              std::int8_t (&out)[4][chunk]) {
        const std::int64_t run = index / run_chunks(p), taps = std::int64_t{p.kernel_h} * p.kernel_w * p.cin;
        for (int k = 0; k < chunk; ++k) {
            const std::int64_t at = index % run_chunks(p) * chunk + k;
            const std::int64_t i = at % p.cin, ky = at / p.cin % p.kernel_h, kx = at / column_bytes(p) + run;
            for (int o = 0; o < 4; ++o) {
                out[o][k] = at < run_length(p) && first + o < p.cout
                                ? weights[(first + o) * taps + (ky * p.kernel_w + kx) * p.cin + i]
                                : std::int8_t{0};
            }
        }
    }

    // Of the weights whose products share a lane of 16 bits.
    struct Magnitudes {
        std::uint16_t lane[32];
        int largest;
    };
    static constexpr int most = 32767 / 128;

    static Magnitudes magnitudes(const std::int8_t (&w)[4][chunk]) {
        const auto magnitude = [](int weight) { return weight < 0 ? -weight : weight; };
        Magnitudes m{};
        for (int o = 0; o < 4; ++o) {
            for (int k = 0; k < 8; ++k) {
                const int both = magnitude(w[o][k]) + magnitude(w[o][k + 8]);
                m.lane[8 * o + k] = static_cast<std::uint16_t>(both);
                m.largest = both > m.largest ? both : m.largest;
            }
        }
        return m;
    }
    static bool fit_together(const Magnitudes& a, const Magnitudes& b) {
        int largest = 0;
        for (int i = 0; i < 32; ++i) {
            const int both = a.lane[i] + b.lane[i];
            largest = both > largest ? both : largest;
        }
        return largest <= most;
    }

    // The order of use of a quad's chunks: fours from the front, twos from where the others begin towards it.
    struct Order {
        std::int32_t* chunks;
        std::int64_t fours, twos_begin;
    };

    // Chunks that may take two products: those with the largest weights look for a partner first, and take the one with
    // the largest weights that fits.
    static constexpr int batch = 256;
    static void pair(const Magnitudes* magnitudes, const std::int32_t* index, int count, Order& order) {
        int begin[most + 2] = {};  // of those whose largest is most - i
        for (int i = 0; i < count; ++i) ++begin[most - magnitudes[i].largest + 1];
        for (int i = 0; i <= most; ++i) begin[i + 1] += begin[i];
        int sorted[batch];
        for (int i = 0; i < count; ++i) sorted[begin[most - magnitudes[i].largest]++] = i;
        for (int i = 0; i < count; ++i) {
            const int first = sorted[i];
            if (first < 0) continue;
            int partner = i + 1;
            while (partner < count &&
                   (sorted[partner] < 0 || !fit_together(magnitudes[first], magnitudes[sorted[partner]]))) {
                ++partner;
            }
            if (partner == count) {
                order.chunks[--order.twos_begin] = index[first];
            } else {
                order.chunks[order.fours++] = index[first];
                order.chunks[order.fours++] = index[sorted[partner]];
                sorted[partner] = -1;
            }
        }
    }

    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        const std::int64_t taps = std::int64_t{p.kernel_h} * p.kernel_w * p.cin;
        auto* constants = reinterpret_cast<std::int32_t*>(packed);
        for (int o = 0; o < direct_blocks(p) * block_channels; ++o) {
            std::int32_t sum = 0;
            for (std::int64_t i = 0; o < p.cout && i < taps; ++i) sum += weights[o * taps + i];
            constants[o] = 128 * sum;
        }
        for (int first = 0; first < p.cout; first += 4) {
            pack_quad(p, weights, first, packed + constants_bytes(p) + first / 4 * quad_bytes(p));
        }
    }

    static void pack_quad(const ConvParams& p, const std::int8_t* weights, int first, std::byte* packed) {
        auto* chunk_order = reinterpret_cast<std::int32_t*>(packed + sizeof(Counts));
        const std::int64_t all = chunks(p), halves = ends_in_half(p) ? runs(p) : 0;
        std::int8_t w[4][chunk];
        Order order = {chunk_order, 0, all - halves};
        std::int64_t halves_begin = order.twos_begin, ones = 0;
        const auto is_half = [&](std::int64_t i) { return halves > 0 && (i + 1) % run_chunks(p) == 0; };
        for (std::int64_t i = 0; i < all; ++i) {
            chunk_weights(p, weights, first, i, w);
            if (is_half(i)) {
                chunk_order[halves_begin++] = static_cast<std::int32_t>(i);
            } else if (magnitudes(w).largest > most) {
                chunk_order[--order.twos_begin] = static_cast<std::int32_t>(i);
                ++ones;
            }
        }
        Magnitudes of_batch[batch];
        std::int32_t index[batch];
        int count = 0;
        for (std::int64_t i = 0; i < all; ++i) {
            chunk_weights(p, weights, first, i, w);
            of_batch[count] = magnitudes(w);
            index[count] = static_cast<std::int32_t>(i);
            if (!is_half(i) && of_batch[count].largest <= most) ++count;
            if (count == batch || i + 1 == all) {
                pair(of_batch, index, count, order);
                count = 0;
            }
        }
        const Counts counts = {static_cast<std::int32_t>(order.fours / 2),
                               static_cast<std::int32_t>(all - halves - ones - order.fours),
                               static_cast<std::int32_t>(ones), static_cast<std::int32_t>(halves)};
        __builtin_memcpy(packed, &counts, sizeof counts);
        auto* out = reinterpret_cast<std::int8_t*>(packed + sizeof(Counts) + offset_bytes(p));
        for (std::int64_t i = 0; i < all; ++i) {
            const std::int64_t at = chunk_order[i], run = at / run_chunks(p);
            const int length = i < all - halves ? chunk : chunk / 2;
            chunk_weights(p, weights, first, at, w);
            for (int o = 0; o < 4; ++o, out += length) __builtin_memcpy(out, w[o], static_cast<std::size_t>(length));
            chunk_order[i] =
                static_cast<std::int32_t>(run * p.dilation_w * column_bytes(p) + at % run_chunks(p) * chunk);
        }
    }

    static std::int64_t columns(const ConvCall& call) {
        const ConvParams& p = call.params;
        return std::int64_t{call.out_w() - 1} * p.stride_w + std::int64_t{p.kernel_w - 1} * p.dilation_w + 1;
    }
    static std::size_t scratch_bytes(const ConvCall& call) {
        return static_cast<std::size_t>(columns(call) * column_bytes(call.params)) + 2 * chunk;
    }

    static int units(const ConvCall& call) { return call.out_h() * direct_blocks(call.params); }

    // Writes up to 15 bytes more; returns where the next ones go.
    static OCTET_INLINE std::int8_t* flip(const std::uint8_t* in, std::int64_t bytes, std::int8_t* out) {
        const uint8x16_t sign = vdupq_n_u8(128);
        for (; bytes >= 64; bytes -= 64, in += 64, out += 64) {
#pragma GCC unroll 4
            for (int i = 0; i < 64; i += 16) vst1q_s8(out + i, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(in + i), sign)));
        }
        for (; bytes > 0; bytes -= 16, in += 16, out += 16) {
            vst1q_s8(out, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(in), sign)));
        }
        return out + bytes;
    }

    static void copy_rows(const ConvCall& call, int y, std::int8_t* out) {
        const ConvParams& p = call.params;
        const int top = y * p.stride_h - p.pad_top;
        if (p.kernel_h == 1 && !p.upsampled && call.in.pixel_stride == p.cin) {
            flip(call.in.pixel(top, -p.pad_left), columns(call) * p.cin, out);
            return;
        }
        if (p.upsampled) {
            for (std::int64_t x = -p.pad_left; x < columns(call) - p.pad_left; ++x) {
                for (int ky = 0; ky < p.kernel_h; ++ky) {
                    out = flip(call.in.pixel((top + ky) >> 1, x >> 1), p.cin, out);
                }
            }
            return;
        }
        const std::uint8_t* column = call.in.pixel(top, -p.pad_left);
        const std::int64_t row_bytes = p.dilation_h * call.in.row_stride, pixel_bytes = call.in.pixel_stride;
        for (std::int64_t left = columns(call); left > 0; --left, column += pixel_bytes) {
            const std::uint8_t* in = column;
            for (int ky = 0; ky < p.kernel_h; ++ky, in += row_bytes) out = flip(in, p.cin, out);
        }
    }

    // The intrinsics as GCC 12 compiles them copy the sum where an operand dies; one that is tied to its register stays.
    static OCTET_INLINE void multiply_add_low(int16x8_t& sum, int8x16_t in, int8x16_t w) {
        asm("smlal %0.8h, %1.8b, %2.8b" : "+w"(sum) : "w"(in), "w"(w));
    }
    static OCTET_INLINE void multiply_add_high(int16x8_t& sum, int8x16_t in, int8x16_t w) {
        asm("smlal2 %0.8h, %1.16b, %2.16b" : "+w"(sum) : "w"(in), "w"(w));
    }

    // The first products of a tile make its sums, which are zeros before.
    template <bool begins>
    static OCTET_INLINE void add(int32x4_t& acc, int16x8_t products) {
        acc = begins ? vpaddlq_s16(products) : vpadalq_s16(acc, products);
    }

    template <int pixels>
    struct Tile {
        int32x4_t acc[pixels][4];
        const std::int8_t* at[pixels];
        const std::int32_t* offsets;
        const std::int8_t* weights;

        template <bool begins>
        OCTET_INLINE void add_four() {
            const std::int64_t from0 = offsets[0], from1 = offsets[1];
            int8x16_t w0[4], w1[4];
#pragma GCC unroll 4
            for (int o = 0; o < 4; ++o) {
                w0[o] = vld1q_s8(weights + 16 * o);
                w1[o] = vld1q_s8(weights + 64 + 16 * o);
            }
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) {
                const int8x16_t a = vld1q_s8(at[p] + from0), b = vld1q_s8(at[p] + from1);
#pragma GCC unroll 4
                for (int o = 0; o < 4; ++o) {
                    int16x8_t products = vmull_s8(vget_low_s8(a), vget_low_s8(w0[o]));
                    multiply_add_high(products, a, w0[o]);
                    multiply_add_low(products, b, w1[o]);
                    multiply_add_high(products, b, w1[o]);
                    add<begins>(acc[p][o], products);
                }
            }
            offsets += 2;
            weights += 128;
        }

        // together: of two products, else of one.
        template <bool begins, bool together>
        OCTET_INLINE void add_chunk() {
            const std::int64_t from = *offsets++;
            int8x16_t w[4];
#pragma GCC unroll 4
            for (int o = 0; o < 4; ++o) w[o] = vld1q_s8(weights + 16 * o);
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) {
                const int8x16_t in = vld1q_s8(at[p] + from);
#pragma GCC unroll 4
                for (int o = 0; o < 4; ++o) {
                    int16x8_t products = vmull_s8(vget_low_s8(in), vget_low_s8(w[o]));
                    if constexpr (together) {
                        multiply_add_high(products, in, w[o]);
                        add<begins>(acc[p][o], products);
                    } else {
                        add<begins>(acc[p][o], products);
                        add<false>(acc[p][o], vmull_high_s8(in, w[o]));
                    }
                }
            }
            weights += 64;
        }

        OCTET_INLINE void add_half() {
            const std::int64_t from = *offsets++;
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) {
                const int8x8_t in = vld1_s8(at[p] + from);
#pragma GCC unroll 4
                for (int o = 0; o < 4; ++o) {
                    add<false>(acc[p][o], vmull_s8(in, vld1_s8(weights + 8 * o)));
                }
            }
            weights += 32;
        }
    };

    // What a quad of outputs reads; its sums of neighbouring pixels are `pitch` apart.
    struct Quad {
        Counts counts;
        const std::int32_t* offsets;
        const std::int8_t* weights;
        int32x4_t start;
        std::int64_t pixel_bytes;
        int pitch;
    };

    template <int pixels>
    __attribute__((noinline)) static void tiles_from(const Quad& quad, const std::int8_t* in, std::int32_t* sums,
                                                     int tiles) {
        const Quad copy = quad;  // what is written might change it for all that the compiler knows
        for (; tiles > 0; --tiles, in += pixels * copy.pixel_bytes, sums += pixels * copy.pitch) {
            Tile<pixels> tile{{}, {}, copy.offsets, copy.weights};
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) tile.at[p] = in + p * copy.pixel_bytes;
            int fours = copy.counts.fours, twos = copy.counts.twos;
            if (fours > 0) {
                tile.template add_four<true>();
                for (--fours; fours > 0; --fours) tile.template add_four<false>();
            } else if (twos > 0) {
                tile.template add_chunk<true, true>();
                --twos;
            }
            for (; twos > 0; --twos) tile.template add_chunk<false, true>();
            for (int ones = copy.counts.ones; ones > 0; --ones) tile.template add_chunk<false, false>();
            for (int halves = copy.counts.halves; halves > 0; --halves) tile.add_half();
#pragma GCC unroll 8
            for (int p = 0; p < pixels; ++p) {
                const int32x4_t sum =
                    vpaddq_s32(vpaddq_s32(tile.acc[p][0], tile.acc[p][1]), vpaddq_s32(tile.acc[p][2], tile.acc[p][3]));
                vst1q_s32(sums + p * copy.pitch, vaddq_s32(sum, copy.start));
            }
        }
    }

    template <int pixels>
    static OCTET_INLINE void tiles_of(int width, const Quad& quad, const std::int8_t* in, std::int32_t* sums,
                                      int tiles) {
        if constexpr (pixels > 1) {
            if (width < pixels) return tiles_of<pixels - 1>(width, quad, in, sums, tiles);
        }
        tiles_from<pixels>(quad, in, sums, tiles);
    }

    template <int quads>
    static void row(const ConvRow& row, int block, const std::int8_t* copy) {
        const ConvParams& p = row.call->params;
        const QuadsEpilogue<quads> epilogue(row, block * block_channels);
        const auto* constants = reinterpret_cast<const std::int32_t*>(row.call->packed) + epilogue.channel;
        const std::byte* packed = row.call->packed + constants_bytes(p) + epilogue.channel / 4 * quad_bytes(p);
        Quad of[quads];
        for (int q = 0; q < quads; ++q, packed += quad_bytes(p)) {
            __builtin_memcpy(&of[q].counts, packed, sizeof(Counts));
            of[q].offsets = reinterpret_cast<const std::int32_t*>(packed + sizeof(Counts));
            of[q].weights = reinterpret_cast<const std::int8_t*>(packed + sizeof(Counts) + offset_bytes(p));
            of[q].start = vaddq_s32(epilogue.bias[q], vld1q_s32(constants + 4 * q));
            of[q].pixel_bytes = p.stride_w * column_bytes(p);
            of[q].pitch = 4 * quads;
        }
        direct_row(row, epilogue, [&](int x, int count, std::int32_t* sums) {
            for (int q = 0; q < quads; ++q) {
                for_each_tile<max_pixels, false>(count, [&](int at, int pixels, int tiles) {
                    tiles_of<max_pixels>(pixels, of[q], copy + (x + at) * of[q].pixel_bytes,
                                         sums + 4 * (at * quads + q), tiles);
                });
            }
        });
    }

    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
        auto* const copy = reinterpret_cast<std::int8_t*>(scratch);
        direct_run(
            call, 4 * quad_bytes(call.params), unit_begin, unit_end, [&](int y) { copy_rows(call, y, copy); },
            [&](auto quads, const ConvRow& row_of, int block) { row<decltype(quads)::value>(row_of, block, copy); });
    }
};

}  // namespace

extern constinit const ConvKernel conv_u8s8_5x4_neon = conv_kernel<DirectNeon8>("conv_u8s8_5x4_neon", needs::neon);
extern constinit const ConvKernel conv_s16s8_6x16_neon =
    conv_kernel<DirectNeon<Products16>>("conv_s16s8_6x16_neon", needs::neon);
extern constinit const ConvKernel conv_grouped_u8s8_5x4_neon =
    conv_kernel<Grouped<DirectNeon8>>("conv_grouped_u8s8_5x4_neon", needs::neon);
extern constinit const ConvKernel conv_grouped_s16s8_6x16_neon =
    conv_kernel<Grouped<DirectNeon<Products16>>>("conv_grouped_s16s8_6x16_neon", needs::neon);

}  // namespace octet::kernels
