#pragma once

// JPEG through libjpeg: the decoder that the images of training sets, OpenCV and Pillow went through. Another one,
// which rounds the inverse transform or the chroma interpolation otherwise, moves accuracy by a tenth of a point.

#include <cstdint>
#include <span>
#include <string>

#include "vision/image.h"

namespace octet::vision {

bool is_jpeg(std::span<const std::uint8_t> bytes);

// channels: 1 (luminance) or 3 (RGB), of a grey, YCbCr, RGB, CMYK or YCCK file. The picture stands upright
// (orientation.h); damaged EXIF is no error, the picture is then as stored. `name` stands in errors: damaged,
// truncated, more than max_image_pixels, of a kind that libjpeg does not read.
Result<Image> decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, int channels);

// The bytes of a JPEG file; `image` has 1 or 3 channels, quality is 1 … 100. Chroma has half the size.
Result<std::string> encode_jpeg(const Image& image, int quality);

}  // namespace octet::vision
