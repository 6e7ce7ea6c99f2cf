#include "vision/image.h"

#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#include <stb/stb_image.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/file.h"
#include "vision/image_files.h"
#include "vision/jpeg.h"
#include "vision/png.h"

namespace octet::vision {
namespace {

constexpr std::size_t max_image_file = std::size_t{1} << 30;

using Bytes = std::span<const std::uint8_t>;

struct Size {
    std::int64_t width = 0, height = 0;
};

bool starts_with(Bytes bytes, std::initializer_list<std::uint8_t> magic) {
    return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

std::uint32_t little_endian(Bytes bytes, std::size_t offset, int count) {
    std::uint32_t value = 0;
    for (int i = count - 1; i >= 0; --i) value = value << 8 | bytes[offset + static_cast<std::size_t>(i)];
    return value;
}

// stb_image fills what is missing of a BMP with zeros and calls it a success.
bool bmp_is_complete(Bytes bytes, const Size& size) {
    constexpr std::size_t header = 30;
    if (bytes.size() < header) return false;
    const std::uint64_t offset = little_endian(bytes, 10, 4);
    // The oldest header has 16-bit dimensions before the bit count.
    const bool core_header = little_endian(bytes, 14, 4) == 12;
    const std::uint64_t bits = little_endian(bytes, core_header ? 24 : 28, 2);
    const std::uint64_t row_bytes = (static_cast<std::uint64_t>(size.width) * bits + 31) / 32 * 4;
    return offset + row_bytes * static_cast<std::uint64_t>(size.height) <= bytes.size();
}

std::optional<Size> bmp_size(Bytes bytes) {
    int width = 0, height = 0, channels = 0;
    if (!stbi_info_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height, &channels))
        return std::nullopt;
    return Size{width, std::abs(std::int64_t{height})};  // below 0: the first row is the top one
}

Result<Image> decode_bmp(Bytes bytes, const std::string& name, int channels) {
    const auto size = bmp_size(bytes);
    if (!size) return fail(ErrorCode::io, "{}: truncated or damaged image header", name);
    OCTET_TRY(check_image_size(name, size->width, size->height));
    if (!bmp_is_complete(bytes, *size)) return fail(ErrorCode::io, "{}: the image is truncated", name);

    int width = 0, height = 0, file_channels = 0;
    const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
        stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height, &file_channels, channels),
        stbi_image_free);
    if (!pixels) return fail(ErrorCode::io, "{}: damaged image ({})", name, stbi_failure_reason());
    Image image(width, height, channels);
    std::copy_n(pixels.get(), image.pixels.size(), image.pixels.begin());
    return image;
}

Result<Image> load(const std::string& path, int channels) {
    OCTET_ASSIGN(const auto bytes, read_file(path, max_image_file));
    return decode_image(bytes, path, channels);
}

}  // namespace

Result<void> check_image_size(const std::string& name, std::int64_t width, std::int64_t height) {
    if (width <= 0 || height <= 0) return fail(ErrorCode::io, "{}: an image of {}x{} pixels", name, width, height);
    if (width > max_image_pixels || height > max_image_pixels || width * height > max_image_pixels)
        return fail(ErrorCode::out_of_range, "{}: {}x{} pixels are more than the limit of {} million", name, width,
                    height, max_image_pixels / 1'000'000);
    return {};
}

Result<Image> decode_image(Bytes bytes, const std::string& name, int channels) {
    if (bytes.empty()) return fail(ErrorCode::io, "{}: the file is empty", name);
    if (bytes.size() > max_image_file) return fail(ErrorCode::out_of_range, "{}: larger than 1 GiB", name);
    if (is_jpeg(bytes)) return decode_jpeg(bytes, name, channels);
    if (is_png(bytes)) return decode_png(bytes, name, channels);
    if (starts_with(bytes, {'B', 'M'})) return decode_bmp(bytes, name, channels);
    if (const auto format = other_format(bytes); !format.empty())
        return fail(ErrorCode::unsupported, "{}: {}; {}", name, format, read_formats);
    return fail(ErrorCode::io, "{}: not a JPEG, PNG or BMP image", name);
}

Result<Image> load_image(const std::string& path) {
    return load(path, 3);
}
Result<Image> load_grey(const std::string& path) {
    return load(path, 1);
}

Result<void> save_png(const Image& image, const std::string& path) {
    const auto bytes = encode_png(image);
    return bytes ? write_file(path, *bytes) : at(path, bytes.error());
}

Result<void> save_jpeg(const Image& image, const std::string& path, int quality) {
    const auto bytes = encode_jpeg(image, quality);
    return bytes ? write_file(path, *bytes) : at(path, bytes.error());
}

}  // namespace octet::vision
