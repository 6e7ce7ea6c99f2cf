#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/file.h"
#include "vision/video/libav.h"

namespace octet::vision {
namespace {

constexpr std::array<const char*, 2> usual_encoders = {"libx264", "mpeg4"};
constexpr const char* container = "mp4";
constexpr int buffer_bytes = 1 << 16;

#if LIBAVFORMAT_VERSION_MAJOR >= 61
using OutBytes = const std::uint8_t*;
#else
using OutBytes = std::uint8_t*;
#endif

struct FormatDelete {
    void operator()(AVFormatContext* format) const {
        if (format->pb != nullptr) {
            av_freep(&format->pb->buffer);
            avio_context_free(&format->pb);
        }
        avformat_free_context(format);
    }
};

AVPixelFormat pixel_format_of(const AVCodec& codec) {
    if (codec.pix_fmts == nullptr) return AV_PIX_FMT_YUV420P;
    for (const AVPixelFormat* format = codec.pix_fmts; *format != AV_PIX_FMT_NONE; ++format)
        if (*format == AV_PIX_FMT_YUV420P || *format == AV_PIX_FMT_YUVJ420P) return *format;
    return codec.pix_fmts[0];
}

// Formats of half chroma have even sizes: the last column and row once more.
Image evened(const Image& frame, int width, int height) {
    Image image(width, height, frame.channels);
    for (int y = 0; y < height; ++y) {
        const std::uint8_t* from = frame.row(std::min(y, frame.height - 1));
        const auto bytes = static_cast<std::size_t>(frame.width) * frame.channels;
        std::uint8_t* to = std::copy_n(from, bytes, image.row(y));
        if (width > frame.width) std::copy_n(from + bytes - frame.channels, frame.channels, to);
    }
    return image;
}

class Writer : public VideoWriter {
  public:
    Writer(std::string path, OutputFile file) : path_(std::move(path)), file_(std::move(file)) {}

    Result<void> open(const VideoInfo& info, const std::string& encoder) {
        const AVCodec* codec = avcodec_find_encoder_by_name(encoder.c_str());
        if (codec == nullptr) return fail(ErrorCode::unsupported, "{}: no encoder {}", path_, encoder);
        encoder_.reset(avcodec_alloc_context3(codec));
        frame_.reset(av_frame_alloc());
        packet_.reset(av_packet_alloc());
        AVFormatContext* format = nullptr;
        avformat_alloc_output_context2(&format, nullptr, container, nullptr);
        format_.reset(format);
        auto* buffer = static_cast<unsigned char*>(av_malloc(buffer_bytes));
        if (!encoder_ || !frame_ || !packet_ || !format_ || buffer == nullptr)
            return fail(ErrorCode::io, "{}: out of memory", path_);
        format_->pb = avio_alloc_context(buffer, buffer_bytes, 1, this, nullptr, write_bytes, seek);
        set_up(*codec, info);

        AVDictionary* options = nullptr;
        if (encoder == "libx264") {
            av_dict_set(&options, "preset", "veryfast", 0);
            av_dict_set(&options, "crf", "20", 0);
        }
        int code = avcodec_open2(encoder_.get(), codec, &options);
        av_dict_free(&options);
        if (code < 0) return failure(fmt::format("the encoder {} cannot be opened", encoder), code);
        stream_ = avformat_new_stream(format_.get(), nullptr);
        if (stream_ == nullptr) return fail(ErrorCode::io, "{}: out of memory", path_);
        stream_->time_base = encoder_->time_base;
        stream_->sample_aspect_ratio = encoder_->sample_aspect_ratio;
        avcodec_parameters_from_context(stream_->codecpar, encoder_.get());
        code = avformat_write_header(format_.get(), nullptr);
        if (code < 0) return failure("no MP4 file of it can be begun", code);

        frame_->format = encoder_->pix_fmt;
        frame_->width = encoder_->width;
        frame_->height = encoder_->height;
        if (av_frame_get_buffer(frame_.get(), 0) < 0) return fail(ErrorCode::io, "{}: out of memory", path_);
        auto conversion = make_conversion({.from = AV_PIX_FMT_RGB24,
                                           .to = encoder_->pix_fmt,
                                           .width = encoder_->width,
                                           .height = encoder_->height,
                                           .matrix = encoder_->colorspace,
                                           .is_full_range = encoder_->color_range == AVCOL_RANGE_JPEG,
                                           .chroma_x = 0,
                                           .chroma_y = 128});
        if (!conversion) return at(path_, conversion.error());
        conversion_ = std::move(*conversion);
        time_base_ = {info.time_base.numerator, info.time_base.denominator};
        if (info.frame_rate.numerator > 0)
            frame_time_ =
                std::max<std::int64_t>(1, av_rescale_q(1, av_inv_q(encoder_->framerate), encoder_->time_base));
        return {};
    }

    Result<void> write(const Image& frame, std::int64_t time_stamp) override {
        const bool is_even = frame.width == encoder_->width && frame.height == encoder_->height;
        const Image padded = is_even ? Image() : evened(frame, encoder_->width, encoder_->height);
        const std::uint8_t* rows[4] = {(is_even ? frame : padded).pixels.data()};
        const int strides[4] = {3 * encoder_->width};
        if (av_frame_make_writable(frame_.get()) < 0) return fail(ErrorCode::io, "{}: out of memory", path_);
        sws_scale(conversion_.get(), rows, strides, 0, encoder_->height, frame_->data, frame_->linesize);
        const std::int64_t time = av_rescale_q(time_stamp, time_base_, encoder_->time_base);
        frame_->pts = last_time_ ? std::max(time, *last_time_ + 1) : time;
        if (last_time_) frame_time_ = frame_->pts - *last_time_;
        last_time_ = frame_->pts;
        return encode(frame_.get());
    }

    Result<void> finish() override {
        OCTET_TRY(encode(nullptr));
        const int code = av_write_trailer(format_.get());
        if (code < 0) return failure("cannot be written", code);
        avio_flush(format_->pb);
        if (error_) return tl::unexpected(*error_);
        return file_.finish();
    }

  private:
    tl::unexpected<Error> failure(const std::string& what, int code) const {
        if (error_) return tl::unexpected(*error_);  // of the disk, which FFmpeg only knows as a number
        return fail(ErrorCode::io, "{}: {}: {}", path_, what, libav_reason(code));
    }

    void set_up(const AVCodec& codec, const VideoInfo& info) {
        encoder_->width = (info.width + 1) / 2 * 2;
        encoder_->height = (info.height + 1) / 2 * 2;
        encoder_->pix_fmt = pixel_format_of(codec);
        encoder_->time_base = {info.time_base.numerator, info.time_base.denominator};
        // All that MPEG-4 can count in.
        constexpr int largest_denominator = 65535;
        if (codec.id == AV_CODEC_ID_MPEG4 && encoder_->time_base.den > largest_denominator)
            encoder_->time_base = {1, 60000};
        if (info.frame_rate.numerator > 0)
            encoder_->framerate = {info.frame_rate.numerator, info.frame_rate.denominator};
        encoder_->sample_aspect_ratio = {info.pixel_aspect.numerator, info.pixel_aspect.denominator};
        const bool is_hd = info.width >= 1280 || info.height > 576;
        encoder_->colorspace = is_hd ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
        encoder_->color_range = encoder_->pix_fmt == AV_PIX_FMT_YUVJ420P ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
        encoder_->color_primaries = static_cast<AVColorPrimaries>(info.primaries);
        encoder_->color_trc = static_cast<AVColorTransferCharacteristic>(info.transfer);
        encoder_->chroma_sample_location = AVCHROMA_LOC_LEFT;
        encoder_->thread_count = 1;  // as the decoder's
        // Encoders without a measure of their own: a fixed quantizer.
        encoder_->flags |= AV_CODEC_FLAG_QSCALE;
        encoder_->global_quality = 3 * FF_QP2LAMBDA;
        if ((format_->oformat->flags & AVFMT_GLOBALHEADER) != 0) encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }

    Result<void> encode(const AVFrame* frame) {
        int code = avcodec_send_frame(encoder_.get(), frame);
        if (code < 0 && code != AVERROR_EOF) return failure("a frame cannot be encoded", code);
        for (;;) {
            code = avcodec_receive_packet(encoder_.get(), packet_.get());
            if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return {};
            if (code < 0) return failure("a frame cannot be encoded", code);
            // Of the last packet this is how long it is shown; without a duration players leave it out.
            if (packet_->duration == 0) packet_->duration = frame_time_;
            av_packet_rescale_ts(packet_.get(), encoder_->time_base, stream_->time_base);
            packet_->stream_index = stream_->index;
            code = av_interleaved_write_frame(format_.get(), packet_.get());
            if (code < 0 || error_) return failure("cannot be written", code);
        }
    }

    static int write_bytes(void* opaque, OutBytes bytes, int size) {
        auto* self = static_cast<Writer*>(opaque);
        const auto written =
            self->file_.write_at(self->position_, std::as_bytes(std::span(bytes, static_cast<std::size_t>(size))));
        if (!written) {
            if (!self->error_) self->error_ = written.error();
            return AVERROR(EIO);
        }
        self->position_ += size;
        self->size_ = std::max(self->size_, self->position_);
        return size;
    }

    static std::int64_t seek(void* opaque, std::int64_t offset, int whence) {
        auto* self = static_cast<Writer*>(opaque);
        switch (whence & ~AVSEEK_FORCE) {
            case AVSEEK_SIZE:
                return self->size_;
            case SEEK_SET:
                return self->position_ = offset;
            case SEEK_CUR:
                return self->position_ += offset;
            case SEEK_END:
                return self->position_ = self->size_ + offset;
            default:
                return AVERROR(EINVAL);
        }
    }

    std::string path_;
    OutputFile file_;
    std::int64_t position_ = 0, size_ = 0;
    std::optional<Error> error_;  // of the file
    std::unique_ptr<AVFormatContext, FormatDelete> format_;
    AVStream* stream_ = nullptr;
    Owned<AVCodecContext> encoder_;
    Owned<AVFrame> frame_;
    Owned<AVPacket> packet_;
    Owned<SwsContext> conversion_;
    AVRational time_base_{1, 1};
    std::optional<std::int64_t> last_time_;
    std::int64_t frame_time_ = 1;
};

}  // namespace

Result<std::unique_ptr<VideoWriter>> create_video(const std::string& path, const VideoInfo& info,
                                                  const std::string& encoder) {
    OCTET_ASSIGN(OutputFile file, OutputFile::create(path));
    auto writer = std::make_unique<Writer>(path, std::move(file));
    OCTET_TRY(writer->open(info, encoder));
    return std::unique_ptr<VideoWriter>(std::move(writer));
}

Result<std::string> find_encoder(const std::string& name) {
    const AVOutputFormat* mp4 = av_guess_format(container, nullptr, nullptr);
    const auto fits = [&](const AVCodec& codec) {
        return codec.type == AVMEDIA_TYPE_VIDEO && avformat_query_codec(mp4, codec.id, FF_COMPLIANCE_NORMAL) == 1;
    };
    for (const char* usual : usual_encoders)
        if (name.empty() && avcodec_find_encoder_by_name(usual) != nullptr) return usual;
    const AVCodec* codec = avcodec_find_encoder_by_name(name.c_str());
    if (codec != nullptr && fits(*codec)) return name;

    std::vector<std::string> others;
    void* position = nullptr;
    while (const AVCodec* one = av_codec_iterate(&position)) {
        const bool needs_hardware = (one->capabilities & (AV_CODEC_CAP_HARDWARE | AV_CODEC_CAP_HYBRID)) != 0;
        if (av_codec_is_encoder(one) != 0 && fits(*one) && !needs_hardware) others.emplace_back(one->name);
    }
    if (name.empty())
        return fail(ErrorCode::unsupported,
                    "this FFmpeg has neither libx264 nor mpeg4 to write a video with; "
                    "--codec takes one of {}",
                    fmt::join(others, ", "));
    return fail(ErrorCode::unsupported, "--codec {}: {}; there are {}", name,
                codec == nullptr ? "this FFmpeg has no such encoder" : "not for an MP4 file", fmt::join(others, ", "));
}

}  // namespace octet::vision
