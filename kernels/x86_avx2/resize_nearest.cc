#include "kernels/resize_nearest.h"

#include <immintrin.h>

namespace octet::kernels {
namespace {

template <typename Vector>
OCTET_INLINE void copy(std::uint8_t* out, const std::uint8_t* in) {
    Vector value;
    __builtin_memcpy(&value, in, sizeof value);
    __builtin_memcpy(out, &value, sizeof value);
}

// `count` bytes and not one more. The last vector overlaps the one before it.
OCTET_INLINE void copy_bytes(std::uint8_t* out, const std::uint8_t* in, std::int64_t count) {
    if (count >= 32) {
        for (std::int64_t i = 0; i < count - 32; i += 32) copy<__m256i>(out + i, in + i);
        copy<__m256i>(out + count - 32, in + count - 32);
    } else if (count >= 16) {
        copy<__m128i>(out, in);
        copy<__m128i>(out + count - 16, in + count - 16);
    } else if (count >= 8) {
        copy<std::uint64_t>(out, in);
        copy<std::uint64_t>(out + count - 8, in + count - 8);
    } else if (count >= 4) {
        copy<std::uint32_t>(out, in);
        copy<std::uint32_t>(out + count - 4, in + count - 4);
    } else {
        for (std::int64_t i = 0; i < count; ++i) out[i] = in[i];
    }
}

// Every source pixel twice, pixels of 4, 8 or 16 bytes that follow each other without a gap: 32 bytes become 64.
template <int pixel_bytes>
OCTET_INLINE void double_pixels(std::uint8_t* out, const std::uint8_t* in, int source_pixels) {
    const std::int64_t bytes = std::int64_t{source_pixels} * pixel_bytes;
    std::int64_t i = 0;
    for (; i + 32 <= bytes; i += 32) {
        const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
        // The unpack works in each half: the middle quarters change places before it.
        const __m256i quarters = _mm256_permute4x64_epi64(x, 0xD8);
        auto* pair = reinterpret_cast<__m256i*>(out + 2 * i);
        if constexpr (pixel_bytes == 4) {
            _mm256_storeu_si256(pair, _mm256_unpacklo_epi32(quarters, quarters));
            _mm256_storeu_si256(pair + 1, _mm256_unpackhi_epi32(quarters, quarters));
        } else if constexpr (pixel_bytes == 8) {
            _mm256_storeu_si256(pair, _mm256_unpacklo_epi64(quarters, quarters));
            _mm256_storeu_si256(pair + 1, _mm256_unpackhi_epi64(quarters, quarters));
        } else {
            _mm256_storeu_si256(pair, _mm256_permute4x64_epi64(x, 0x44));
            _mm256_storeu_si256(pair + 1, _mm256_permute4x64_epi64(x, 0xEE));
        }
    }
    for (; i < bytes; i += pixel_bytes) {
        copy_bytes(out + 2 * i, in + i, pixel_bytes);
        copy_bytes(out + 2 * i + pixel_bytes, in + i, pixel_bytes);
    }
}

struct Rows {
    const ResizeNearestCall& call;
    bool dense_in, dense_out, doubling;  // doubling: source_x[x] = x / 2, of an even number of pixels

    explicit Rows(const ResizeNearestCall& c)
        : call(c),
          dense_in(c.in.pixel_stride == c.out.c),
          dense_out(c.out.pixel_stride == c.out.c),
          doubling(c.out.w % 2 == 0) {
        for (int x = 0; x < c.out.w; ++x) doubling = doubling && c.source_x[x] == x / 2;
    }

    void gather(int y) const {
        const std::uint8_t* in = call.in.pixel(call.source_y[y], 0);
        std::uint8_t* out = call.out.pixel(y, 0);
        const int c = call.out.c, w = call.out.w;
        if (doubling && dense_in && dense_out) {
            if (c == 4) return double_pixels<4>(out, in, w / 2);
            if (c == 8) return double_pixels<8>(out, in, w / 2);
            if (c == 16) return double_pixels<16>(out, in, w / 2);
        }
        for (int x = 0; x < w; ++x, out += call.out.pixel_stride) {
            copy_bytes(out, in + call.source_x[x] * call.in.pixel_stride, c);
        }
    }

    // The row above again: it is in the first-level cache.
    void repeat(int y) const {
        const std::uint8_t* in = call.out.pixel(y - 1, 0);
        std::uint8_t* out = call.out.pixel(y, 0);
        const int c = call.out.c, w = call.out.w;
        if (dense_out) return copy_bytes(out, in, std::int64_t{w} * c);
        for (int x = 0; x < w; ++x, in += call.out.pixel_stride, out += call.out.pixel_stride) copy_bytes(out, in, c);
    }
};

}  // namespace

void resize_nearest_u8_avx2(const ResizeNearestCall& call, int row_begin, int row_end) noexcept {
    const Rows rows(call);
    for (int y = row_begin; y < row_end; ++y) {
        if (y > row_begin && call.source_y[y] == call.source_y[y - 1]) {
            rows.repeat(y);
        } else {
            rows.gather(y);
        }
    }
}

}  // namespace octet::kernels
