// Direct convolution to at most 4 channels with vpdpbusd. See conv_narrow.h.

#include "kernels/conv_narrow.h"

#include "kernels/x86_avx2/conv_epilogue.h"
#include "kernels/x86_avxvnni/products.h"

namespace octet::kernels {
namespace {

struct NarrowAvxVnni : ProductsAvxVnni<ConvInput::u8> {
    using Epilogue = PairEpilogue;
    static constexpr int lanes = 8;
    template <int outputs>
    static constexpr int groups = 8 / outputs;  // 8 accumulators, as many vectors of weights as outputs, input

    static OCTET_INLINE Vector load(const std::uint8_t* x) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
    }
    static OCTET_INLINE Vector add(Vector a, Vector b) { return _mm256_add_epi32(a, b); }

    template <int quads>
    static OCTET_INLINE void add_lanes(const Vector (&acc)[4], Vector* sums) {
        const Vector t0 = _mm256_unpacklo_epi32(acc[0], acc[1]), t1 = _mm256_unpackhi_epi32(acc[0], acc[1]);
        const Vector u0 = _mm256_unpacklo_epi32(acc[2], acc[3]), u1 = _mm256_unpackhi_epi32(acc[2], acc[3]);
        if constexpr (quads == 4) {
            const Vector t = _mm256_add_epi32(t0, t1), u = _mm256_add_epi32(u0, u1);
            sums[0] = _mm256_add_epi32(_mm256_unpacklo_epi64(t, u), _mm256_unpackhi_epi64(t, u));
        } else if constexpr (quads == 2) {
            // Pixels 0 and 2, 1 and 3.
            const Vector even = _mm256_add_epi32(_mm256_unpacklo_epi64(t0, u0), _mm256_unpackhi_epi64(t0, u0));
            const Vector odd = _mm256_add_epi32(_mm256_unpacklo_epi64(t1, u1), _mm256_unpackhi_epi64(t1, u1));
            sums[0] = _mm256_permute2x128_si256(even, odd, 0x20);
            sums[1] = _mm256_permute2x128_si256(even, odd, 0x31);
        } else {
            // Vector j holds pixels j and 4 + j.
            const Vector a = _mm256_unpacklo_epi64(t0, u0), b = _mm256_unpackhi_epi64(t0, u0);
            const Vector c = _mm256_unpacklo_epi64(t1, u1), d = _mm256_unpackhi_epi64(t1, u1);
            sums[0] = _mm256_permute2x128_si256(a, b, 0x20);
            sums[1] = _mm256_permute2x128_si256(c, d, 0x20);
            sums[2] = _mm256_permute2x128_si256(a, b, 0x31);
            sums[3] = _mm256_permute2x128_si256(c, d, 0x31);
        }
    }

    static OCTET_INLINE void store(const ConvRow& row, const Epilogue& epilogue, const Vector* sums, int count, int x) {
        epilogue.store(row, sums, count, x);
    }
};

}  // namespace

OCTET_AVXVNNI_KERNEL(conv_narrow_u8s8_16x4, Narrow<NarrowAvxVnni>);

}  // namespace octet::kernels
