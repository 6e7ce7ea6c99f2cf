#include "kernels/tensor_view.h"

#include <cassert>
#include <cstring>

namespace octet::kernels {

PlaneLayout plane_layout(int h, int w, int c, int halo, int element_bytes) {
    assert(h > 0 && w > 0 && c > 0 && halo >= 0);
    PlaneLayout layout{.h = h, .w = w, .c = c, .halo = halo};
    const int granule = c <= 16 ? 4 : 16;
    layout.pixel_stride = (std::int64_t{c} + granule - 1) / granule * granule;
    layout.row_stride = (std::int64_t{w} + 2 * halo) * layout.pixel_stride;
    // The origin is aligned as well where the halo allows it: pixel strides of 16 and more keep 16-byte alignment.
    layout.origin = halo * layout.row_stride + halo * layout.pixel_stride;
    const std::int64_t overread = (max_overread_bytes + element_bytes - 1) / element_bytes;
    layout.elements = (std::int64_t{h} + 2 * halo) * layout.row_stride + overread;
    return layout;
}

namespace {

template <typename PixelFill>
void for_each_halo_pixel(const U8View& view, PixelFill fill) {
    for (int y = -view.halo; y < view.h + view.halo; ++y) {
        const bool inside = y >= 0 && y < view.h;
        for (int x = -view.halo; x < view.w + view.halo; ++x) {
            if (inside && x == 0) x = view.w;
            if (x >= view.w + view.halo) break;
            fill(view.pixel(y, x));
        }
    }
}

}  // namespace

void fill_halo(const U8View& view, std::uint8_t value) {
    const auto count = static_cast<std::size_t>(view.c);
    for_each_halo_pixel(view, [&](std::uint8_t* pixel) { std::memset(pixel, value, count); });
}

void fill_halo_per_channel(const U8View& view, const std::uint8_t* values) {
    const auto count = static_cast<std::size_t>(view.c);
    for_each_halo_pixel(view, [&](std::uint8_t* pixel) { std::memcpy(pixel, values, count); });
}

}  // namespace octet::kernels
