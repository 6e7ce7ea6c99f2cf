#include "kernels/move.h"

#include <immintrin.h>

#include "kernels/x86_avx2/fixed16.h"

namespace octet::kernels {
namespace {

OCTET_INLINE void gather(std::uint8_t* out, const std::uint8_t* in, const std::int32_t* offsets, int count,
                         std::uint8_t fill) {
    for (int i = 0; i < count; ++i) out[i] = offsets[i] == move_outside ? fill : in[offsets[i]];
}

OCTET_INLINE void fill_bytes(std::uint8_t* out, int count, std::uint8_t fill) {
    const __m128i value = _mm_set1_epi8(static_cast<char>(fill));
    for (int i = 0; i < count; i += 16) store_bytes(out + i, value, count - i < 16 ? count - i : 16);
}

OCTET_INLINE __m128i shuffled(const std::uint8_t* in, const MoveBlock& block, const MovePart* parts) {
    __m128i value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.fill));
    for (int p = 0; p < block.parts; ++p) {
        const MovePart& part = parts[block.first_part + p];
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + part.offset));
        const __m128i shuffle = _mm_loadu_si128(reinterpret_cast<const __m128i*>(part.shuffle));
        value = _mm_or_si128(value, _mm_shuffle_epi8(bytes, shuffle));
    }
    return value;
}

}  // namespace

void move_u8_avx2(const MoveCall& call, int row_begin, int row_end) noexcept {
    const int w = call.out.w, c = call.out.c;
    for (int y = row_begin; y < row_end; ++y) {
        for (int x = 0; x < w; ++x) {
            std::uint8_t* out = call.out.pixel(y, x);
            if (call.element) {
                gather(out, call.in.data, call.element + (std::int64_t{y} * w + x) * c, c, call.fill);
                continue;
            }
            if (call.row[y] == move_outside || call.column[x] == move_outside) {
                fill_bytes(out, c, call.fill);
                continue;
            }
            const std::uint8_t* in = call.in.data + call.row[y] + call.column[x];
            for (int k = 0; k < c; k += 16) {
                const MoveBlock& block = call.blocks[k / 16];
                const int count = c - k < 16 ? c - k : 16;
                if (block.scattered) {
                    gather(out + k, in, call.channel + k, count, call.fill);
                } else {
                    store_bytes(out + k, shuffled(in, block, call.parts), count);
                }
            }
        }
    }
}

}  // namespace octet::kernels
