#include "vision/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "tests/test_files.h"

namespace octet::vision {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

const std::string scene = scenes_folder + "/images/scene-000001.jpg";

Bytes png_of(const Image& image) {
    const TemporaryFolder folder;
    EXPECT_TRUE(save_png(image, folder / "x.png"));
    return *read_file(folder / "x.png", 1 << 20);
}

// 24 bits a pixel, bottom row first, rows padded to 4 bytes: a red and a blue pixel.
Bytes bmp_2x1() {
    Bytes bytes(62);
    const auto put = [&](std::size_t at, std::uint8_t value) { bytes[at] = value; };
    put(0, 'B');
    put(1, 'M');
    put(2, 62);        // bytes of the file
    put(10, 54);       // where the pixels begin
    put(14, 40);       // bytes of the second header
    put(18, 2);        // width
    put(22, 1);        // height
    put(26, 1);        // planes
    put(28, 24);       // bits
    put(54 + 2, 255);  // blue, green, red of the first pixel
    put(54 + 3, 255);
    return bytes;
}

// A grey JPEG's frame header, which gives the size, and the start of its scan.
Bytes jpeg_header(int width, int height) {
    const auto high = [](int value) { return static_cast<std::uint8_t>(value >> 8); };
    const auto low = [](int value) { return static_cast<std::uint8_t>(value & 0xff); };
    return {0xFF,        0xD8,       0xFF, 0xC0, 0,    11, 8,    high(height), low(height),
            high(width), low(width), 1,    1,    0x11, 0,  0xFF, 0xDA,         0,
            8,           1,          1,    0,    0,    63, 0};
}

std::string error_of(const Bytes& bytes) {
    const auto image = decode_image(bytes, "some.file", 3);
    return image ? "no error" : image.error().message;
}

// A negative height says that the first row is the top one.
TEST(Image, ReadsBmpFromTheTop) {
    Bytes bytes = bmp_2x1();
    for (std::size_t at = 22; at < 26; ++at) bytes[at] = 0xFF;  // -1
    const auto image = decode_image(bytes, "top.bmp", 3);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->height, 1);
    EXPECT_EQ(image->pixels, (Bytes{255, 0, 0, 0, 0, 255}));
}

TEST(Image, ReadsTheScenes) {
    const auto image = load_image(scene);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->width, 1280);
    EXPECT_EQ(image->height, 720);
    EXPECT_EQ(image->channels, 3);
}

TEST(Image, GreyBecomesRgb) {
    Image grey(2, 1, 1);
    grey.pixels = {7, 200};
    const auto image = decode_image(png_of(grey), "grey.png", 3);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->pixels, (Bytes{7, 7, 7, 200, 200, 200}));
}

TEST(Image, AlphaIsDropped) {
    Image rgba(1, 1, 4);
    rgba.pixels = {10, 20, 30, 40};
    const auto image = decode_image(png_of(rgba), "rgba.png", 3);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->pixels, (Bytes{10, 20, 30}));
}

TEST(Image, ReadsBmp) {
    const auto image = decode_image(bmp_2x1(), "x.bmp", 3);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->pixels, (Bytes{255, 0, 0, 0, 0, 255}));
}

TEST(Image, EmptyFile) {
    EXPECT_EQ(error_of({}), "some.file: the file is empty");
}

TEST(Image, NoImage) {
    EXPECT_EQ(error_of({'h', 'e', 'l', 'l', 'o'}), "some.file: not a JPEG, PNG or BMP image");
    EXPECT_EQ(error_of({'G', 'I', 'F', '8', '9', 'a'}), "some.file: a GIF picture; JPEG, PNG and BMP are read");
}

TEST(Image, HugeHeaderIsRefusedBeforeDecoding) {
    EXPECT_EQ(error_of(jpeg_header(65000, 65000)),
              "some.file: 65000x65000 pixels are more than the limit of 100 million");
    Bytes png = png_of(Image(1, 1, 3));
    for (const std::size_t at : {16U, 20U}) {  // width and height, big-endian
        png[at + 2] = 65000 >> 8;
        png[at + 3] = 65000 & 0xff;
    }
    // The chunk's checksum, over its type and 13 bytes (PNG specification, 5.3).
    std::uint32_t crc = 0xffffffff;
    for (std::size_t i = 12; i < 29; ++i) {
        crc ^= png[i];
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? 0xedb88320 ^ (crc >> 1) : crc >> 1;
    }
    for (std::size_t i = 0; i < 4; ++i) png[29 + i] = static_cast<std::uint8_t>(~crc >> (24 - 8 * i));
    EXPECT_THAT(error_of(png), HasSubstr("some.file: 65000x65000 pixels are more than the limit"));
}

// Whatever prefix of a file arrives is an error, never a grey or half picture.
void expect_every_prefix_fails(const Bytes& whole, std::size_t step) {
    ASSERT_EQ(error_of(whole), "no error");
    for (std::size_t size = 0; size < whole.size(); size += step)
        EXPECT_THAT(error_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
                    HasSubstr("some.file: "))
            << size << " of " << whole.size() << " bytes";
}

TEST(Image, TruncatedJpeg) {
    expect_every_prefix_fails(*read_file(scene, 1 << 24), 997);
}
TEST(Image, TruncatedPng) {
    Image image(17, 9, 3);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i * i);
    expect_every_prefix_fails(png_of(image), 1);
}
TEST(Image, TruncatedBmp) {
    expect_every_prefix_fails(bmp_2x1(), 1);
}

TEST(Image, DamagedJpegNeverCrashes) {
    const Bytes whole = *read_file(scene, 1 << 24);
    std::uint32_t state = 1;
    for (int round = 0; round < 8; ++round) {
        Bytes damaged = whole;
        for (int i = 0; i < 20; ++i) {
            state = state * 1664525U + 1013904223U;
            damaged[(state >> 8) % damaged.size()] = static_cast<std::uint8_t>(state);
        }
        const auto image = decode_image(damaged, "damaged.jpg", 3);
        EXPECT_THAT(image ? "damaged.jpg: decoded" : image.error().message, HasSubstr("damaged.jpg: "));
    }
}

TEST(Image, MissingFileAndFolderAreNamed) {
    EXPECT_THAT(load_image("no/such.jpg").error().message, HasSubstr("no/such.jpg: cannot be opened"));
    EXPECT_THAT(load_image(scenes_folder).error().message, HasSubstr(scenes_folder + ": cannot be read"));
}

TEST(Image, PngIsWrittenWholeOrNotAtAll) {
    const TemporaryFolder folder;
    Image image(2, 2, 3);
    image.pixels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    ASSERT_TRUE(save_png(image, folder / "new/deep/x.png"));
    EXPECT_EQ(load_image(folder / "new/deep/x.png")->pixels, image.pixels);
    std::filesystem::create_directory(folder / "taken.png");
    EXPECT_THAT(save_png(image, folder / "taken.png").error().message, HasSubstr("taken.png: cannot be written"));
    EXPECT_EQ(folder.file_count(), 2U) << "a temporary file stayed behind";
}

TEST(File, NamesThatAFileCanHold) {
    EXPECT_EQ(file_name_for("model/out:0"), "model_out_0");
    EXPECT_EQ(file_name_for("plain-name.1"), "plain-name.1");
    EXPECT_EQ(file_name_for(".."), "_");
    EXPECT_EQ(file_name_for(""), "_");
    EXPECT_EQ(file_name_for("tab\there"), "tab_here");
    EXPECT_EQ(stem_of("dir.x/scene-1.jpg"), "scene-1");
}

TEST(File, LimitIsKept) {
    const TemporaryFolder folder;
    ASSERT_TRUE(write_file(folder / "x", std::string(100, 'x')));
    EXPECT_TRUE(read_file(folder / "x", 100));
    EXPECT_THAT(read_file(folder / "x", 99).error().message, HasSubstr("larger than the limit of 99 bytes"));
}

}  // namespace
}  // namespace octet::vision
