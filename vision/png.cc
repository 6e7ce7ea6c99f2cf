#include "vision/png.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <new>
#include <optional>

#include "vision/orientation.h"

namespace octet::vision {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array<std::uint8_t, 8> signature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

// libpng reports an error by a call that must not return. Who calls into it sets a jump target first, and has no local
// object that a jump would leave undestroyed.
class PngErrors {
  public:
    const char* message() const { return message_.data(); }

  protected:
    static void jump(png_structp png, png_const_charp message) {
        auto* self = static_cast<PngErrors*>(png_get_error_ptr(png));
        std::strncpy(self->message_.data(), message, self->message_.size() - 1);
        std::longjmp(self->target_, 1);
    }
    static void ignore(png_structp, png_const_charp) {}

    std::jmp_buf target_{};

  private:
    std::array<char, 200> message_{};
};

class PngReader : public PngErrors {
  public:
    explicit PngReader(Bytes bytes) : rest_(bytes) {}
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;
    ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

    bool read_header() {
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, static_cast<PngErrors*>(this), jump, ignore);
        if (png_ == nullptr || setjmp(target_) != 0) return false;
        info_ = png_create_info_struct(png_);
        if (info_ == nullptr) return false;
        png_set_read_fn(png_, this, read);
        png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_image_size() has limits of its own
        // Texts and profiles may be long, and are not needed.
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
        png_read_info(png_, info_);
        return true;
    }

    std::int64_t width() const { return png_get_image_width(png_, info_); }
    std::int64_t height() const { return png_get_image_height(png_, info_); }
    bool is_grey() const { return (png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR) == 0; }

    // Into the rows of an image of width() x height(), which has one channel only where the file is grey. `rows` has
    // room for height() pointers.
    bool read_rows(Image& image, std::vector<png_bytep>& rows) {
        for (int y = 0; y < image.height; ++y) rows[static_cast<std::size_t>(y)] = image.row(y);
        if (setjmp(target_) != 0) return false;
        png_set_strip_16(png_);
        png_set_expand(png_);  // palettes and fewer than 8 bits
        png_set_strip_alpha(png_);
        if (image.channels == 3) png_set_gray_to_rgb(png_);
        png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        if (png_get_rowbytes(png_, info_) != static_cast<std::size_t>(image.width) * image.channels)
            png_error(png_, "unexpected pixels");
        reads_pixels_ = true;
        png_read_image(png_, rows.data());
        reads_pixels_ = false;
        png_read_end(png_, nullptr);
        return true;
    }

  private:
    // Behind the last row libpng inflates the rest of the data and throws it away. A few bytes of it end the data; a
    // file made to do harm has gigabytes there.
    static constexpr std::size_t most_behind_pixels = 8192;

    bool has_all_rows() const {
        if (!reads_pixels_) return false;
        const bool interlaced = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
        return interlaced ? png_get_current_pass_number(png_) >= PNG_INTERLACE_ADAM7_PASSES
                          : png_get_current_row_number(png_) >= png_get_image_height(png_, info_);
    }

    static void read(png_structp png, png_bytep to, std::size_t size) {
        auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
        if (size > self->rest_.size()) png_error(png, "the file ends too early");
        if (self->has_all_rows() && (self->behind_pixels_ += size) > most_behind_pixels)
            png_error(png, "more pixels than its size");
        std::memcpy(to, self->rest_.data(), size);
        self->rest_ = self->rest_.subspan(size);
    }

    Bytes rest_;
    bool reads_pixels_ = false;
    std::size_t behind_pixels_ = 0;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
};

class PngWriter : public PngErrors {
  public:
    PngWriter() = default;
    PngWriter(const PngWriter&) = delete;
    PngWriter& operator=(const PngWriter&) = delete;
    ~PngWriter() { png_destroy_write_struct(&png_, &info_); }

    bool write(const Image& image, std::vector<std::uint8_t>& out) {
        png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, static_cast<PngErrors*>(this), jump, ignore);
        if (png_ == nullptr || setjmp(target_) != 0) return false;
        info_ = png_create_info_struct(png_);
        if (info_ == nullptr) return false;
        png_set_write_fn(png_, &out, append, nullptr);
        const int color = image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                          : image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                                : PNG_COLOR_TYPE_RGB_ALPHA;
        png_set_IHDR(png_, info_, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
                     color, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_set_compression_level(png_, compression);
        png_write_info(png_, info_);
        for (int y = 0; y < image.height; ++y) png_write_row(png_, image.row(y));
        png_write_end(png_, nullptr);
        return true;
    }

  private:
    static constexpr int compression = 3;  // of 9: a few percent larger than 6, in half the time

    // No exception may pass through libpng.
    static void append(png_structp png, png_bytep data, std::size_t size) {
        auto* out = static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
        bool appended = true;
        try {
            out->insert(out->end(), data, data + size);
        } catch (const std::bad_alloc&) {
            appended = false;
        }
        if (!appended) png_error(png, "out of memory");
    }

    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
};

std::uint32_t big_endian(Bytes bytes, std::size_t offset) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[offset + i];
    return value;
}

// The data of the chunk eXIf, which may stand before the pixels or behind them; empty when there is none.
Bytes png_exif(Bytes bytes) {
    constexpr std::size_t chunk_start = 8, checksum = 4;
    for (std::size_t at = signature.size(); bytes.size() - at >= chunk_start + checksum;) {
        const std::size_t length = big_endian(bytes, at);
        if (length > bytes.size() - at - chunk_start - checksum) return {};
        if (std::memcmp(bytes.data() + at + 4, "eXIf", 4) == 0) return bytes.subspan(at + chunk_start, length);
        at += chunk_start + length + checksum;
    }
    return {};
}

// Rec. 601's luma in 8 bits, as stb_image computes it for BMP files.
void to_grey(std::uint8_t* pixels, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t* rgb = pixels + 3 * i;
        pixels[i] = static_cast<std::uint8_t>((rgb[0] * 77 + rgb[1] * 150 + rgb[2] * 29) >> 8);
    }
}

}  // namespace

bool is_png(Bytes bytes) {
    return bytes.size() >= signature.size() && std::equal(signature.begin(), signature.end(), bytes.begin());
}

Result<Image> decode_png(Bytes bytes, const std::string& name, int channels) {
    PngReader reader(bytes);
    if (!reader.read_header())
        return fail(ErrorCode::io, "{}: truncated or damaged image header ({})", name, reader.message());
    OCTET_TRY(check_image_size(name, reader.width(), reader.height()));
    const auto width = static_cast<int>(reader.width()), height = static_cast<int>(reader.height());
    const bool turns_grey = channels == 1 && !reader.is_grey();
    Image stored(width, height, turns_grey ? 3 : channels);
    std::vector<png_bytep> rows(static_cast<std::size_t>(height));
    if (!reader.read_rows(stored, rows))
        return fail(ErrorCode::io, "{}: truncated or damaged image ({})", name, reader.message());

    const int orientation = read_orientation(png_exif(bytes)).value_or(orientation_as_stored);
    if (orientation == orientation_as_stored && !turns_grey) return stored;
    const Upright upright(orientation, width, height);
    Image image(upright.width(), upright.height(), channels);
    for (int y = 0; y < height; ++y) {
        if (turns_grey) to_grey(stored.row(y), static_cast<std::size_t>(width));
        upright.put_row(image, y, stored.row(y));
    }
    return image;
}

Result<std::vector<std::uint8_t>> encode_png(const Image& image) {
    std::vector<std::uint8_t> bytes;
    PngWriter writer;
    if (!writer.write(image, bytes))
        return fail(ErrorCode::io, "a {}x{} picture cannot be encoded as PNG: {}", image.width, image.height,
                    writer.message());
    return bytes;
}

}  // namespace octet::vision
