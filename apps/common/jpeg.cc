#include "apps/common/jpeg.h"

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// libjpeg's header needs size_t and FILE declared before it.
#include <jpeglib.h>

namespace octet::apps {
namespace {

using Bytes = std::span<const std::uint8_t>;

// libjpeg reports an error by a call that must not return. The methods that call into it set a jump target first, and
// have no local object that a jump would leave undestroyed.
class JpegReader {
  public:
    explicit JpegReader(Bytes bytes) : bytes_(bytes) {
        info_.err = jpeg_std_error(&errors_);
        errors_.error_exit = [](j_common_ptr info) {
            auto* self = static_cast<JpegReader*>(info->client_data);
            info->err->format_message(info, self->message_.data());
            std::longjmp(self->target_, 1);
        };
        errors_.output_message = [](j_common_ptr) {};  // warnings; truncation is found by jpeg_is_complete()
        info_.client_data = this;
    }
    JpegReader(const JpegReader&) = delete;
    JpegReader& operator=(const JpegReader&) = delete;
    ~JpegReader() { jpeg_destroy_decompress(&info_); }

    bool read_header() {
        if (setjmp(target_) != 0) return false;
        jpeg_create_decompress(&info_);
        info_.client_data = this;
        jpeg_mem_src(&info_, bytes_.data(), bytes_.size());
        return jpeg_read_header(&info_, TRUE) == JPEG_HEADER_OK;
    }

    // Into an image of width() x height().
    bool read_rows(Image& image) {
        if (setjmp(target_) != 0) return false;
        info_.out_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_start_decompress(&info_);
        while (info_.output_scanline < info_.output_height) {
            JSAMPROW row = image.row(static_cast<int>(info_.output_scanline));
            jpeg_read_scanlines(&info_, &row, 1);
        }
        return jpeg_finish_decompress(&info_) != FALSE;
    }

    std::int64_t width() const { return info_.image_width; }
    std::int64_t height() const { return info_.image_height; }
    const char* message() const { return message_.data(); }

  private:
    Bytes bytes_;
    jpeg_decompress_struct info_{};
    jpeg_error_mgr errors_{};
    std::jmp_buf target_{};
    std::array<char, JMSG_LENGTH_MAX> message_{};
};

// libjpeg fills what is missing with grey and only warns, so the end is looked for here: the segments are walked to the
// EOI marker. (In entropy-coded data FF is followed by 00 or by a restart marker only.)
bool jpeg_is_complete(Bytes bytes) {
    constexpr std::uint8_t restart_first = 0xD0, restart_last = 0xD7, end_of_image = 0xD9, start_of_scan = 0xDA;
    const auto is_restart = [](std::uint8_t marker) { return marker >= restart_first && marker <= restart_last; };
    std::size_t at = 2;
    while (at + 2 <= bytes.size()) {
        const std::uint8_t marker = bytes[at + 1];
        if (bytes[at] != 0xFF || marker == 0xFF) {
            ++at;  // padding between segments
        } else if (marker == end_of_image) {
            return true;
        } else if (marker <= 0x01 || is_restart(marker)) {
            at += 2;
        } else if (at + 4 > bytes.size()) {
            return false;
        } else {
            at += 2 + (std::size_t{bytes[at + 2]} << 8 | bytes[at + 3]);
            if (marker != start_of_scan) continue;
            while (at + 1 < bytes.size() && (bytes[at] != 0xFF || bytes[at + 1] == 0x00 || is_restart(bytes[at + 1])))
                ++at;
        }
    }
    return false;
}

}  // namespace

bool is_jpeg(Bytes bytes) {
    return bytes.size() >= 2 && bytes[0] == 0xFF && bytes[1] == 0xD8;
}

Result<Image> decode_jpeg(Bytes bytes, const std::string& name, int channels) {
    JpegReader reader(bytes);
    if (!reader.read_header())
        return fail(ErrorCode::io, "{}: truncated or damaged image header ({})", name, reader.message());
    OCTET_TRY(check_image_size(name, reader.width(), reader.height()));
    if (!jpeg_is_complete(bytes)) return fail(ErrorCode::io, "{}: the image is truncated", name);
    Image image(static_cast<int>(reader.width()), static_cast<int>(reader.height()), channels);
    if (!reader.read_rows(image)) return fail(ErrorCode::io, "{}: damaged image ({})", name, reader.message());
    return image;
}

}  // namespace octet::apps
