#pragma once

// Activations are NHWC planes of one image; the batch is handled outside.
//
//     row -halo      | halo pixels | ............ | halo pixels |
//     row 0          | halo pixels | w pixels     | halo pixels |     data points at pixel (0, 0), channel 0
//     row h-1+halo   | halo pixels | ............ | halo pixels |
//
// One pixel is pixel_stride elements, of which the first c belong to this view (a view may be a channel slice of the
// wider buffer behind a Concat). A convolution reads its padding from the halo, so the halo holds the zero point.
//
// A reader may touch channels up to the next multiple of 4 (pixel_stride is a multiple of 4) and 64 bytes past the end
// of the buffer; plane_layout() allocates for that. A writer touches nothing but the c channels of the h*w pixels.

#include <cstddef>
#include <cstdint>

// Shared inline code that instruction-set specific files use: never emitted out of line, so that no copy of it compiled
// with wider instructions can be picked by the linker for an older CPU.
#define OCTET_INLINE inline __attribute__((always_inline))

namespace octet::kernels {

inline constexpr int max_overread_bytes = 64;
inline constexpr int buffer_alignment = 64;

template <typename T>
struct TensorView {
    T* data = nullptr;
    int h = 0, w = 0, c = 0;
    std::int64_t row_stride = 0;    // elements between (y, x) and (y + 1, x)
    std::int64_t pixel_stride = 0;  // elements between (y, x) and (y, x + 1)
    int halo = 0;                   // pixels around the plane that are allocated and readable

    OCTET_INLINE T* pixel(std::int64_t y, std::int64_t x) const { return data + y * row_stride + x * pixel_stride; }
    OCTET_INLINE TensorView<const T> as_const() const { return {data, h, w, c, row_stride, pixel_stride, halo}; }
};

using U8View = TensorView<std::uint8_t>;
using ConstU8View = TensorView<const std::uint8_t>;
using S16View = TensorView<std::int16_t>;
using ConstS16View = TensorView<const std::int16_t>;
using S32View = TensorView<std::int32_t>;
using ConstS32View = TensorView<const std::int32_t>;

// The bytes of a plane of wider elements.
template <typename Byte, typename T>
OCTET_INLINE TensorView<Byte> bytes_of(const TensorView<T>& view) {
    constexpr int size = sizeof(T);
    return {reinterpret_cast<Byte*>(view.data), view.h,   view.w, view.c * size, view.row_stride * size,
            view.pixel_stride * size,           view.halo};
}

// An operand that broadcasts: of one row, one pixel a row or one channel, which are there again and again.
template <typename T>
OCTET_INLINE TensorView<T> repeated(TensorView<T> view) {
    if (view.h == 1) view.row_stride = 0;
    if (view.w == 1) view.pixel_stride = 0;
    return view;
}
// Between an operand's channels.
template <typename T>
OCTET_INLINE int channel_step(const TensorView<T>& view) {
    return view.c == 1 ? 0 : 1;
}

// How a plane lies in a buffer whose start is aligned to buffer_alignment; all numbers in elements.
struct PlaneLayout {
    int h = 0, w = 0, c = 0, halo = 0;
    std::int64_t pixel_stride = 0, row_stride = 0;
    std::int64_t origin = 0;    // of pixel (0, 0)
    std::int64_t elements = 0;  // to allocate: with the halo, the rounding and the over-read
};

// Channels are rounded up to a multiple of 4, above 16 to a multiple of 16.
PlaneLayout plane_layout(int h, int w, int c, int halo, int element_bytes);

// The view of channels [channel, channel + channels) of a buffer laid out so.
template <typename T>
TensorView<T> view_of(T* buffer, const PlaneLayout& layout, int channel, int channels) {
    return {buffer + layout.origin + channel,
            layout.h,
            layout.w,
            channels,
            layout.row_stride,
            layout.pixel_stride,
            layout.halo};
}
template <typename T>
TensorView<T> view_of(T* buffer, const PlaneLayout& layout) {
    return view_of(buffer, layout, 0, layout.c);
}

// Writes `halo` pixels around the plane (at most view.halo), channels [0, c).
void fill_halo(const U8View& view, std::uint8_t value);
// values[c]: a pixel value per channel (the network's input pads with its mean colour).
void fill_halo_per_channel(const U8View& view, const std::uint8_t* values);

}  // namespace octet::kernels
