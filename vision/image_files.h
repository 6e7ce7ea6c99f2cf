#pragma once

// Which files are pictures: JPEG, PNG and BMP are read, other formats are named where they are met.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace octet::vision {

inline constexpr std::string_view read_formats = "JPEG, PNG and BMP are read";

// True for the extensions of these formats in any case: .jpg .jpeg .jpe .jfif .png .bmp .dib.
bool is_image_name(const std::string& path);

// "a WebP picture", "a PDF document" …: what the first bytes show of the formats that are not read and yet stand where
// a picture is expected; empty when they show none.
std::string_view other_format(std::span<const std::uint8_t> bytes);

struct ImageFolder {
    std::vector<std::string> images;  // paths with an image's extension, sorted
    std::string passed_over;          // one line about the pictures with another's extension; empty when there are none
};

// The pictures of a folder, not of its subfolders, but for those whose names end in one of `left_out`. A folder that
// cannot be read, or that has no such file, is an error.
Result<ImageFolder> list_images(const std::string& folder, std::initializer_list<std::string_view> left_out = {});

// folder/NAME with the first of the extensions above that exists, .png before .jpg; NAME.jpg when none does. A file of
// that name in another format is an error.
Result<std::string> find_image(const std::string& folder, const std::string& name);

}  // namespace octet::vision
