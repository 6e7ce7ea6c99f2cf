// Direct convolution to at most 4 channels with vpdpbusd. Lanes are groups of 4 input channels of neighbouring pixels,
// as they lie in memory; every output channel has accumulators of its own, whose lanes of one pixel are added at the
// end. Nothing is broadcast, no lane is empty: 8 -> 2 channels take a quarter of the products of conv.cc.
//
//     weights  [ky][kx][output, 2 or 4][lane][4]      lane: input channels 4 * (lane % quads) … of the tap
//
// then the layer's own weights, for the pixels that do not fill a vector.

#include "kernels/conv.h"

#include <immintrin.h>

#include "kernels/conv_direct.h"
#include "kernels/x86_avx512vnni/conv_epilogue.h"

namespace octet::kernels {
namespace {

constexpr int lanes = 16, pixels_per_vector = 4, max_groups = 4, max_kernel = 8;

int quads_of(const ConvParams& p) {
    return (p.cin + 3) / 4;
}

int outputs_of(const ConvParams& p) {
    return p.cout <= 2 ? 2 : 4;
}

const char* refuses(const ConvParams& p, const int8_t*) {
    if (const char* why = conv_refuses(p, ConvInput::u8, false, false)) return why;
    if (p.cout > 4) return "more than 4 output channels";
    if (quads_of(p) != 1 && quads_of(p) != 2 && quads_of(p) != 4) return "not 4, 8 or 16 input channels";
    if (p.stride_w != 1 || p.dilation_w != 1) return "strided or dilated";
    if (p.kernel_h > max_kernel) return "kernel of more than 8 rows";
    return nullptr;
}

int64_t vectors_bytes(const ConvParams& p) {
    return int64_t{p.kernel_h} * p.kernel_w * outputs_of(p) * lanes * 4;
}

int64_t raw_bytes(const ConvParams& p) {
    return int64_t{p.cout} * p.kernel_h * p.kernel_w * p.cin;
}

size_t packed_bytes(const ConvParams& p, const int8_t*) {
    return static_cast<size_t>(vectors_bytes(p) + raw_bytes(p));
}

void pack(const ConvParams& p, const int8_t* weights, std::byte* packed) {
    const int taps = p.kernel_h * p.kernel_w, quads = quads_of(p);
    auto* out = reinterpret_cast<int8_t*>(packed);
    for (int tap = 0; tap < taps; ++tap) {
        for (int o = 0; o < outputs_of(p); ++o) {
            for (int lane = 0; lane < lanes; ++lane) {
                for (int j = 0; j < 4; ++j) {
                    const int i = lane % quads * 4 + j;
                    const bool inside = o < p.cout && i < p.cin;
                    *out++ = inside ? weights[(int64_t{o} * taps + tap) * p.cin + i] : int8_t{0};
                }
            }
        }
    }
    __builtin_memcpy(out, weights, static_cast<size_t>(raw_bytes(p)));
}

// Where pixels do not follow each other without a gap: the rows under the kernel, copied.
int64_t copied_row_bytes(const ConvCall& call) {
    return int64_t{call.out_w() + call.params.kernel_w - 1} * quads_of(call.params) * 4 + max_overread_bytes;
}

bool is_dense(const ConvCall& call) {
    return call.in.pixel_stride == quads_of(call.params) * 4;
}

size_t scratch_bytes(const ConvCall& call) {
    return is_dense(call) ? 0 : static_cast<size_t>(call.params.kernel_h * copied_row_bytes(call));
}

int units(const ConvCall& call) {
    return call.out_h();
}

struct NarrowRow {
    const uint8_t* in[max_kernel];  // under the first output pixel, a kernel row each
    const __m512i* weights;
    int kernel_h, kernel_w;
};

// Lanes of one pixel are added: acc[output] of lanes (pixel, quad) becomes vectors of lanes (pixel, output).
template <int quads>
OCTET_INLINE void add_lanes(const __m512i (&acc)[4], __m512i* sums) {
    const __m512i t0 = _mm512_unpacklo_epi32(acc[0], acc[1]), t1 = _mm512_unpackhi_epi32(acc[0], acc[1]);
    const __m512i u0 = _mm512_unpacklo_epi32(acc[2], acc[3]), u1 = _mm512_unpackhi_epi32(acc[2], acc[3]);
    if constexpr (quads == 4) {
        const __m512i t = _mm512_add_epi32(t0, t1), u = _mm512_add_epi32(u0, u1);
        sums[0] = _mm512_add_epi32(_mm512_unpacklo_epi64(t, u), _mm512_unpackhi_epi64(t, u));
    } else if constexpr (quads == 2) {
        // Even and odd pixels, then in their order.
        const __m512i even = _mm512_add_epi32(_mm512_unpacklo_epi64(t0, u0), _mm512_unpackhi_epi64(t0, u0));
        const __m512i odd = _mm512_add_epi32(_mm512_unpacklo_epi64(t1, u1), _mm512_unpackhi_epi64(t1, u1));
        sums[0] = _mm512_permutex2var_epi64(even, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), odd);
        sums[1] = _mm512_permutex2var_epi64(even, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), odd);
    } else {
        // Vector j holds pixels j, 4 + j, 8 + j and 12 + j: its quarters go to four vectors.
        const __m512i a = _mm512_unpacklo_epi64(t0, u0), b = _mm512_unpackhi_epi64(t0, u0);
        const __m512i c = _mm512_unpacklo_epi64(t1, u1), d = _mm512_unpackhi_epi64(t1, u1);
        const __m512i ab0 = _mm512_shuffle_i32x4(a, b, 0x44), ab1 = _mm512_shuffle_i32x4(a, b, 0xEE);
        const __m512i cd0 = _mm512_shuffle_i32x4(c, d, 0x44), cd1 = _mm512_shuffle_i32x4(c, d, 0xEE);
        sums[0] = _mm512_shuffle_i32x4(ab0, cd0, 0x88);
        sums[1] = _mm512_shuffle_i32x4(ab0, cd0, 0xDD);
        sums[2] = _mm512_shuffle_i32x4(ab1, cd1, 0x88);
        sums[3] = _mm512_shuffle_i32x4(ab1, cd1, 0xDD);
    }
}

// `groups` times 64 bytes of input from pixel x on.
template <int quads, int outputs, int groups>
OCTET_INLINE void narrow_sums(const NarrowRow& row, int x, __m512i* sums) {
    __m512i acc[groups][4];
    for (auto& group : acc) {
        for (__m512i& sum : group) sum = _mm512_setzero_si512();
    }
    const __m512i* weights = row.weights;
    for (int r = 0; r < row.kernel_h; ++r) {
        const uint8_t* in = row.in[r] + int64_t{x} * quads * 4;
        for (int k = 0; k < row.kernel_w; ++k, in += quads * 4, weights += outputs) {
            __m512i w[outputs];
#pragma GCC unroll 4
            for (int o = 0; o < outputs; ++o) w[o] = _mm512_load_si512(weights + o);
#pragma GCC unroll 4
            for (int g = 0; g < groups; ++g) {
                const __m512i input = _mm512_loadu_si512(in + 64 * g);
#pragma GCC unroll 4
                for (int o = 0; o < outputs; ++o) {
                    // As in conv.cc: an operand that is tied to its register stays there.
                    asm("vpdpbusd %2, %1, %0" : "+v"(acc[g][o]) : "v"(input), "v"(w[o]));
                }
            }
        }
    }
#pragma GCC unroll 4
    for (int g = 0; g < groups; ++g) add_lanes<quads>(acc[g], sums + g * lanes / quads / pixels_per_vector);
}

template <int quads, int outputs>
void narrow_row(const ConvCall& call, const NarrowRow& row, const PairEpilogue& epilogue, int y) {
    constexpr int group_pixels = lanes / quads;
    const int width = call.out_w() / pixels_per_vector * pixels_per_vector;
    for (int x = 0; x < width; x += max_groups * group_pixels) {
        alignas(64) __m512i sums[max_groups * group_pixels / pixels_per_vector];
        const int left = width - x;
        if (left > (max_groups - 1) * group_pixels) {
            narrow_sums<quads, outputs, max_groups>(row, x, sums);
        } else {
            for (int g = 0; g * group_pixels < left; ++g) {
                narrow_sums<quads, outputs, 1>(row, x + g * group_pixels, sums + g * group_pixels / pixels_per_vector);
            }
        }
        const int stored = left < max_groups * group_pixels ? left : max_groups * group_pixels;
        for (int i = 0; i < stored / pixels_per_vector; ++i) sums[i] = _mm512_add_epi32(sums[i], epilogue.bias[0]);
        epilogue.store_vectors(call, sums, stored / pixels_per_vector, y, x);
    }
}

using RowFunction = void(const ConvCall&, const NarrowRow&, const PairEpilogue&, int);

RowFunction* row_function(const ConvParams& p) {
    const bool two = outputs_of(p) == 2;
    switch (quads_of(p)) {
        case 1:
            return two ? narrow_row<1, 2> : narrow_row<1, 4>;
        case 2:
            return two ? narrow_row<2, 2> : narrow_row<2, 4>;
        default:
            return two ? narrow_row<4, 2> : narrow_row<4, 4>;
    }
}

const uint8_t* copy_row(const ConvCall& call, const uint8_t* in, uint8_t* out) {
    const int cin = call.params.cin, bytes = quads_of(call.params) * 4;
    for (int x = 0; x < call.out_w() + call.params.kernel_w - 1; ++x) {
        __builtin_memcpy(out + x * bytes, in + x * call.in.pixel_stride, static_cast<size_t>(cin));
    }
    return out;
}

void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
    const ConvParams& p = call.params;
    const auto* raw_weights = reinterpret_cast<const int8_t*>(call.packed + vectors_bytes(p));
    const ConvRow shape = {&call, {}, nullptr, nullptr, 0, 0, conv_grouping(p, lanes)};
    const PairEpilogue epilogue(shape, 0);
    RowFunction* const run_row = row_function(p);
    NarrowRow row = {{}, reinterpret_cast<const __m512i*>(call.packed), p.kernel_h, p.kernel_w};
    for (int y = unit_begin; y < unit_end; ++y) {
        for (int r = 0; r < p.kernel_h; ++r) {
            row.in[r] = call.in.pixel(int64_t{y} * p.stride_h - p.pad_top + r * p.dilation_h, -p.pad_left);
            if (!is_dense(call)) {
                auto* copy = reinterpret_cast<uint8_t*>(scratch) + r * copied_row_bytes(call);
                row.in[r] = copy_row(call, row.in[r], copy);
            }
        }
        run_row(call, row, epilogue, y);
        for (int x = call.out_w() / pixels_per_vector * pixels_per_vector; x < call.out_w(); ++x) {
            conv_single_pixel(call, raw_weights, y, x);
        }
    }
}

}  // namespace

extern constinit const ConvKernel conv_narrow_u8s8_32x4_avx512vnni = {
    "conv_narrow_u8s8_32x4_avx512vnni",
    needs::avx512vnni,
    ConvInput::u8,
    refuses,
    packed_bytes,
    pack,
    scratch_bytes,
    units,
    run,
};

}  // namespace octet::kernels
