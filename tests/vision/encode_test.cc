// What is written is read back by the libraries that everybody reads with.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/file.h"
#include "tests/test_files.h"
#include "vision/jpeg.h"
#include "vision/png.h"

namespace octet::vision {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

// A slope that each filter of PNG leaves something of, with noise below it.
Image picture(int width, int height, int channels, unsigned noise) {
    Image image(width, height, channels);
    std::minstd_rand random(7);
    std::size_t i = 0;
    for (std::uint8_t& value : image.pixels) {
        value = static_cast<std::uint8_t>(3 * i + i / static_cast<std::size_t>(width) + random() % (noise + 1));
        ++i;
    }
    return image;
}

TEST(EncodePng, IsReadBackBitForBit) {
    for (const int channels : {1, 3}) {
        for (const int width : {1, 2, 3, 17, 64, 257}) {
            for (const int height : {1, 2, 33}) {
                for (const unsigned noise : {0U, 9U, 255U}) {
                    const Image image = picture(width, height, channels, noise);
                    const auto bytes = encode_png(image);
                    ASSERT_TRUE(bytes) << bytes.error().message;
                    const auto read = decode_image(*bytes, "test", channels);
                    ASSERT_TRUE(read) << read.error().message;
                    EXPECT_EQ(read->width, width);
                    EXPECT_EQ(read->height, height);
                    EXPECT_TRUE(read->pixels == image.pixels) << width << "x" << height << "x" << channels;
                }
            }
        }
    }
}

// Each of the rows is one that another filter leaves nothing of: all five are taken, and give the pixels back.
TEST(EncodePng, EveryFilterIsReadBack) {
    constexpr int width = 96;
    Image image(width, 6, 3);
    std::minstd_rand random(3);
    const auto at = [&](int x, int y) -> std::uint8_t& { return image.row(y)[x]; };
    for (int x = 0; x < 3 * width; ++x) {
        const auto left = [&](int y) { return x < 3 ? 0 : int{at(x - 3, y)}; };
        const auto corner = [&](int y) { return x < 3 ? 0 : int{at(x - 3, y - 1)}; };
        at(x, 0) = static_cast<std::uint8_t>(random() % 5);                 // small numbers: none
        at(x, 1) = static_cast<std::uint8_t>(left(1) + 5);                  // a slope: sub
        at(x, 2) = at(x, 1);                                                // up
        at(x, 3) = static_cast<std::uint8_t>(random());                     // noise
        at(x, 4) = static_cast<std::uint8_t>((left(4) + at(x, 3)) / 2);     // average
        const int a = left(5), b = at(x, 4), c = corner(5), p = a + b - c;  // paeth
        const int from_a = std::abs(p - a), from_b = std::abs(p - b), from_c = std::abs(p - c);
        at(x, 5) = static_cast<std::uint8_t>(from_a <= from_b && from_a <= from_c ? a : from_b <= from_c ? b : c);
    }
    const Bytes bytes = encode_png(image).value();
    const auto read = decode_image(bytes, "test", 3);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(read->pixels == image.pixels);
    // Three rows of four cost next to nothing.
    EXPECT_LT(bytes.size(), 2 * 3 * width + 200U);
}

TEST(EncodePng, ARampIsSmall) {
    Image image(640, 360, 3);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i / 8);
    EXPECT_LT(encode_png(image)->size(), image.pixels.size() / 40);
}

TEST(EncodePng, APictureWithoutPixelsIsAnError) {
    EXPECT_THAT(encode_png(Image()).error().message, HasSubstr("a 0x0 picture cannot be encoded as PNG"));
}

TEST(EncodeJpeg, IsReadBackNearly) {
    for (const int channels : {1, 3}) {
        Image image(41, 23, channels);
        for (std::size_t i = 0; i < image.pixels.size(); i += static_cast<std::size_t>(channels)) image.pixels[i] = 200;
        const std::string text = encode_jpeg(image, 90).value();
        const auto read = decode_image(Bytes(text.begin(), text.end()), "test", channels);
        ASSERT_TRUE(read) << read.error().message;
        ASSERT_EQ(read->width, 41);
        ASSERT_EQ(read->height, 23);
        for (std::size_t i = 0; i < image.pixels.size(); ++i) ASSERT_NEAR(read->pixels[i], image.pixels[i], 5);
    }
    EXPECT_THAT(encode_jpeg(Image(), 90).error().message, HasSubstr("a 0x0 picture cannot be encoded as JPEG"));
}

TEST(EncodeJpeg, QualityIsObeyed) {
    const Image image = picture(160, 120, 3, 40);
    const auto size = [&](int quality) { return encode_jpeg(image, quality).value().size(); };
    EXPECT_LT(size(1), size(50));
    EXPECT_LT(size(50), size(90));
    EXPECT_LT(size(90), size(100));
}

TEST(EncodeJpeg, IsWrittenWholeOrNotAtAll) {
    const TemporaryFolder folder;
    const Image image = picture(16, 16, 3, 0);
    ASSERT_TRUE(save_jpeg(image, folder / "new/x.jpg", 90));
    EXPECT_EQ(load_image(folder / "new/x.jpg")->width, 16);
    std::filesystem::create_directory(folder / "taken.jpg");
    EXPECT_THAT(save_jpeg(image, folder / "taken.jpg", 90).error().message, HasSubstr("taken.jpg: cannot be written"));
    EXPECT_EQ(folder.file_count(), 2U) << "a temporary file stayed behind";
}

}  // namespace
}  // namespace octet::vision
