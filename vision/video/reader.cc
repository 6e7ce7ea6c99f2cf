extern "C" {
#include <libavdevice/avdevice.h>
#include <libavutil/display.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "vision/orientation.h"
#include "vision/video/libav.h"

namespace octet::vision {
namespace {

// The EXIF orientation of a display matrix: (x, y) of the stored frame is shown at (a x + c y, b x + d y), less what
// moves it into view.
std::optional<int> orientation_of(const std::int32_t* matrix) {
    constexpr double one = 65536, rounding = 0.01;
    for (const int i : {0, 1, 3, 4})
        if (std::abs(matrix[i] / one - std::round(matrix[i] / one)) > rounding) return std::nullopt;
    const auto entry = [&](int i) { return static_cast<int>(std::lround(matrix[i] / one)); };
    struct Turn {
        int a, b, c, d, orientation;
    };
    constexpr Turn turns[] = {{1, 0, 0, 1, 1}, {-1, 0, 0, 1, 2}, {-1, 0, 0, -1, 3}, {1, 0, 0, -1, 4},
                              {0, 1, 1, 0, 5}, {0, 1, -1, 0, 6}, {0, -1, -1, 0, 7}, {0, -1, 1, 0, 8}};
    for (const Turn& turn : turns)
        if (entry(0) == turn.a && entry(1) == turn.b && entry(3) == turn.c && entry(4) == turn.d)
            return turn.orientation;
    return std::nullopt;
}

const std::int32_t* display_matrix(const AVStream& stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    const AVPacketSideData* data = av_packet_side_data_get(
        stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return data != nullptr && data->size >= 36 ? reinterpret_cast<const std::int32_t*>(data->data) : nullptr;
#else
    std::size_t size = 0;
    const std::uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data != nullptr && size >= 36 ? reinterpret_cast<const std::int32_t*>(data) : nullptr;
#endif
}

// Formats whose names begin with yuvj are full range by their name.
bool is_full_range(AVColorRange range, AVPixelFormat format) {
    const char* name = av_get_pix_fmt_name(format);
    return range == AVCOL_RANGE_JPEG || (name != nullptr && std::strncmp(name, "yuvj", 4) == 0);
}

bool has_rgb(AVPixelFormat format) {
    const AVPixFmtDescriptor* descriptor = av_pix_fmt_desc_get(format);
    return descriptor != nullptr && (descriptor->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

int matrix_of(AVColorSpace stated, int width, int height) {
    if (stated == AVCOL_SPC_UNSPECIFIED || stated == AVCOL_SPC_RESERVED)
        return width >= 1280 || height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    return stated;
}

bool is_converted(int matrix) {
    constexpr std::array known = {AVCOL_SPC_RGB,       AVCOL_SPC_BT709,     AVCOL_SPC_FCC,        AVCOL_SPC_BT470BG,
                                  AVCOL_SPC_SMPTE170M, AVCOL_SPC_SMPTE240M, AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL};
    return std::find(known.begin(), known.end(), matrix) != known.end();
}

struct ChromaPlace {
    int x, y;
};

// In 256ths of a luma pixel. MPEG's default is on the left pixel, in the middle of two rows; JPEG's in the middle of all.
ChromaPlace chroma_of(AVChromaLocation location, bool full_range, AVPixelFormat format) {
    const AVPixFmtDescriptor* descriptor = av_pix_fmt_desc_get(format);
    const bool halves_x = descriptor != nullptr && descriptor->log2_chroma_w == 1;
    const bool halves_y = descriptor != nullptr && descriptor->log2_chroma_h == 1;
    const bool on_left = location == AVCHROMA_LOC_LEFT || location == AVCHROMA_LOC_TOPLEFT ||
                         location == AVCHROMA_LOC_BOTTOMLEFT || (location == AVCHROMA_LOC_UNSPECIFIED && !full_range);
    const bool on_top = location == AVCHROMA_LOC_TOPLEFT || location == AVCHROMA_LOC_TOP;
    const bool on_bottom = location == AVCHROMA_LOC_BOTTOMLEFT || location == AVCHROMA_LOC_BOTTOM;
    return {halves_x && !on_left ? 128 : 0, !halves_y || on_top ? 0 : on_bottom ? 256 : 128};
}

struct DictionaryDelete {
    void operator()(AVDictionary* dictionary) const { av_dict_free(&dictionary); }
};

class Reader : public VideoReader {
  public:
    explicit Reader(const VideoSource& source) : source_(source), packet_(av_packet_alloc()), frame_(av_frame_alloc()) {
        name_ = source.path == "-" ? "stdin" : source.path;
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() override { avformat_close_input(&format_); }

    Result<void> open() {
        OCTET_TRY(open_input());
        int code = avformat_find_stream_info(format_, nullptr);
        if (code < 0) return failure("no video that can be read", code);
        const AVCodec* decoder = nullptr;
        code = av_find_best_stream(format_, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
        if (code == AVERROR_DECODER_NOT_FOUND)
            return fail(ErrorCode::unsupported, "{}: this FFmpeg has no decoder for its video", name_);
        if (code < 0 || decoder == nullptr) return fail(ErrorCode::io, "{}: it has no video", name_);
        stream_ = format_->streams[code];
        for (unsigned i = 0; i < format_->nb_streams; ++i)
            if (format_->streams[i] != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
        OCTET_TRY(check_image_size(name_, stream_->codecpar->width, stream_->codecpar->height));

        decoder_.reset(avcodec_alloc_context3(decoder));
        if (!decoder_) return fail(ErrorCode::io, "{}: out of memory", name_);
        avcodec_parameters_to_context(decoder_.get(), stream_->codecpar);
        decoder_->pkt_timebase = stream_->time_base;
        decoder_->thread_count = 1;  // the threads that there are have networks to run
        decoder_->max_pixels = max_image_pixels;
        code = avcodec_open2(decoder_.get(), decoder, nullptr);
        if (code < 0) return failure("its decoder cannot be opened", code);
        return describe();
    }

    const VideoInfo& info() const override { return info_; }
    std::int64_t damaged() const override { return damaged_; }

    Result<std::optional<VideoFrame>> next() override {
        for (;;) {
            const int code = avcodec_receive_frame(decoder_.get(), frame_.get());
            if (code == AVERROR_EOF) return std::nullopt;
            if (code == AVERROR(EAGAIN)) {
                OCTET_ASSIGN(const bool goes_on, feed());
                if (!goes_on) return std::nullopt;
                continue;
            }
            if (code < 0) {
                ++damaged_;
                continue;
            }
            if (frame_->decode_error_flags != 0 || (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0) ++damaged_;
            const std::int64_t index = count_++;
            const std::int64_t time = time_of(*frame_);
            if (index % source_.every != 0) continue;
            OCTET_ASSIGN(Image image, picture());
            return VideoFrame{std::move(image), index, time, static_cast<double>(time) * av_q2d(stream_->time_base)};
        }
    }

  private:
    tl::unexpected<Error> failure(const std::string& what, int code) const {
        return fail(ErrorCode::io, "{}: {}: {}", name_, what, libav_reason(code));
    }

    Result<void> open_input() {
        format_ = avformat_alloc_context();
        if (format_ == nullptr || !packet_ || !frame_) return fail(ErrorCode::io, "{}: out of memory", name_);
        format_->interrupt_callback = {[](void* self) -> int {
                                           const auto& asked = static_cast<Reader*>(self)->source_.is_interrupted;
                                           return asked && asked() ? 1 : 0;
                                       },
                                       this};
        AVDictionary* raw_options = nullptr;
        const auto set = [&](const char* key, const std::string& value) {
            av_dict_set(&raw_options, key, value.c_str(), 0);
        };
        const std::string rate = fmt::format("{}", source_.frame_rate);
        const AVInputFormat* format = nullptr;
        std::string url = "file:" + source_.path;
        if (source_.path == "-") url = "pipe:0";
        if (source_.is_camera) {
            avdevice_register_all();
            format = av_find_input_format("video4linux2");
            if (format == nullptr)
                return fail(ErrorCode::unsupported, "{}: this FFmpeg reads no cameras of Video4Linux", name_);
            url = source_.path;
            set("framerate", rate);
        } else if (source_.raw) {
            if (av_get_pix_fmt(source_.raw->pixel_format.c_str()) == AV_PIX_FMT_NONE)
                return fail(ErrorCode::invalid_argument,
                            "{}: FFmpeg knows no pixels of the format '{}'; rgb24, bgr24, gray, yuv420p and nv12 are "
                            "common ones",
                            name_, source_.raw->pixel_format);
            format = av_find_input_format("rawvideo");
            set("video_size", fmt::format("{}x{}", source_.raw->width, source_.raw->height));
            set("pixel_format", source_.raw->pixel_format);
            set("framerate", rate);
        } else if (is_frame_pattern(source_.path)) {
            format = av_find_input_format("image2");
            url = source_.path;
            set("framerate", rate);
            set("start_number_range", "1000000");
        }
        // A playlist must not open what its author likes.
        if (!source_.is_camera) set("protocol_whitelist", "file,pipe");
        const int code = avformat_open_input(&format_, url.c_str(), format, &raw_options);
        const std::unique_ptr<AVDictionary, DictionaryDelete> options(raw_options);
        return code < 0 ? failure("cannot be opened as a video", code) : Result<void>();
    }

    Result<void> describe() {
        if (const std::int32_t* matrix = display_matrix(*stream_)) {
            const auto turn = orientation_of(matrix);
            if (!turn)
                return fail(ErrorCode::unsupported,
                            "{}: it is to be shown turned by {:.0f} degrees; right angles are obeyed", name_,
                            -av_display_rotation_get(matrix));
            orientation_ = *turn;
        }
        const AVCodecParameters& stored = *stream_->codecpar;
        stored_width_ = stored.width;
        stored_height_ = stored.height;
        upright_.emplace(orientation_, stored.width, stored.height);
        info_.width = upright_->width();
        info_.height = upright_->height();
        info_.time_base = {stream_->time_base.num, stream_->time_base.den};
        const AVRational rate = av_guess_frame_rate(format_, stream_, nullptr);
        if (rate.num > 0 && rate.den > 0) info_.frame_rate = {rate.num, rate.den};
        const AVRational aspect = av_guess_sample_aspect_ratio(format_, stream_, nullptr);
        if (aspect.num > 0 && aspect.den > 0)
            info_.pixel_aspect = info_.width == stored.width || stored.width == stored.height
                                     ? Ratio{aspect.num, aspect.den}
                                     : Ratio{aspect.den, aspect.num};
        if (stream_->nb_frames > 0) info_.frames = (stream_->nb_frames + source_.every - 1) / source_.every;
        info_.codec = avcodec_get_name(stored.codec_id);
        const auto format = static_cast<AVPixelFormat>(stored.format);
        if (!has_rgb(format)) {
            const char* matrix = av_color_space_name(
                static_cast<AVColorSpace>(matrix_of(stored.color_space, stored.width, stored.height)));
            info_.matrix = matrix != nullptr ? matrix : "";
        }
        info_.is_full_range = is_full_range(stored.color_range, format);
        info_.primaries = stored.color_primaries;
        info_.transfer = stored.color_trc;
        return {};
    }

    // The next packet into the decoder, or that there is none. False: interrupted.
    Result<bool> feed() {
        for (;;) {
            const int code = av_read_frame(format_, packet_.get());
            if (source_.is_interrupted && source_.is_interrupted()) {
                av_packet_unref(packet_.get());
                return false;
            }
            if (code == AVERROR(EAGAIN)) continue;  // a camera that has nothing yet
            if (code == AVERROR_EOF) {
                avcodec_send_packet(decoder_.get(), nullptr);
                return true;
            }
            if (code < 0) return failure(fmt::format("damaged behind frame {}", count_), code);
            const bool is_ours = packet_->stream_index == stream_->index;
            const bool is_damaged = is_ours && avcodec_send_packet(decoder_.get(), packet_.get()) < 0;
            av_packet_unref(packet_.get());
            if (is_damaged) ++damaged_;
            if (is_ours) return true;
        }
    }

    std::int64_t time_of(const AVFrame& frame) {
        std::int64_t time = frame.best_effort_timestamp;
        if (time == AV_NOPTS_VALUE || (last_time_ && time <= *last_time_)) {
            const AVRational rate = av_guess_frame_rate(format_, stream_, nullptr);
            const double frame_time = rate.num > 0 ? 1 / av_q2d(rate) : 1 / source_.frame_rate;
            const auto step = std::max<std::int64_t>(1, std::llround(frame_time / av_q2d(stream_->time_base)));
            time = last_time_ ? *last_time_ + step : 0;
        }
        last_time_ = time;
        return time;
    }

    Result<Image> picture() {
        const AVFrame& frame = *frame_;
        if (frame.width != stored_width_ || frame.height != stored_height_)
            return fail(ErrorCode::unsupported, "{}: frame {} has {}x{} pixels, those before have {}x{}", name_,
                        count_ - 1, frame.width, frame.height, stored_width_, stored_height_);
        OCTET_TRY(prepare_conversion(frame));
        Image stored(frame.width, frame.height, 3);
        std::uint8_t* rows[4] = {stored.pixels.data()};
        const int strides[4] = {3 * frame.width};
        sws_scale(conversion_.get(), frame.data, frame.linesize, 0, frame.height, rows, strides);
        if (orientation_ == orientation_as_stored) return stored;
        Image image(upright_->width(), upright_->height(), 3);
        for (int y = 0; y < frame.height; ++y) upright_->put_row(image, y, stored.row(y));
        return image;
    }

    // Colour may change within a stream.
    Result<void> prepare_conversion(const AVFrame& frame) {
        const auto format = static_cast<AVPixelFormat>(frame.format);
        const bool full = is_full_range(frame.color_range, format);
        const auto chroma = chroma_of(frame.chroma_location, full, format);
        const Conversion wanted{
            format, AV_PIX_FMT_RGB24, frame.width, frame.height, matrix_of(frame.colorspace, frame.width, frame.height),
            full,   chroma.x,         chroma.y};
        if (conversion_ && wanted == converted_) return {};
        if (!has_rgb(format) && !is_converted(wanted.matrix)) {
            const char* matrix = av_color_space_name(static_cast<AVColorSpace>(wanted.matrix));
            return fail(ErrorCode::unsupported, "{}: its colour matrix '{}' is not converted to RGB", name_,
                        matrix != nullptr ? matrix : "?");
        }
        auto conversion = make_conversion(wanted);
        if (!conversion) return at(name_, conversion.error());
        conversion_ = std::move(*conversion);
        converted_ = wanted;
        return {};
    }

    VideoSource source_;
    std::string name_;
    VideoInfo info_;
    AVFormatContext* format_ = nullptr;
    AVStream* stream_ = nullptr;
    Owned<AVCodecContext> decoder_;
    Owned<AVPacket> packet_;
    Owned<AVFrame> frame_;
    Owned<SwsContext> conversion_;
    Conversion converted_{};
    int stored_width_ = 0, stored_height_ = 0, orientation_ = orientation_as_stored;
    std::optional<Upright> upright_;
    std::optional<std::int64_t> last_time_;
    std::int64_t count_ = 0, damaged_ = 0;
};

}  // namespace

Result<std::unique_ptr<VideoReader>> open_video(const VideoSource& source) {
    auto reader = std::make_unique<Reader>(source);
    OCTET_TRY(reader->open());
    return std::unique_ptr<VideoReader>(std::move(reader));
}

}  // namespace octet::vision
