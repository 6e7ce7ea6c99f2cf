#pragma once

// Images: 8 bits a channel, rows top to bottom, channels interleaved, no padding between rows:
//   pixels[(y * width + x) * channels + c]

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace octet::vision {

struct Image {
    int width = 0;
    int height = 0;
    int channels = 0;  // 3: RGB, 1: grey
    std::vector<std::uint8_t> pixels;

    Image() = default;
    Image(int image_width, int image_height, int image_channels)
        : width(image_width),
          height(image_height),
          channels(image_channels),
          pixels(static_cast<std::size_t>(image_width) * image_height * image_channels) {}

    std::uint8_t* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * width * channels; }
    const std::uint8_t* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * width * channels; }
};

// More pixels than this are refused before anything is decoded.
inline constexpr std::int64_t max_image_pixels = 100'000'000;
Result<void> check_image_size(const std::string& name, std::int64_t width, std::int64_t height);

// A JPEG, PNG or BMP file as RGB (grey is repeated, alpha is dropped, 16 bits become 8, inks become the light that they
// leave), upright: the EXIF orientation of a JPEG or PNG is applied, as viewers and OpenCV do. Errors name the file:
// unreadable, empty, truncated, of another format, too large.
Result<Image> load_image(const std::string& path);
// The same as one grey channel (label masks).
Result<Image> load_grey(const std::string& path);
// The same from memory; `name` stands in errors. channels: 1 or 3.
Result<Image> decode_image(std::span<const std::uint8_t> bytes, const std::string& name, int channels);

// Lossless, complete or not at all.
Result<void> save_png(const Image& image, const std::string& path);

// With losses, for display: quality 1 … 100, chroma at half the size. Complete or not at all.
Result<void> save_jpeg(const Image& image, const std::string& path, int quality);

}  // namespace octet::vision
