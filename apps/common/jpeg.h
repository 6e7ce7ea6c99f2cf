#pragma once

// JPEG through libjpeg: the decoder that the images of training sets, OpenCV and Pillow went through. Another one,
// which rounds the inverse transform or the chroma interpolation otherwise, moves accuracy by a tenth of a point.

#include <cstdint>
#include <span>
#include <string>

#include "apps/common/image.h"

namespace octet::apps {

bool is_jpeg(std::span<const std::uint8_t> bytes);

// channels: 1 (luminance) or 3 (RGB). `name` stands in errors: damaged, truncated, more than max_image_pixels, colours
// that are neither grey nor YCbCr nor RGB.
Result<Image> decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, int channels);

}  // namespace octet::apps
