#include "vision/jpeg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
// libjpeg's header needs size_t and FILE declared before it.
#include <jpeglib.h>

namespace octet::vision {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;
using Pixel = std::array<std::uint8_t, 4>;

struct Coding {
    J_COLOR_SPACE given, stored;
    bool adobe_marker = true;
    bool progressive = false;
};

constexpr int width = 24, height = 16;

// Four fields of one colour each, of which the first `components` numbers are taken.
Bytes encode(const std::array<Pixel, 4>& fields, int components, const Coding& coding) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* data = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &data, &size);
    info.image_width = width;
    info.image_height = height;
    info.input_components = components;
    info.in_color_space = coding.given;
    jpeg_set_defaults(&info);
    jpeg_set_colorspace(&info, coding.stored);
    jpeg_set_quality(&info, 100, TRUE);
    if (!coding.adobe_marker) info.write_Adobe_marker = FALSE;
    if (coding.progressive) jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < height; ++y) {
        Bytes row;
        for (int x = 0; x < width; ++x) {
            const Pixel& field = fields[static_cast<std::size_t>((y >= height / 2 ? 2 : 0) + (x >= width / 2 ? 1 : 0))];
            row.insert(row.end(), field.begin(), field.begin() + components);
        }
        JSAMPROW pointer = row.data();
        jpeg_write_scanlines(&info, &pointer, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    Bytes bytes(data, data + size);
    std::free(data);
    return bytes;
}

const std::uint8_t* field_pixel(const Image& image, std::size_t field) {
    const int x = width / 4 + (field % 2 ? width / 2 : 0), y = height / 4 + (field / 2 ? height / 2 : 0);
    return image.row(y) + x * image.channels;
}

// Inks as such files hold them, 255 for none: paper, red, a dark blue, black by the black ink alone.
constexpr std::array<Pixel, 4> inks = {
    {{255, 255, 255, 255}, {255, 0, 0, 255}, {20, 60, 200, 128}, {255, 255, 255, 0}}};
constexpr std::array<std::array<int, 3>, 4> light = {{{255, 255, 255}, {255, 0, 0}, {10, 30, 100}, {0, 0, 0}}};

TEST(Jpeg, InksAreRead) {
    const std::array<Coding, 4> codings = {
        {{JCS_CMYK, JCS_CMYK}, {JCS_CMYK, JCS_CMYK, false}, {JCS_CMYK, JCS_YCCK}, {JCS_CMYK, JCS_YCCK, true, true}}};
    for (const Coding& coding : codings) {
        SCOPED_TRACE(fmt::format("stored {}, Adobe marker {}, progressive {}", static_cast<int>(coding.stored),
                                 coding.adobe_marker, coding.progressive));
        const Bytes bytes = encode(inks, 4, coding);
        const auto rgb = decode_jpeg(bytes, "inks.jpg", 3);
        const auto grey = decode_jpeg(bytes, "inks.jpg", 1);
        ASSERT_TRUE(rgb) << rgb.error().message;
        ASSERT_TRUE(grey) << grey.error().message;
        for (std::size_t field = 0; field < light.size(); ++field) {
            const auto& [red, green, blue] = light[field];
            for (std::size_t c = 0; c < 3; ++c)
                EXPECT_NEAR(field_pixel(*rgb, field)[c], light[field][c], 2) << "field " << field;
            EXPECT_NEAR(*field_pixel(*grey, field), 0.299 * red + 0.587 * green + 0.114 * blue, 2) << "field " << field;
        }
    }
}

TEST(Jpeg, OtherNumbersOfComponentsAreRefusedByNumber) {
    const auto image = decode_jpeg(encode(inks, 2, {JCS_UNKNOWN, JCS_UNKNOWN}), "two.jpg", 3);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().message, "two.jpg: a JPEG of 2 colour components; 1, 3 and 4 are read");
}

// A file of a kind that libjpeg does not read is not called damaged.
TEST(Jpeg, UnknownKindsAreNotDamaged) {
    constexpr std::uint8_t baseline = 0xC0, lossless = 0xC3;
    Bytes bytes = encode(inks, 3, {JCS_RGB, JCS_YCbCr});
    const auto frame = std::adjacent_find(bytes.begin(), bytes.end(), [](std::uint8_t first, std::uint8_t second) {
        return first == 0xFF && second == baseline;
    });
    ASSERT_NE(frame, bytes.end());
    frame[1] = lossless;
    EXPECT_THAT(decode_jpeg(bytes, "lossless.jpg", 3).error().message,
                HasSubstr("lossless.jpg: a JPEG of a kind that is not read (Unsupported JPEG process"));
    frame[1] = baseline;
    frame[4] = 12;  // bits
    EXPECT_THAT(decode_jpeg(bytes, "12bit.jpg", 3).error().message,
                HasSubstr("12bit.jpg: a JPEG of a kind that is not read (Unsupported JPEG data precision 12"));
}

}  // namespace
}  // namespace octet::vision
