#pragma once

// Direct convolution to at most 4 channels, shared by the instruction sets that sum four products of u8 x s8 in a lane.
// Lanes are groups of 4 input channels of neighbouring pixels, as they lie in memory; every output channel has
// accumulators of its own, whose lanes of one pixel are added at the end. Nothing is broadcast, no lane is empty: 8 ->
// 2 channels take a quarter of the products of conv_direct.h.
//
//     weights  [ky][kx][output, 2 or 4][lane][4]      lane: input channels 4 * (lane % quads) … of the tap
//
// then the layer's own weights, for the pixels that do not fill a vector.
//
// Arch: Vector, lanes; groups<outputs>, vectors of input at a time; load, multiply_add; add_lanes<quads>(acc, sums),
// from acc[output] of lanes (pixel, quad) to vectors of lanes (pixel, output), in the order of the pixels; Epilogue, of
// 4 lanes a pixel; add_bias; store(row, epilogue, sums, count, x) of `count` vectors from vector x of the row on.
//
// Everything is in an unnamed namespace on purpose: each instruction set's file compiles a private copy.

#include "kernels/conv_direct.h"

namespace octet::kernels {
namespace {

constexpr int narrow_max_kernel = 8;  // rows

OCTET_INLINE int narrow_quads(const ConvParams& p) {
    return (p.cin + 3) / 4;
}

OCTET_INLINE int narrow_outputs(const ConvParams& p) {
    return p.cout <= 2 ? 2 : 4;
}

struct NarrowRow {
    const std::uint8_t* in[narrow_max_kernel];  // under the first output pixel, a kernel row each
    const std::byte* weights;
    int kernel_h, kernel_w;
};

template <typename Arch>
struct Narrow {
    using Vector = typename Arch::Vector;
    using Epilogue = typename Arch::Epilogue;
    static constexpr ConvInput input = ConvInput::u8;
    static constexpr int lanes = Arch::lanes, vector_pixels = Arch::lanes / 4, vector_bytes = Arch::lanes * 4;

    static const char* refuses(const ConvParams& p, const std::int8_t*) {
        if (const char* why = conv_refuses(p, ConvInput::u8, false, false)) return why;
        if (p.cout > 4) return "more than 4 output channels";
        const int quads = narrow_quads(p);
        if (quads != 1 && quads != 2 && quads != 4) return "not 4, 8 or 16 input channels";
        if (p.stride_w != 1 || p.dilation_w != 1) return "strided or dilated";
        if (p.kernel_h > narrow_max_kernel) return "kernel of more than 8 rows";
        return nullptr;
    }

    static std::int64_t vectors_bytes(const ConvParams& p) {
        return std::int64_t{p.kernel_h} * p.kernel_w * narrow_outputs(p) * vector_bytes;
    }

    static std::int64_t raw_bytes(const ConvParams& p) {
        return std::int64_t{p.cout} * p.kernel_h * p.kernel_w * p.cin;
    }

    static std::size_t packed_bytes(const ConvParams& p, const std::int8_t*) {
        return static_cast<std::size_t>(vectors_bytes(p) + raw_bytes(p));
    }

    static void pack(const ConvParams& p, const std::int8_t* weights, std::byte* packed) {
        const int taps = p.kernel_h * p.kernel_w, quads = narrow_quads(p);
        auto* out = reinterpret_cast<std::int8_t*>(packed);
        for (int tap = 0; tap < taps; ++tap) {
            for (int o = 0; o < narrow_outputs(p); ++o) {
                for (int lane = 0; lane < lanes; ++lane) {
                    for (int j = 0; j < 4; ++j) {
                        const int i = lane % quads * 4 + j;
                        const bool inside = o < p.cout && i < p.cin;
                        *out++ = inside ? weights[(std::int64_t{o} * taps + tap) * p.cin + i] : std::int8_t{0};
                    }
                }
            }
        }
        __builtin_memcpy(out, weights, static_cast<std::size_t>(raw_bytes(p)));
    }

    // Where pixels do not follow each other without a gap: the rows under the kernel, copied.
    static std::int64_t copied_row_bytes(const ConvCall& call) {
        return std::int64_t{call.out_w() + call.params.kernel_w - 1} * narrow_quads(call.params) * 4 +
               max_overread_bytes;
    }

    static bool is_dense(const ConvCall& call) { return call.in.pixel_stride == narrow_quads(call.params) * 4; }

    static std::size_t scratch_bytes(const ConvCall& call) {
        return is_dense(call) ? 0 : static_cast<std::size_t>(call.params.kernel_h * copied_row_bytes(call));
    }

    static int units(const ConvCall& call) { return call.out_h(); }

    // `groups` vectors of input from pixel x on.
    template <int quads, int outputs, int groups>
    static OCTET_INLINE void sums_of(const NarrowRow& row, int x, Vector* sums) {
        Vector acc[groups][4];
        for (auto& group : acc) {
            for (Vector& sum : group) sum = Vector{};
        }
        const auto* weights = reinterpret_cast<const Vector*>(row.weights);
        for (int r = 0; r < row.kernel_h; ++r) {
            const std::uint8_t* in = row.in[r] + std::int64_t{x} * quads * 4;
            for (int k = 0; k < row.kernel_w; ++k, in += quads * 4, weights += outputs) {
                Vector w[outputs];
#pragma GCC unroll 4
                for (int o = 0; o < outputs; ++o) w[o] = weights[o];
#pragma GCC unroll 4
                for (int g = 0; g < groups; ++g) {
                    const Vector bytes = Arch::load(in + vector_bytes * g);
#pragma GCC unroll 4
                    for (int o = 0; o < outputs; ++o) Arch::multiply_add(acc[g][o], bytes, w[o]);
                }
            }
        }
#pragma GCC unroll 4
        for (int g = 0; g < groups; ++g) Arch::template add_lanes<quads>(acc[g], sums + g * 4 / quads);
    }

    template <int quads, int outputs>
    static void run_row(const ConvRow& shape, const NarrowRow& row, const Epilogue& epilogue) {
        constexpr int groups = Arch::template groups<outputs>, group_pixels = lanes / quads;
        constexpr int stored_groups = 4;
        static_assert(stored_groups % groups == 0);
        const int width = shape.call->out_w() / vector_pixels * vector_pixels;
        for (int x = 0; x < width; x += stored_groups * group_pixels) {
            alignas(64) Vector sums[stored_groups * group_pixels / vector_pixels];
            const int left = width - x,
                      stored = left < stored_groups * group_pixels ? left : stored_groups * group_pixels;
            for (int done = 0; done < stored;) {
                Vector* to = sums + done / vector_pixels;
                if (stored - done > (groups - 1) * group_pixels) {
                    sums_of<quads, outputs, groups>(row, x + done, to);
                    done += groups * group_pixels;
                } else {
                    sums_of<quads, outputs, 1>(row, x + done, to);
                    done += group_pixels;
                }
            }
            for (int i = 0; i < stored / vector_pixels; ++i) sums[i] = Arch::add(sums[i], epilogue.bias[0]);
            Arch::store(shape, epilogue, sums, stored / vector_pixels, x / vector_pixels);
        }
    }

    using RowFunction = void(const ConvRow&, const NarrowRow&, const Epilogue&);

    static RowFunction* row_function(const ConvParams& p) {
        const bool two = narrow_outputs(p) == 2;
        switch (narrow_quads(p)) {
            case 1:
                return two ? run_row<1, 2> : run_row<1, 4>;
            case 2:
                return two ? run_row<2, 2> : run_row<2, 4>;
            default:
                return two ? run_row<4, 2> : run_row<4, 4>;
        }
    }

    static const std::uint8_t* copy_row(const ConvCall& call, const std::uint8_t* in, std::uint8_t* out) {
        const int cin = call.params.cin, bytes = narrow_quads(call.params) * 4;
        for (int x = 0; x < call.out_w() + call.params.kernel_w - 1; ++x) {
            __builtin_memcpy(out + x * bytes, in + x * call.in.pixel_stride, static_cast<std::size_t>(cin));
        }
        return out;
    }

    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
        const ConvParams& p = call.params;
        const auto* raw_weights = reinterpret_cast<const std::int8_t*>(call.packed + vectors_bytes(p));
        ConvRow shape = {&call, {}, nullptr, nullptr, 0, 0, conv_grouping(p, lanes)};
        const Epilogue epilogue(shape, 0);
        RowFunction* const run_row = row_function(p);
        NarrowRow row = {{}, call.packed, p.kernel_h, p.kernel_w};
        for (int y = unit_begin; y < unit_end; ++y) {
            for (int r = 0; r < p.kernel_h; ++r) {
                row.in[r] = call.in.pixel(std::int64_t{y} * p.stride_h - p.pad_top + r * p.dilation_h, -p.pad_left);
                if (!is_dense(call)) {
                    auto* copy = reinterpret_cast<std::uint8_t*>(scratch) + r * copied_row_bytes(call);
                    row.in[r] = copy_row(call, row.in[r], copy);
                }
            }
            shape.y = y;
            run_row(shape, row, epilogue);
            for (int x = call.out_w() / vector_pixels * vector_pixels; x < call.out_w(); ++x) {
                conv_single_pixel(call, raw_weights, y, x);
            }
        }
    }
};

}  // namespace
}  // namespace octet::kernels
