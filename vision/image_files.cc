#include "vision/image_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <system_error>

namespace octet::vision {
namespace {

namespace fs = std::filesystem;

// In the order in which find_image() tries them.
constexpr std::array<std::string_view, 7> image_extensions = {".png", ".jpg", ".jpeg", ".bmp", ".jpe", ".jfif", ".dib"};

constexpr std::array<std::string_view, 28> other_extensions = {
    ".webp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k",
    ".jxr",  ".ppm", ".pgm",  ".pbm", ".pnm",  ".pam",  ".tga",  ".ico", ".psd", ".exr",
    ".qoi",  ".svg", ".dng",  ".cr2", ".cr3",  ".nef",  ".arw",  ".raf"};

struct Signature {
    std::string_view format;
    std::size_t offset;
    std::string_view bytes;
};
using namespace std::string_view_literals;
constexpr std::array<Signature, 31> signatures = {{
    {"a WebP picture", 8, "WEBP"},
    {"a TIFF picture", 0, "II*\0"sv},
    {"a TIFF picture", 0, "MM\0*"sv},
    {"a TIFF picture", 0, "II+\0"sv},
    {"a TIFF picture", 0, "MM\0+"sv},
    {"a GIF picture", 0, "GIF8"},
    {"an AVIF picture", 4, "ftypavif"},
    {"an AVIF picture", 4, "ftypavis"},
    {"a HEIF picture", 4, "ftyphei"},
    {"a HEIF picture", 4, "ftyphev"},
    {"a HEIF picture", 4, "ftypmif1"},
    {"a HEIF picture", 4, "ftypmsf1"},
    {"a raw photograph", 4, "ftypcrx "},
    {"a video", 4, "ftyp"},
    {"a JPEG XL picture", 0, "\xFF\x0A"},
    {"a JPEG XL picture", 4, "JXL \r\n\x87\n"},
    {"a JPEG 2000 picture", 4, "jP  \r\n\x87\n"},
    {"a JPEG 2000 picture", 0, "\xFF\x4F\xFF\x51"},
    {"a Photoshop document", 0, "8BPS"},
    {"an OpenEXR picture", 0, "\x76\x2F\x31\x01"},
    {"a Radiance picture", 0, "#?RADIANCE"},
    {"a QOI picture", 0, "qoif"},
    {"a DDS picture", 0, "DDS "},
    {"an icon", 0, "\0\0\1\0"sv},
    {"an SVG drawing", 0, "<svg"},
    {"an XML document", 0, "<?xml"},
    {"a web page", 0, "<!DOCTYPE"},
    {"a web page", 0, "<html"},
    {"a PDF document", 0, "%PDF"},
    {"a zip archive", 0, "PK\3\4"},
    {"a pointer of Git LFS to the file", 0, "version https://git-lfs"},
}};

std::string extension_of(const fs::path& path) {
    std::string extension = path.extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return extension;
}

bool contains(std::span<const std::string_view> extensions, const std::string& extension) {
    return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

// "3 pictures that are not JPEG, PNG or BMP are passed over (2 .tif, 1 .webp): a.tif, b.tif, c.webp"
std::string describe_others(std::vector<fs::path> others) {
    constexpr std::size_t most_names = 3;
    std::sort(others.begin(), others.end());
    std::map<std::string, int> counts;
    for (const fs::path& path : others) ++counts[extension_of(path)];
    std::vector<std::string> kinds, names;
    for (const auto& [extension, count] : counts) kinds.push_back(fmt::format("{} {}", count, extension));
    for (const fs::path& path : others)
        if (names.size() < most_names) names.push_back(path.filename().string());
    const bool one = others.size() == 1;
    return fmt::format("{} picture{} not JPEG, PNG or BMP {} passed over ({}): {}{}", others.size(),
                       one ? " that is" : "s that are", one ? "is" : "are", fmt::join(kinds, ", "),
                       fmt::join(names, ", "), others.size() > most_names ? ", …" : "");
}

}  // namespace

bool is_image_name(const std::string& path) {
    return contains(image_extensions, extension_of(path));
}

std::string_view other_format(std::span<const std::uint8_t> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (const auto& [format, offset, signature] : signatures)
        if (text.size() >= offset && text.substr(offset).starts_with(signature)) return format;
    const bool portable = text.size() > 3 && text[0] == 'P' && text[1] >= '1' && text[1] <= '7' &&
                          std::isspace(static_cast<unsigned char>(text[2])) != 0;
    return portable ? "a PNM picture" : std::string_view();
}

Result<ImageFolder> list_images(const std::string& folder, std::initializer_list<std::string_view> left_out) {
    std::error_code error;
    ImageFolder result;
    std::vector<fs::path> others;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string path = entry->path().string();
        if (is_image_name(path)) {
            const bool wanted = std::none_of(left_out.begin(), left_out.end(),
                                             [&](std::string_view ending) { return path.ends_with(ending); });
            if (wanted) result.images.push_back(path);
        } else if (contains(other_extensions, extension_of(path))) {
            others.emplace_back(path);
        }
    }
    if (error) return fail(ErrorCode::io, "{}: cannot be read as a folder of pictures: {}", folder, error.message());
    if (!others.empty()) result.passed_over = fmt::format("{}: {}", folder, describe_others(std::move(others)));
    if (result.images.empty())
        return fail(ErrorCode::invalid_argument, "{}",
                    result.passed_over.empty() ? fmt::format("{}: no JPEG, PNG or BMP file in this folder", folder)
                                               : fmt::format("{}; no other is there", result.passed_over));
    std::sort(result.images.begin(), result.images.end());
    return result;
}

Result<std::string> find_image(const std::string& folder, const std::string& name) {
    const std::string start = folder + "/" + name;
    std::error_code error;
    const auto present = [&](std::string_view extension) {
        // One that is there but cannot be looked at is found too, so that it is named.
        return fs::status(fmt::format("{}{}", start, extension), error).type() != fs::file_type::not_found;
    };
    if (const auto* it = std::find_if(image_extensions.begin(), image_extensions.end(), present);
        it != image_extensions.end())
        return fmt::format("{}{}", start, *it);
    if (const auto* it = std::find_if(other_extensions.begin(), other_extensions.end(), present);
        it != other_extensions.end())
        return fail(ErrorCode::unsupported, "{}{}: a picture of a format that is not read; {}", start, *it,
                    read_formats);
    return start + ".jpg";
}

}  // namespace octet::vision
