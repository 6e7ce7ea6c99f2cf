// The forms of conv_transformed.h with vpdpwssd: int16 x int16 pairs into int32.

#include "kernels/conv_transformed.h"

#include <immintrin.h>

#include "kernels/conv_upsampled.h"
#include "kernels/conv_winograd.h"
#include "kernels/x86_avx512vnni/conv_epilogue.h"

namespace octet::kernels {
namespace {

struct ProductsAvx512Vnni {
    using Vector = __m512i;
    static constexpr int max_tiles = 14;
    static constexpr int depth = 2, interleaved = 2;

    static OCTET_INLINE Vector broadcast(std::int32_t pair) { return _mm512_set1_epi32(pair); }
    // As in conv.cc: an operand that is tied to its register stays there.
    static OCTET_INLINE void multiply_add(Vector& acc, Vector input, Vector weights) {
        asm("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(input), "v"(weights));
    }
};

template <FusedKind kind>
struct TransformedAvx512Vnni {
    using Products = ProductsAvx512Vnni;
    static constexpr int lanes = 16;
    static constexpr bool folds = false;  // 12 of 32 lanes would be in use

    using I16 __attribute__((vector_size(64), may_alias)) = std::int16_t;
    using I32 __attribute__((vector_size(64), may_alias)) = std::uint32_t;  // unsigned: sums wrap

    template <int vectors>
    using Epilogue = ConvEpilogue<vectors, PairEpilogue, BlockEpilogue>;

    static OCTET_INLINE I16 load_u8(const std::uint8_t* x) {
        return reinterpret_cast<I16>(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))));
    }

    // z = 576 * y modulo 2^32: 0x38E38E39 * 9 = 1 modulo 2^32.
    static OCTET_INLINE I32 divide_by_576(I32 z) {
        const __m512i y = _mm512_mullo_epi32(reinterpret_cast<__m512i>(z), _mm512_set1_epi32(0x38E38E39));
        return reinterpret_cast<I32>(_mm512_srai_epi32(y, 6));
    }

    // y: `height` rows of `width` outputs from (row.y, x) on, `pitch` vectors between rows.
    template <int vectors>
    static OCTET_INLINE void store_rows(ConvRow& row, const Epilogue<vectors>& epilogue, const I32* y, int x, int width,
                                        int height, int pitch) {
        for (int i = 0; i < height; ++i, ++row.y, y += pitch) {
            const auto* sums = reinterpret_cast<const __m512i*>(y);
            if constexpr (vectors == 1) {
                epilogue.store_vectors(*row.call, sums, width, row.y, x);
            } else {
                int j = 0;
                if constexpr (kind != FusedKind::no) {
                    for (; j + 4 <= width; j += 4, sums += 8) {
                        const __m512i acc[4][2] = {
                            {sums[0], sums[1]}, {sums[2], sums[3]}, {sums[4], sums[5]}, {sums[6], sums[7]}};
                        epilogue.template store_fused<kind>(*row.call, acc, row.y, x + j);
                    }
                }
                if (j < width) epilogue.store_pixels(*row.call, sums, width - j, row.y, x + j);
            }
        }
    }
};

template <typename Form>
struct Kernel : TransformedKernel<Form, TransformedAvx512Vnni<FusedKind::no>> {
    static void run(const ConvCall& call, int unit_begin, int unit_end, std::byte* scratch) noexcept {
        for_fused_kind(call, [&](auto kind) {
            transformed_run<TransformedAvx512Vnni<decltype(kind)::value>, Form>(call, unit_begin, unit_end, scratch);
        });
    }
};

}  // namespace

extern constinit const ConvKernel conv_winograd_u8s8_14x32_avx512vnni =
    conv_kernel<Kernel<Winograd>>("conv_winograd_u8s8_14x32_avx512vnni", needs::avx512vnni);
extern constinit const ConvKernel conv_upsampled_u8s8_14x32_avx512vnni =
    conv_kernel<Kernel<Upsampled>>("conv_upsampled_u8s8_14x32_avx512vnni", needs::avx512vnni);

}  // namespace octet::kernels
