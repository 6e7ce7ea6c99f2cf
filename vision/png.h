#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vision/image.h"

namespace octet::vision {

bool is_png(std::span<const std::uint8_t> bytes);

// As decode_image() says. What is before or behind the pixels is not looked at, but for the orientation; a wrong
// checksum is an error.
Result<Image> decode_png(std::span<const std::uint8_t> bytes, const std::string& name, int channels);

// The bytes of a PNG file; `image` has 1, 3 or 4 (with alpha) channels.
Result<std::vector<std::uint8_t>> encode_png(const Image& image);

}  // namespace octet::vision
