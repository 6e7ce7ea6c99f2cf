// Direct convolution to at most 4 channels with vpdpbusd. See conv_narrow.h.

#include "kernels/conv_narrow.h"

#include <immintrin.h>

#include "kernels/x86_avx512vnni/conv_epilogue.h"

namespace octet::kernels {
namespace {

struct NarrowAvx512Vnni {
    using Vector = __m512i;
    using Epilogue = PairEpilogue;
    static constexpr int lanes = 16;
    template <int outputs>
    static constexpr int groups = 4;

    static OCTET_INLINE Vector load(const std::uint8_t* x) { return _mm512_loadu_si512(x); }
    static OCTET_INLINE Vector add(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
    // As in conv.cc: an operand that is tied to its register stays there.
    static OCTET_INLINE void multiply_add(Vector& acc, Vector input, Vector weights) {
        asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(input), "v"(weights));
    }

    template <int quads>
    static OCTET_INLINE void add_lanes(const __m512i (&acc)[4], __m512i* sums) {
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

    static OCTET_INLINE void store(const ConvRow& row, const Epilogue& epilogue, const Vector* sums, int count, int x) {
        epilogue.store_vectors(*row.call, sums, count, row.y, x * epilogue.pixels);
    }
};

}  // namespace

extern constinit const ConvKernel conv_narrow_u8s8_32x4_avx512vnni =
    conv_kernel<Narrow<NarrowAvx512Vnni>>("conv_narrow_u8s8_32x4_avx512vnni", needs::avx512vnni);

}  // namespace octet::kernels
