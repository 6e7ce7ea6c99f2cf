#include "vision/jpeg.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>
// libjpeg's header needs size_t and FILE declared before it.
#include <jerror.h>
#include <jpeglib.h>

#include "vision/orientation.h"

namespace octet::vision {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array unsupported_errors = {JERR_ARITH_NOTIMPL,        JERR_BAD_PRECISION,  JERR_CCIR601_NOTIMPL,
                                           JERR_CONVERSION_NOTIMPL,   JERR_NOTIMPL,        JERR_NOT_COMPILED,
                                           JERR_FRACT_SAMPLE_NOTIMPL, JERR_SOF_UNSUPPORTED};
// libjpeg goes on behind damage and only warns; what it then gives is grey or noise, which would pass for a picture.
// These warnings alone leave the pixels as they were stored.
constexpr std::array harmless_warnings = {JWRN_ADOBE_XFORM, JWRN_BOGUS_ICC, JWRN_EXTRANEOUS_DATA, JWRN_JFIF_MAJOR,
                                          JWRN_TOO_MUCH_DATA};

template <std::size_t count>
bool contains(const std::array<J_MESSAGE_CODE, count>& codes, int code) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// In place, `count` pixels of 4 bytes to 3 or 1. The values are stored inverted, 255 for no ink: Photoshop began it and
// marks such files (APP14 "Adobe"), all others do as it does, and OpenCV and Pillow take unmarked files the same way.
void inks_to_colors(std::uint8_t* pixels, std::size_t count, int channels) {
    constexpr std::uint32_t red_weight = 19595, green_weight = 38470, blue_weight = 7471;  // libjpeg's, of 65536
    std::uint8_t* out = pixels;
    for (const std::uint8_t* in = pixels; in != pixels + 4 * count; in += 4) {
        const auto lit = [&](std::size_t ink) { return (std::uint32_t{in[ink]} * in[3] + 127) / 255; };
        const std::uint32_t red = lit(0), green = lit(1), blue = lit(2);
        if (channels == 1) {
            *out++ = static_cast<std::uint8_t>(
                (red * red_weight + green * green_weight + blue * blue_weight + 0x8000) >> 16);
        } else {
            *out++ = static_cast<std::uint8_t>(red);
            *out++ = static_cast<std::uint8_t>(green);
            *out++ = static_cast<std::uint8_t>(blue);
        }
    }
}

// libjpeg reports an error by a call that must not return. The methods that call into it set a jump target first, and
// have no local object that a jump would leave undestroyed.
class JpegReader {
  public:
    explicit JpegReader(Bytes bytes) : bytes_(bytes) {
        info_.err = jpeg_std_error(&errors_);
        errors_.error_exit = [](j_common_ptr info) {
            auto* self = static_cast<JpegReader*>(info->client_data);
            info->err->format_message(info, self->message_.data());
            self->jump();
        };
        errors_.emit_message = [](j_common_ptr info, int level) {
            const bool is_warning = level < 0;
            if (is_warning && !contains(harmless_warnings, info->err->msg_code)) info->err->error_exit(info);
        };
        info_.client_data = this;
        progress_.progress_monitor = [](j_common_ptr info) {
            static_cast<JpegReader*>(info->client_data)->check_scans();
        };
    }
    JpegReader(const JpegReader&) = delete;
    JpegReader& operator=(const JpegReader&) = delete;
    ~JpegReader() { jpeg_destroy_decompress(&info_); }

    bool read_header() {
        if (setjmp(target_) != 0) return false;
        jpeg_create_decompress(&info_);
        info_.client_data = this;
        info_.progress = &progress_;
        jpeg_mem_src(&info_, bytes_.data(), bytes_.size());
        jpeg_save_markers(&info_, exif_marker, 0xFFFF);
        return jpeg_read_header(&info_, TRUE) == JPEG_HEADER_OK;
    }

    // Into an image of upright.width() x upright.height().
    bool read_rows(const Upright& upright, Image& image) {
        row_.resize(std::size_t{info_.image_width} * 4);  // before the jump target: it may throw
        if (setjmp(target_) != 0) return false;
        const bool inks = info_.num_components == 4;
        const bool in_place = !inks && upright.keeps_rows();
        // libjpeg turns YCCK into CMYK, but neither into RGB.
        info_.out_color_space = inks ? JCS_CMYK : image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_start_decompress(&info_);
        while (info_.output_scanline < info_.output_height) {
            const int y = static_cast<int>(info_.output_scanline);
            JSAMPROW row = in_place ? upright.row(image, y) : row_.data();
            jpeg_read_scanlines(&info_, &row, 1);
            if (inks) inks_to_colors(row, info_.image_width, image.channels);
            if (!in_place) upright.put_row(image, y, row);
        }
        return jpeg_finish_decompress(&info_) != FALSE;
    }

    // The first that an EXIF segment gives. There may be others, and APP1 holds XMP too.
    int orientation() const {
        for (const jpeg_marker_struct* marker = info_.marker_list; marker; marker = marker->next) {
            const Bytes segment(marker->data, marker->data_length);
            if (marker->marker != exif_marker || segment.size() < exif_prefix.size()) continue;
            if (!std::equal(exif_prefix.begin(), exif_prefix.end(), segment.begin())) continue;
            if (const auto orientation = read_orientation(segment.subspan(exif_prefix.size()))) return *orientation;
        }
        return orientation_as_stored;
    }

    std::int64_t width() const { return info_.image_width; }
    std::int64_t height() const { return info_.image_height; }
    int components() const { return info_.num_components; }

    // Why read_header() or read_rows() failed; `damage` is the reason unless there is a more precise one.
    tl::unexpected<Error> failure(const std::string& name, const char* damage) const {
        if (too_many_scans_)
            return fail(ErrorCode::out_of_range, "{}: a progressive JPEG of {}x{} pixels in more than {} scans", name,
                        width(), height(), max_scans());
        if (contains(unsupported_errors, errors_.msg_code))
            return fail(ErrorCode::unsupported, "{}: a JPEG of a kind that is not read ({})", name, message_.data());
        if (errors_.msg_code == JWRN_JPEG_EOF) return fail(ErrorCode::io, "{}: the image is truncated", name);
        return fail(ErrorCode::io, "{}: {} ({})", name, damage, message_.data());
    }

  private:
    static constexpr int exif_marker = JPEG_APP0 + 1;

    [[noreturn]] void jump() { std::longjmp(target_, 1); }

    // Encoders make about ten. Each scan costs a pass over the picture, but may take a few bytes only.
    std::int64_t max_scans() const {
        constexpr std::int64_t most = 500, most_pixels = 20 * max_image_pixels;
        return std::min(most, most_pixels / std::max<std::int64_t>(1, width() * height()));
    }
    void check_scans() {
        if (info_.input_scan_number <= max_scans()) return;
        too_many_scans_ = true;
        jump();
    }

    Bytes bytes_;
    jpeg_decompress_struct info_{};
    jpeg_error_mgr errors_{};
    std::jmp_buf target_{};
    std::array<char, JMSG_LENGTH_MAX> message_{};
    jpeg_progress_mgr progress_{};
    bool too_many_scans_ = false;
    std::vector<std::uint8_t> row_;
};

// As JpegReader says.
class JpegWriter {
  public:
    JpegWriter() {
        info_.err = jpeg_std_error(&errors_);
        errors_.error_exit = [](j_common_ptr info) {
            auto* self = static_cast<JpegWriter*>(info->client_data);
            info->err->format_message(info, self->message_.data());
            std::longjmp(self->target_, 1);
        };
        info_.client_data = this;
    }
    JpegWriter(const JpegWriter&) = delete;
    JpegWriter& operator=(const JpegWriter&) = delete;
    ~JpegWriter() {
        jpeg_destroy_compress(&info_);
        std::free(bytes_);
    }

    bool write(const Image& image, int quality) {
        if (setjmp(target_) != 0) return false;
        jpeg_create_compress(&info_);
        info_.client_data = this;
        jpeg_mem_dest(&info_, &bytes_, &size_);
        info_.image_width = static_cast<JDIMENSION>(image.width);
        info_.image_height = static_cast<JDIMENSION>(image.height);
        info_.input_components = image.channels;
        info_.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_set_defaults(&info_);  // with chroma of half the size
        jpeg_set_quality(&info_, quality, TRUE);
        jpeg_start_compress(&info_, TRUE);
        while (info_.next_scanline < info_.image_height) {
            auto* row = const_cast<JSAMPROW>(image.row(static_cast<int>(info_.next_scanline)));
            jpeg_write_scanlines(&info_, &row, 1);
        }
        jpeg_finish_compress(&info_);
        return true;
    }

    std::string bytes() const { return {reinterpret_cast<const char*>(bytes_), size_}; }
    const char* message() const { return message_.data(); }

  private:
    jpeg_compress_struct info_{};
    jpeg_error_mgr errors_{};
    std::jmp_buf target_{};
    std::array<char, JMSG_LENGTH_MAX> message_{};
    unsigned char* bytes_ = nullptr;  // libjpeg allocates it
    unsigned long size_ = 0;
};

}  // namespace

bool is_jpeg(Bytes bytes) {
    return bytes.size() >= 2 && bytes[0] == 0xFF && bytes[1] == 0xD8;
}

Result<Image> decode_jpeg(Bytes bytes, const std::string& name, int channels) {
    JpegReader reader(bytes);
    if (!reader.read_header()) return reader.failure(name, "truncated or damaged image header");
    OCTET_TRY(check_image_size(name, reader.width(), reader.height()));
    if (const int count = reader.components(); count != 1 && count != 3 && count != 4)
        return fail(ErrorCode::unsupported, "{}: a JPEG of {} colour components; 1, 3 and 4 are read", name, count);
    const Upright upright(reader.orientation(), static_cast<int>(reader.width()), static_cast<int>(reader.height()));
    Image image(upright.width(), upright.height(), channels);
    if (!reader.read_rows(upright, image)) return reader.failure(name, "damaged image");
    return image;
}

Result<std::string> encode_jpeg(const Image& image, int quality) {
    JpegWriter writer;
    if (!writer.write(image, quality))
        return fail(ErrorCode::io, "a {}x{} picture cannot be encoded as JPEG: {}", image.width, image.height,
                    writer.message());
    return writer.bytes();
}

}  // namespace octet::vision
