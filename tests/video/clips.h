#pragma once

// Videos for the tests, made frame by frame with FFmpeg's libraries.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
}

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace octet {

struct ClipFormat {
    const char* encoder = "mpeg4";
    int width = 64, height = 48;
    AVPixelFormat pixels = AV_PIX_FMT_YUV420P;
    AVRational time_base{1, 25};
    AVColorSpace matrix = AVCOL_SPC_UNSPECIFIED;
    AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
    // Degrees by which a player turns the frames clockwise, and whether it mirrors them left to right before; -1: neither
    // is said.
    int turn = -1;
    bool mirror = false;
};

// The sample of a plane (0: Y or G) at x, y of the plane in frame number `frame`.
using Sample = std::function<int(int frame, int plane, int x, int y)>;

// The container is that of the path's extension. A frame for each time stamp, in units of the time base.
inline void make_clip(const std::string& path, const ClipFormat& form, const std::vector<std::int64_t>& times,
                      const Sample& sample) {
    const AVCodec* codec = avcodec_find_encoder_by_name(form.encoder);
    ASSERT_NE(codec, nullptr) << form.encoder;
    AVFormatContext* format = nullptr;
    ASSERT_GE(avformat_alloc_output_context2(&format, nullptr, nullptr, path.c_str()), 0) << path;
    AVCodecContext* encoder = avcodec_alloc_context3(codec);
    encoder->width = form.width;
    encoder->height = form.height;
    encoder->pix_fmt = form.pixels;
    encoder->time_base = form.time_base;
    encoder->framerate = av_inv_q(form.time_base);
    encoder->colorspace = form.matrix;
    encoder->color_range = form.range;
    encoder->thread_count = 1;
    encoder->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->global_quality = FF_QP2LAMBDA;
    if ((format->oformat->flags & AVFMT_GLOBALHEADER) != 0) encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    ASSERT_GE(avcodec_open2(encoder, codec, nullptr), 0) << form.encoder;
    AVStream* stream = avformat_new_stream(format, nullptr);
    stream->time_base = form.time_base;
    avcodec_parameters_from_context(stream->codecpar, encoder);
    if (form.turn >= 0) {
        constexpr std::size_t bytes = 9 * sizeof(std::int32_t);
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
        auto* data = av_packet_side_data_new(&stream->codecpar->coded_side_data, &stream->codecpar->nb_coded_side_data,
                                             AV_PKT_DATA_DISPLAYMATRIX, bytes, 0)
                         ->data;
#else
        auto* data = av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, bytes);
#endif
        auto* matrix = reinterpret_cast<std::int32_t*>(data);
        av_display_rotation_set(matrix, form.turn);
        if (form.mirror) av_display_matrix_flip(matrix, 1, 0);
    }
    ASSERT_GE(avio_open(&format->pb, path.c_str(), AVIO_FLAG_WRITE), 0) << path;
    ASSERT_GE(avformat_write_header(format, nullptr), 0) << path;

    AVPacket* packet = av_packet_alloc();
    const auto encode = [&](const AVFrame* frame) {
        ASSERT_GE(avcodec_send_frame(encoder, frame), 0);
        while (avcodec_receive_packet(encoder, packet) >= 0) {
            if (packet->duration == 0) packet->duration = 1;
            av_packet_rescale_ts(packet, encoder->time_base, stream->time_base);
            ASSERT_GE(av_interleaved_write_frame(format, packet), 0);
        }
    };
    AVFrame* frame = av_frame_alloc();
    frame->format = form.pixels;
    frame->width = form.width;
    frame->height = form.height;
    ASSERT_GE(av_frame_get_buffer(frame, 0), 0);
    const bool halves = form.pixels == AV_PIX_FMT_YUV420P || form.pixels == AV_PIX_FMT_YUVJ420P;
    for (std::size_t i = 0; i < times.size(); ++i) {
        ASSERT_GE(av_frame_make_writable(frame), 0);
        for (int plane = 0; plane < 3; ++plane) {
            const int shrink = halves && plane > 0 ? 2 : 1;
            for (int y = 0; y < form.height / shrink; ++y)
                for (int x = 0; x < form.width / shrink; ++x)
                    frame->data[plane][y * frame->linesize[plane] + x] =
                        static_cast<std::uint8_t>(sample(static_cast<int>(i), plane, x, y));
        }
        frame->pts = times[i];
        encode(frame);
    }
    encode(nullptr);
    ASSERT_GE(av_write_trailer(format), 0);
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&encoder);
    avio_closep(&format->pb);
    avformat_free_context(format);
}

// 0, 1, 2 …
inline std::vector<std::int64_t> steady(int count) {
    std::vector<std::int64_t> times;
    for (int i = 0; i < count; ++i) times.push_back(i);
    return times;
}

// Grey, frame number i 8 i brighter.
inline int brightening(int frame, int plane, int, int) {
    return plane == 0 ? 40 + 8 * frame : 128;
}

}  // namespace octet
