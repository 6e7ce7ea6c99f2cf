#pragma once

// FFmpeg's types with owners, and its errors as values.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "base/result.h"
#include "vision/image.h"
#include "vision/video.h"

namespace octet::vision {

struct LibavDelete {
    void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
    void operator()(AVFrame* frame) const { av_frame_free(&frame); }
    void operator()(AVPacket* packet) const { av_packet_free(&packet); }
    void operator()(SwsContext* context) const { sws_freeContext(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, LibavDelete>;

// What FFmpeg calls the error, and the last that it logged on this thread.
std::string libav_reason(int code);

// Logs are kept for libav_reason() in place of being printed.
void keep_libav_logs();

// Between a frame of FFmpeg's and RGB rows of the same size. matrix: an AVColorSpace, as sws_getCoefficients() takes it.
// Products are rounded, not cut off, and chroma is interpolated at every pixel; the same bits on every CPU.
struct Conversion {
    AVPixelFormat from = AV_PIX_FMT_NONE, to = AV_PIX_FMT_NONE;
    int width = 0, height = 0;
    int matrix = AVCOL_SPC_UNSPECIFIED;
    bool is_full_range = false;  // of the side that is YCbCr
    int chroma_x = 0,
        chroma_y = 0;  // where a chroma sample lies, in 256ths of a luma pixel from the first that it belongs to

    friend bool operator==(const Conversion&, const Conversion&) = default;
};
Result<Owned<SwsContext>> make_conversion(const Conversion& conversion);

Result<std::unique_ptr<VideoReader>> open_video(const VideoSource& source);
Result<std::unique_ptr<VideoWriter>> create_video(const std::string& path, const VideoInfo& info,
                                                  const std::string& encoder);
Result<std::string> find_encoder(const std::string& name);

}  // namespace octet::vision
