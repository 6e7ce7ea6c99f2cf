// Every form of PNG, and files that are damaged or made to exhaust the reader.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
// libjpeg's header needs size_t and FILE declared before it.
#include <jpeglib.h>

#include "apps/common/host.h"
#include "base/file.h"
#include "tests/test_files.h"
#include "vision/image.h"

namespace octet::vision {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

std::string error_of(const Bytes& bytes) {
    const auto image = decode_image(bytes, "some.file", 3);
    return image ? "no error" : image.error().message;
}

void append(png_structp png, png_bytep data, std::size_t size) {
    auto* bytes = static_cast<Bytes*>(png_get_io_ptr(png));
    bytes->insert(bytes->end(), data, data + size);
}

struct PngForm {
    const char* name;
    int color_type, bits;
    bool transparent = false;  // has a colour that is transparent (tRNS)

    std::size_t channels() const {
        const std::size_t colors =
            (color_type & PNG_COLOR_MASK_COLOR) != 0 && color_type != PNG_COLOR_TYPE_PALETTE ? 3 : 1;
        return colors + ((color_type & PNG_COLOR_MASK_ALPHA) != 0 ? 1 : 0);
    }
};

constexpr int width = 19, height = 11;

// Its samples are a ramp over the whole range, row by row; a palette's colour i is (i, 255 - i, 7 i).
Bytes png_of(const PngForm& form, bool interlaced) {
    const std::size_t channels = form.channels();
    const auto bits = static_cast<std::size_t>(form.bits);
    const std::size_t row_bytes = (width * channels * bits + 7) / 8;
    Bytes rows(row_bytes * height);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint8_t>(i * 37);
    std::vector<png_bytep> row_pointers;
    for (std::size_t y = 0; y < height; ++y) row_pointers.push_back(rows.data() + y * row_bytes);
    std::vector<png_color> palette;
    for (unsigned i = 0; i < 1U << std::min<std::size_t>(bits, 8); ++i)
        palette.push_back({static_cast<png_byte>(i), static_cast<png_byte>(255 - i), static_cast<png_byte>(7 * i)});

    Bytes out;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, append, nullptr);
    png_set_IHDR(png, info, width, height, form.bits, form.color_type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (form.color_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
    png_byte alpha = 0;
    png_color_16 color{};
    if (form.transparent) png_set_tRNS(png, info, &alpha, 1, &color);
    png_set_gAMA(png, info, 0.1);  // of no interest
    png_write_info(png, info);
    png_write_image(png, row_pointers.data());
    png_write_end(png, nullptr);
    png_destroy_write_struct(&png, &info);
    return out;
}

// What png_of() makes of the pixel at x, y, in 8 bits.
std::array<std::uint8_t, 3> color_at(const PngForm& form, std::size_t x, std::size_t y) {
    const std::size_t bits = static_cast<std::size_t>(form.bits);
    const std::size_t channels = form.channels();
    const std::size_t row_bytes = (width * channels * bits + 7) / 8;
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>((y * row_bytes + at) * 37); };
    const auto sample = [&](std::size_t c) -> unsigned {
        const std::size_t bit = (x * channels + c) * bits;
        if (bits >= 8) return byte(bit / 8);  // of 16 bits the upper ones
        return byte(bit / 8) >> (8 - bits - bit % 8) & ((1U << bits) - 1);
    };
    if (form.color_type == PNG_COLOR_TYPE_PALETTE) {
        const unsigned i = sample(0);
        return {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(255 - i), static_cast<std::uint8_t>(7 * i)};
    }
    const unsigned scale = bits >= 8 ? 1 : 255 / ((1U << bits) - 1);
    const auto value = [&](std::size_t c) { return static_cast<std::uint8_t>(sample(channels >= 3 ? c : 0) * scale); };
    return {value(0), value(1), value(2)};
}

TEST(Png, EveryForm) {
    for (const PngForm& form :
         {PngForm{"grey 1", PNG_COLOR_TYPE_GRAY, 1}, PngForm{"grey 2", PNG_COLOR_TYPE_GRAY, 2},
          PngForm{"grey 4", PNG_COLOR_TYPE_GRAY, 4}, PngForm{"grey 8", PNG_COLOR_TYPE_GRAY, 8},
          PngForm{"grey 16", PNG_COLOR_TYPE_GRAY, 16},
          PngForm{"grey 8, a transparent value", PNG_COLOR_TYPE_GRAY, 8, true},
          PngForm{"grey alpha 8", PNG_COLOR_TYPE_GRAY_ALPHA, 8},
          PngForm{"grey alpha 16", PNG_COLOR_TYPE_GRAY_ALPHA, 16}, PngForm{"palette 1", PNG_COLOR_TYPE_PALETTE, 1},
          PngForm{"palette 2", PNG_COLOR_TYPE_PALETTE, 2}, PngForm{"palette 4", PNG_COLOR_TYPE_PALETTE, 4},
          PngForm{"palette 8", PNG_COLOR_TYPE_PALETTE, 8},
          PngForm{"palette 8, a transparent colour", PNG_COLOR_TYPE_PALETTE, 8, true},
          PngForm{"rgb 8", PNG_COLOR_TYPE_RGB, 8}, PngForm{"rgb 8, a transparent colour", PNG_COLOR_TYPE_RGB, 8, true},
          PngForm{"rgb 16", PNG_COLOR_TYPE_RGB, 16}, PngForm{"rgb alpha 8", PNG_COLOR_TYPE_RGB_ALPHA, 8},
          PngForm{"rgb alpha 16", PNG_COLOR_TYPE_RGB_ALPHA, 16}}) {
        for (const bool interlaced : {false, true}) {
            const Bytes bytes = png_of(form, interlaced);
            const auto rgb = decode_image(bytes, form.name, 3);
            const auto grey = decode_image(bytes, form.name, 1);
            ASSERT_TRUE(rgb) << rgb.error().message;
            ASSERT_TRUE(grey) << grey.error().message;
            for (int y = 0; y < height; ++y) {
                for (int x = 0; x < width; ++x) {
                    const auto color = color_at(form, static_cast<std::size_t>(x), static_cast<std::size_t>(y));
                    ASSERT_TRUE(std::equal(color.begin(), color.end(), rgb->row(y) + 3 * x))
                        << form.name << (interlaced ? " interlaced, " : ", ") << x << ", " << y;
                    ASSERT_EQ(grey->row(y)[x], (color[0] * 77 + color[1] * 150 + color[2] * 29) >> 8)
                        << form.name << (interlaced ? " interlaced, " : ", ") << x << ", " << y;
                }
            }
        }
    }
}

TEST(Png, EveryDamagedByteOfThePixelsIsFound) {
    const Bytes whole = png_of({"rgb 8", PNG_COLOR_TYPE_RGB, 8}, false);
    const char tag[] = {'I', 'D', 'A', 'T'};
    const auto data = std::search(whole.begin(), whole.end(), std::begin(tag), std::end(tag));
    ASSERT_NE(data, whole.end());
    const auto begin = static_cast<std::size_t>(data - whole.begin()) + 4;
    for (std::size_t at = begin; at < whole.size() - 16; ++at) {
        Bytes damaged = whole;
        damaged[at] ^= 0x10;
        EXPECT_THAT(error_of(damaged), HasSubstr("some.file: truncated or damaged image")) << at;
    }
}

TEST(Png, WithoutPixelsIsAnError) {
    Bytes bytes = png_of({"rgb 8", PNG_COLOR_TYPE_RGB, 8}, false);
    const char tag[] = {'I', 'D', 'A', 'T'};
    const auto data = std::search(bytes.begin(), bytes.end(), std::begin(tag), std::end(tag));
    const std::uint32_t checksum = static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(tag), 4));
    Bytes empty(bytes.begin(), data - 4);
    empty.insert(empty.end(), 4, 0);  // length
    empty.insert(empty.end(), std::begin(tag), std::end(tag));
    for (int shift = 24; shift >= 0; shift -= 8) empty.push_back(static_cast<std::uint8_t>(checksum >> shift));
    empty.insert(empty.end(), bytes.end() - 12, bytes.end());
    EXPECT_THAT(error_of(empty), HasSubstr("some.file: truncated or damaged image"));
}

// Pixels are inflated as far as the header says, texts and profiles not at all.
TEST(Png, InflatesNoMoreThanItsSize) {
    constexpr std::size_t bomb = std::size_t{256} << 20;
    Bytes packed(compressBound(1 << 20) + bomb / 500);
    z_stream stream{};
    ASSERT_EQ(deflateInit(&stream, 1), Z_OK);
    stream.next_out = packed.data();
    stream.avail_out = static_cast<uInt>(packed.size());
    Bytes zeros(1 << 20);
    for (std::size_t done = 0; done < bomb; done += zeros.size()) {
        stream.next_in = zeros.data();
        stream.avail_in = static_cast<uInt>(zeros.size());
        ASSERT_EQ(deflate(&stream, done + zeros.size() == bomb ? Z_FINISH : Z_NO_FLUSH),
                  done + zeros.size() == bomb ? Z_STREAM_END : Z_OK);
    }
    packed.resize(stream.total_out);
    deflateEnd(&stream);

    Bytes bytes = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    const auto chunk = [&](const std::string& tag, const Bytes& data) {
        Bytes whole(tag.begin(), tag.end());
        whole.insert(whole.end(), data.begin(), data.end());
        const auto checksum = crc32(0, whole.data(), static_cast<uInt>(whole.size()));
        const auto number = [&](std::uint64_t value) {
            for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
        };
        number(data.size());
        bytes.insert(bytes.end(), whole.begin(), whole.end());
        number(checksum);
    };
    Bytes profile = {'x', 0, 0};
    profile.insert(profile.end(), packed.begin(), packed.end());
    chunk("IHDR", {0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0});
    chunk("iCCP", profile);
    chunk("zTXt", profile);
    chunk("IDAT", packed);
    chunk("IEND", {});
    const double before = apps::peak_memory_mb();
    for (const bool interlaced : {false, true}) {
        constexpr std::size_t interlace_at = 28, header_at = 12, header_bytes = 17;
        bytes[interlace_at] = interlaced ? 1 : 0;
        const auto checksum = crc32(0, bytes.data() + header_at, header_bytes);
        for (std::size_t i = 0; i < 4; ++i)
            bytes[header_at + header_bytes + i] = static_cast<std::uint8_t>(checksum >> (24 - 8 * i));
        EXPECT_EQ(error_of(bytes), "some.file: truncated or damaged image (more pixels than its size)");
    }
    EXPECT_LT(apps::peak_memory_mb() - before, 50);
}

// A grey progressive JPEG: each of the first `coefficients` coefficients takes `bits` scans.
Bytes progressive_jpeg(int size, int coefficients, int bits) {
    std::vector<jpeg_scan_info> scans;
    for (int k = 0; k < coefficients; ++k)
        for (int low = bits - 1; low >= 0; --low) scans.push_back({1, {0}, k, k, low == bits - 1 ? 0 : low + 1, low});
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long memory_size = 0;
    jpeg_mem_dest(&info, &memory, &memory_size);
    info.image_width = info.image_height = static_cast<JDIMENSION>(size);
    info.input_components = 1;
    info.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    info.scan_info = scans.data();
    info.num_scans = static_cast<int>(scans.size());
    jpeg_start_compress(&info, TRUE);
    Bytes row(static_cast<std::size_t>(size), 200);
    JSAMPROW pointer = row.data();
    for (int y = 0; y < size; ++y) jpeg_write_scanlines(&info, &pointer, 1);
    jpeg_finish_compress(&info);
    Bytes bytes(memory, memory + memory_size);
    jpeg_destroy_compress(&info);
    std::free(memory);
    return bytes;
}

TEST(Jpeg, ScansAreLimited) {
    EXPECT_EQ(error_of(progressive_jpeg(16, 64, 1)), "no error");
    EXPECT_EQ(error_of(progressive_jpeg(16, 64, 7)), "no error") << "448 scans";
    EXPECT_EQ(error_of(progressive_jpeg(16, 64, 8)),
              "some.file: a progressive JPEG of 16x16 pixels in more than 500 scans");
    EXPECT_EQ(error_of(progressive_jpeg(3000, 64, 4)),
              "some.file: a progressive JPEG of 3000x3000 pixels in more than 222 scans");
}

// libjpeg fills what is missing and goes on behind what is damaged.
TEST(Jpeg, DamageIsAnError) {
    const Bytes whole = *read_file(scenes_folder + "/images/scene-000001.jpg", 1 << 24);
    ASSERT_EQ(error_of(whole), "no error");
    for (const std::size_t part : {2U, 3U, 10U}) {
        Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / part));
        cut.insert(cut.end(), {0xFF, 0xD9});
        EXPECT_THAT(error_of(cut), HasSubstr("some.file: damaged image (Corrupt JPEG data: ")) << part;
    }
    const Bytes many = progressive_jpeg(64, 64, 1);
    Bytes cut(many.begin(), many.begin() + static_cast<std::ptrdiff_t>(many.size() / 2));
    EXPECT_EQ(error_of(cut), "some.file: the image is truncated");
    // A marker in the middle of the entropy-coded data.
    Bytes broken = whole;
    broken[whole.size() / 2] = 0xFF;
    broken[whole.size() / 2 + 1] = 0xC4;
    EXPECT_THAT(error_of(broken), HasSubstr("some.file: "));
}

// Some cameras pad their data; the pixels are all there.
TEST(Jpeg, PaddingIsNoDamage) {
    Bytes bytes = *read_file(scenes_folder + "/images/scene-000001.jpg", 1 << 24);
    const auto plain = decode_image(bytes, "plain.jpg", 3);
    bytes.insert(bytes.end() - 2, {0, 0, 0, 1, 2, 3});
    const auto padded = decode_image(bytes, "padded.jpg", 3);
    ASSERT_TRUE(padded) << padded.error().message;
    EXPECT_EQ(padded->pixels, plain->pixels);
}

}  // namespace
}  // namespace octet::vision
