#include "vision/png.h"

#include <libdeflate.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>

#include "vision/orientation.h"

namespace octet::vision {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array<std::uint8_t, 8> signature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

// libpng reports an error by a call that must not return. The methods that call into it set a jump target first, and
// have no local object that a jump would leave undestroyed.
class PngReader {
  public:
    explicit PngReader(Bytes bytes) : rest_(bytes) {}
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;
    ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

    bool read_header() {
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, jump, ignore);
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

    const char* message() const { return message_.data(); }
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

    static void jump(png_structp png, png_const_charp message) {
        auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
        std::strncpy(self->message_.data(), message, self->message_.size() - 1);
        std::longjmp(self->target_, 1);
    }
    static void ignore(png_structp, png_const_charp) {}

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

    std::jmp_buf target_{};
    std::array<char, 200> message_{};
    Bytes rest_;
    bool reads_pixels_ = false;
    std::size_t behind_pixels_ = 0;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
};

// A row as a PNG filter of its type leaves it: its bytes less what the neighbours let expect, modulo 256.
//   c b     the same channel of the pixels around x; 0 outside the picture
//   a x
enum Filter : std::uint8_t { filter_none, filter_sub, filter_up, filter_average, filter_paeth };
constexpr int filters = 5;

// Whichever of a, b and c lies nearest to a + b - c; of equals the first.
int paeth(int a, int b, int c) {
    const int from_a = std::abs(b - c), from_b = std::abs(a - c), from_c = std::abs(a + b - 2 * c);
    const int nearer = from_b <= from_c ? b : c;
    return from_a <= from_b && from_a <= from_c ? a : nearer;
}

template <typename Expected>
void filter_bytes(const std::uint8_t* row, const std::uint8_t* above, std::size_t bytes, std::size_t channels,
                  std::uint8_t* out, const Expected& expected) {
    for (std::size_t i = 0; i < channels; ++i) out[i] = static_cast<std::uint8_t>(row[i] - expected(0, above[i], 0));
    for (std::size_t i = channels; i < bytes; ++i)
        out[i] = static_cast<std::uint8_t>(row[i] - expected(row[i - channels], above[i], above[i - channels]));
}

void filter_row(Filter filter, const std::uint8_t* row, const std::uint8_t* above, std::size_t bytes,
                std::size_t channels, std::uint8_t* out) {
    const auto apply = [&](const auto& expected) { filter_bytes(row, above, bytes, channels, out, expected); };
    switch (filter) {
        case filter_none:
            return apply([](int, int, int) { return 0; });
        case filter_sub:
            return apply([](int a, int, int) { return a; });
        case filter_up:
            return apply([](int, int b, int) { return b; });
        case filter_average:
            return apply([](int a, int b, int) { return (a + b) / 2; });
        case filter_paeth:
            return apply(paeth);
    }
}

// The PNG specification's heuristic (section 12.7): the filter whose bytes, as signed ones, have the least sum of
// absolute values compresses best, mostly.
std::uint32_t cost_of(const std::uint8_t* filtered, std::size_t bytes) {
    std::uint32_t cost = 0;
    for (std::size_t i = 0; i < bytes; ++i)
        cost += static_cast<std::uint32_t>(std::abs(static_cast<int>(static_cast<std::int8_t>(filtered[i]))));
    return cost;
}

// Bytes that nobody has set to 0.
struct RawBytes {
    explicit RawBytes(std::size_t count) : data(std::make_unique_for_overwrite<std::uint8_t[]>(count)), size(count) {}
    std::unique_ptr<std::uint8_t[]> data;
    std::size_t size;
};

// The rows with the type of their filter before each.
RawBytes filtered_rows(const Image& image) {
    const auto channels = static_cast<std::size_t>(image.channels);
    const std::size_t row_bytes = static_cast<std::size_t>(image.width) * channels;
    RawBytes out((row_bytes + 1) * static_cast<std::size_t>(image.height));
    const std::vector<std::uint8_t> nothing(row_bytes);
    std::vector<std::uint8_t> candidate(row_bytes);
    for (int y = 0; y < image.height; ++y) {
        const std::uint8_t* above = y == 0 ? nothing.data() : image.row(y - 1);
        std::uint8_t* to = &out.data[static_cast<std::size_t>(y) * (row_bytes + 1)];
        std::uint32_t best = std::numeric_limits<std::uint32_t>::max();
        for (int i = 0; i < filters; ++i) {
            const auto filter = static_cast<Filter>(i);
            filter_row(filter, image.row(y), above, row_bytes, channels, candidate.data());
            const std::uint32_t cost = cost_of(candidate.data(), row_bytes);
            if (cost >= best) continue;
            best = cost;
            to[0] = filter;
            std::copy(candidate.begin(), candidate.end(), to + 1);
        }
    }
    return out;
}

void append_big_endian(std::vector<std::uint8_t>& out, std::size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

// Length, type, data, and the checksum of the last two.
void append_chunk(std::vector<std::uint8_t>& out, std::string_view type, Bytes data) {
    append_big_endian(out, data.size());
    const std::size_t start = out.size();
    out.insert(out.end(), type.begin(), type.end());
    out.insert(out.end(), data.begin(), data.end());
    append_big_endian(out, libdeflate_crc32(0, out.data() + start, out.size() - start));
}

using Compressor = std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)>;

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
    const auto failure = [&](std::string_view why) {
        return fail(ErrorCode::io, "a {}x{} picture cannot be encoded as PNG: {}", image.width, image.height, why);
    };
    if (image.width < 1 || image.height < 1) return failure("it has no pixels");
    constexpr int level = 1;  // of 12: the filters have done most of it; 2 gives 5 % less in twice the time
    const Compressor compressor(libdeflate_alloc_compressor(level), libdeflate_free_compressor);
    if (!compressor) return failure("out of memory");
    constexpr std::size_t largest_chunk = 0x7FFFFFFF;
    std::optional<RawBytes> rows = filtered_rows(image);
    const RawBytes data(libdeflate_zlib_compress_bound(compressor.get(), rows->size));
    const std::size_t size =
        libdeflate_zlib_compress(compressor.get(), rows->data.get(), rows->size, data.data.get(), data.size);
    if (size == 0 || size > largest_chunk) return failure("too large");
    rows.reset();  // of a large picture they are large

    constexpr std::uint8_t grey = 0, rgb = 2, rgb_alpha = 6, bits = 8;
    const std::uint8_t color = image.channels == 1 ? grey : image.channels == 3 ? rgb : rgb_alpha;
    std::vector<std::uint8_t> header;
    append_big_endian(header, static_cast<std::size_t>(image.width));
    append_big_endian(header, static_cast<std::size_t>(image.height));
    header.insert(header.end(), {bits, color, 0, 0, 0});  // deflate, the five filters, not interlaced

    std::vector<std::uint8_t> bytes;
    constexpr std::size_t around_data = 64;
    bytes.reserve(size + around_data);
    bytes.insert(bytes.end(), signature.begin(), signature.end());
    append_chunk(bytes, "IHDR", header);
    append_chunk(bytes, "IDAT", {data.data.get(), size});
    append_chunk(bytes, "IEND", {});
    return bytes;
}

}  // namespace octet::vision
