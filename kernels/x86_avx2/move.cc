#include <immintrin.h>

#include "kernels/move_rows.h"
#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {
namespace {

struct Avx2 {
    static OCTET_INLINE __m128i all(std::uint8_t byte) { return _mm_set1_epi8(static_cast<char>(byte)); }

    static OCTET_INLINE __m128i shuffled(const std::uint8_t* in, const MoveBlock& block, const MovePart* parts) {
        __m128i value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.fill));
        for (int p = 0; p < block.parts; ++p) {
            const MovePart& part = parts[block.first_part + p];
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + part.offset));
            const __m128i shuffle = _mm_loadu_si128(reinterpret_cast<const __m128i*>(part.shuffle));
            value = _mm_or_si128(value, _mm_shuffle_epi8(bytes, shuffle));
        }
        return value;
    }
    static OCTET_INLINE void store(std::uint8_t* out, __m128i bytes, int count) { store_bytes(out, bytes, count); }
};

}  // namespace

void move_u8_avx2(const MoveCall& call, int row_begin, int row_end) noexcept {
    move_rows<Avx2>(call, row_begin, row_end);
}

}  // namespace octet::kernels
