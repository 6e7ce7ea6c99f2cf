#include "vision/orientation.h"

#include <libexif/exif-data.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace octet::vision {
namespace {

template <int channels>
void scatter(const std::uint8_t* pixels, int count, std::uint8_t* out, std::ptrdiff_t step) {
    for (int i = 0; i < count; ++i, pixels += channels, out += step) std::copy_n(pixels, channels, out);
}

}  // namespace

std::optional<int> read_orientation(std::span<const std::uint8_t> exif) {
    if (exif.empty()) return std::nullopt;
    constexpr std::size_t longest = 0xFF00;  // a segment of a JPEG holds 64 KiB, and libexif reads no more
    std::vector<std::uint8_t> block(exif_prefix.begin(), exif_prefix.end());
    const auto beginning = exif.first(std::min(exif.size(), longest));
    block.insert(block.end(), beginning.begin(), beginning.end());

    const std::unique_ptr<ExifData, void (*)(ExifData*)> data(exif_data_new(), exif_data_unref);
    if (!data) return std::nullopt;
    // It would add tags that are missing, this one among them.
    exif_data_unset_option(data.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_load_data(data.get(), block.data(), static_cast<unsigned>(block.size()));
    // That of the picture; the thumbnail has a directory and an orientation of its own.
    const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (!entry || entry->components != 1 || !entry->data) return std::nullopt;
    const ExifByteOrder order = exif_data_get_byte_order(data.get());
    std::uint32_t value = 0;
    if (entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
        value = exif_get_short(entry->data, order);
    else if (entry->format == EXIF_FORMAT_LONG && entry->size >= 4)  // not as the standard has it, but met
        value = exif_get_long(entry->data, order);
    if (value < 1 || value > 8) return std::nullopt;
    return static_cast<int>(value);
}

Upright::Upright(int orientation, int width, int height)
    : stored_width_(width), stored_height_(height), turned_(orientation >= 5) {
    const bool x_is_reversed = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool y_is_reversed = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    step_x_ = turned_ ? height : 1;
    step_y_ = turned_ ? 1 : width;
    origin_ = 0;
    if (x_is_reversed) {
        origin_ += (width - 1) * step_x_;
        step_x_ = -step_x_;
    }
    if (y_is_reversed) {
        origin_ += (height - 1) * step_y_;
        step_y_ = -step_y_;
    }
}

std::uint8_t* Upright::row(Image& upright, int stored_y) const {
    return upright.pixels.data() + (origin_ + stored_y * step_y_) * upright.channels;
}

void Upright::put_row(Image& upright, int stored_y, const std::uint8_t* pixels) const {
    std::uint8_t* out = row(upright, stored_y);
    if (keeps_rows()) {
        std::copy_n(pixels, static_cast<std::ptrdiff_t>(stored_width_) * upright.channels, out);
        return;
    }
    const std::ptrdiff_t step = step_x_ * upright.channels;
    if (upright.channels == 3)
        scatter<3>(pixels, stored_width_, out, step);
    else
        scatter<1>(pixels, stored_width_, out, step);
}

}  // namespace octet::vision
