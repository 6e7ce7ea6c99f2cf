// Pictures that carry an EXIF orientation, from the tag to what the programs give.

#include "vision/orientation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "tests/program.h"
#include "tests/tiny_network.h"
#include "vision/jpeg.h"
#include "yolop/dataset.h"

namespace octet::vision {
namespace {

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& bytes, std::string_view text) {
    for (const char character : text) bytes.push_back(static_cast<std::uint8_t>(character));
}

// An EXIF block, big-endian ("MM") or little-endian ("II"), and the directory of a thumbnail that is turned otherwise.
Bytes exif(int orientation, bool big = false, bool is_long = false) {
    Bytes bytes;
    const auto put = [&](std::uint32_t value, int size) {
        for (int i = 0; i < size; ++i)
            bytes.push_back(static_cast<std::uint8_t>(value >> 8 * (big ? size - 1 - i : i)));
    };
    const auto put_directory = [&](int value, std::uint32_t next) {
        constexpr std::uint32_t orientation_tag = 0x112, short_format = 3, long_format = 4;
        put(1, 2);
        put(orientation_tag, 2);
        put(is_long ? long_format : short_format, 2);
        put(1, 4);
        put(static_cast<std::uint32_t>(value), is_long ? 4 : 2);
        if (!is_long) put(0, 2);
        put(next, 4);
    };
    append(bytes, big ? "MM" : "II");
    put(42, 2);
    put(8, 4);
    put_directory(orientation, 8 + 18);
    put_directory(orientation % 8 + 1, 0);
    return bytes;
}

Bytes app1_segment(std::string_view identifier, const Bytes& content) {
    const std::size_t size = 2 + identifier.size() + 1 + content.size();
    Bytes bytes = {0xFF, 0xE1, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size & 0xff)};
    append(bytes, identifier);
    bytes.push_back(0);
    std::copy(content.begin(), content.end(), std::back_inserter(bytes));
    return bytes;
}

Bytes exif_segment(const Bytes& block) {
    return app1_segment(std::string_view("Exif\0", 5), block);
}

Bytes xmp_segment() {
    return app1_segment("http://ns.adobe.com/xap/1.0/", {'<', 'x', '/', '>'});
}

Bytes with_segments(Bytes jpeg, const std::vector<Bytes>& segments) {
    std::ptrdiff_t at = 2;
    for (const Bytes& segment : segments) {
        jpeg.insert(jpeg.begin() + at, segment.begin(), segment.end());
        at += static_cast<std::ptrdiff_t>(segment.size());
    }
    return jpeg;
}

Image gradient(int width, int height, int channels) {
    Image image(width, height, channels);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < channels; ++c)
                image.row(y)[x * channels + c] = static_cast<std::uint8_t>(c == 0   ? 8 * x
                                                                           : c == 1 ? 9 * y
                                                                                    : 3 * (x + y));
    return image;
}

Bytes jpeg_of(const Image& image) {
    const std::string text = encode_jpeg(image, 90).value();
    return {text.begin(), text.end()};
}

Image decode(const Bytes& bytes, int channels = 3) {
    auto image = decode_image(bytes, "some.file", channels);
    EXPECT_TRUE(image) << image.error().message;
    return image ? *image : Image();
}

// By the words of the standard: where row 0 and column 0 of the stored picture are seen.
Image turned(const Image& stored, int orientation) {
    const int w = stored.width, h = stored.height;
    const bool swapped = orientation >= 5;
    Image upright(swapped ? h : w, swapped ? w : h, stored.channels);
    for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
            const std::pair<int, int> places[8] = {
                {x, y},          // top, left
                {w - 1 - x, y},  // top, right
                {w - 1 - x, h - 1 - y},
                {x, h - 1 - y},  // bottom, right; bottom, left
                {y, x},          // left, top
                {h - 1 - y, x},  // right, top
                {h - 1 - y, w - 1 - x},
                {y, w - 1 - x},  // right, bottom; left, bottom
            };
            const auto [to_x, to_y] = places[orientation - 1];
            std::copy_n(stored.row(y) + x * stored.channels, stored.channels,
                        upright.row(to_y) + to_x * stored.channels);
        }
    }
    return upright;
}

void expect_same(const Image& image, const Image& expected) {
    EXPECT_EQ(image.width, expected.width);
    EXPECT_EQ(image.height, expected.height);
    EXPECT_TRUE(image.pixels == expected.pixels) << "other pixels";
}

TEST(Orientation, IsReadInBothByteOrders) {
    for (int orientation = 1; orientation <= 8; ++orientation)
        for (const bool big : {false, true})
            for (const bool is_long : {false, true})
                EXPECT_EQ(read_orientation(exif(orientation, big, is_long)), orientation);
    for (const int none : {0, 9, 65535}) EXPECT_EQ(read_orientation(exif(none)), std::nullopt) << none;
}

TEST(Orientation, DamagedExifIsNone) {
    const Bytes whole = exif(6);
    constexpr std::size_t tag_end = 8 + 2 + 12;
    for (std::size_t size = 0; size < tag_end; ++size)
        EXPECT_EQ(read_orientation(std::span(whole).first(size)), std::nullopt) << size;
    // Whatever a byte becomes, it is an orientation or none.
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const int value : {0, 1, 0x7f, 0xff}) {
            Bytes damaged = whole;
            damaged[at] = static_cast<std::uint8_t>(value);
            const int orientation = read_orientation(damaged).value_or(orientation_as_stored);
            EXPECT_TRUE(orientation >= 1 && orientation <= 8);
        }
    }
}

TEST(Orientation, EveryJpegIsTurned) {
    const Bytes color = jpeg_of(gradient(21, 13, 3)), grey = jpeg_of(gradient(21, 13, 1));
    for (const Bytes& jpeg : {color, grey}) {
        for (const int channels : {1, 3}) {
            const Image stored = decode(jpeg, channels);
            for (int orientation = 1; orientation <= 8; ++orientation) {
                SCOPED_TRACE(fmt::format("orientation {}, {} channels", orientation, channels));
                const Image upright = turned(stored, orientation);
                const Bytes own = exif_segment(exif(orientation)), big = exif_segment(exif(orientation, true));
                for (const std::vector<Bytes>& segments :
                     std::vector<std::vector<Bytes>>{{own},
                                                     {big},
                                                     {xmp_segment(), own},
                                                     {own, xmp_segment()},
                                                     {own, exif_segment(exif(3))},
                                                     {exif_segment({'I', 'I'}), own}})
                    expect_same(decode(with_segments(jpeg, segments), channels), upright);
            }
            for (const Bytes& none : {exif(0), exif(9), Bytes{}, Bytes{'M', 'M', 0}})
                expect_same(decode(with_segments(jpeg, {exif_segment(none)}), channels), stored);
        }
    }
}

TEST(Orientation, EveryPngIsTurned) {
    const TemporaryFolder folder;
    const Image stored = gradient(5, 3, 3);
    ASSERT_TRUE(save_png(stored, folder / "x.png"));
    const Bytes png = *read_file(folder / "x.png", 1 << 20);
    for (int orientation = 1; orientation <= 8; ++orientation) {
        const Bytes block = exif(orientation);
        Bytes chunk = {0, 0, 0, static_cast<std::uint8_t>(block.size())};
        append(chunk, "eXIf");
        std::copy(block.begin(), block.end(), std::back_inserter(chunk));
        chunk.resize(chunk.size() + 4);  // the checksum of a chunk that may be left out is not looked at
        constexpr std::ptrdiff_t signature_and_header = 33, end_chunk = 12;
        for (const std::ptrdiff_t at : {signature_and_header, static_cast<std::ptrdiff_t>(png.size()) - end_chunk}) {
            Bytes bytes = png;
            bytes.insert(bytes.begin() + at, chunk.begin(), chunk.end());
            expect_same(decode(bytes), turned(stored, orientation));
        }
    }
}

// Labels are those of the upright frame, and sizes that fit the stored one do not.
TEST(Orientation, LabelsBelongToTheUprightFrame) {
    const TemporaryFolder folder;
    const std::string frame = folder / "images/a.jpg", label = folder / "lane/a.png";
    ASSERT_TRUE(write_file(frame, with_segments(jpeg_of(gradient(32, 16, 3)), {exif_segment(exif(6))})));
    ASSERT_TRUE(write_file(folder / "boxes/a.txt", std::string_view("1 2 15 31\n")));
    ASSERT_TRUE(save_png(Image(16, 32, 1), folder / "drivable/a.png"));
    ASSERT_TRUE(save_png(Image(16, 32, 1), label));
    const yolop::Dataset dataset{folder.path(), {"a"}};
    const auto sample = yolop::load_sample(dataset, "a");
    ASSERT_TRUE(sample) << sample.error().message;
    EXPECT_EQ(sample->frame.width, 16);
    EXPECT_EQ(sample->frame.height, 32);
    ASSERT_TRUE(save_png(Image(32, 16, 1), label));
    EXPECT_THAT(yolop::load_sample(dataset, "a").error().message,
                testing::HasSubstr("lane/a.png: 32x16 pixels, but its frame has 16x32"));
}

TEST(Orientation, YolopRunGivesTheUprightPicture) {
    const TemporaryFolder folder;
    save_tiny_network(folder / "tiny.onnx");
    const Bytes jpeg = jpeg_of(red_image(64, 48));
    ASSERT_TRUE(write_file(folder / "turned.jpg", with_segments(jpeg, {exif_segment(exif(8))})));
    const auto result = run_program_text("yolop-run -m " + (folder / "tiny.onnx") + " " + (folder / "turned.jpg") +
                                         " --masks --json - -o " + folder.path());
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const nlohmann::json image = nlohmann::json::parse(result.out).at("images").at(0);
    EXPECT_EQ(image.at("width_px"), 48);
    EXPECT_EQ(image.at("height_px"), 64);
    // The middle of the canvas, 8 x 6 of 32 x 32, at twice its size.
    EXPECT_FLOAT_EQ(image.at("vehicles").at(0).at("x1_px").get<float>(), 24 - 8);
    EXPECT_FLOAT_EQ(image.at("vehicles").at(0).at("y1_px").get<float>(), 32 - 6);
    for (const std::string name : {"turned.yolop.png", "turned.drivable.png", "turned.lane.png"}) {
        const auto picture = load_image(folder / name);
        ASSERT_TRUE(picture) << picture.error().message;
        EXPECT_EQ(picture->width, 48) << name;
        EXPECT_EQ(picture->height, 64) << name;
    }
}

}  // namespace
}  // namespace octet::vision
