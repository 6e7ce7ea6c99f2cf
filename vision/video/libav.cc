#include "vision/video/libav.h"

#include <array>
#include <cstdarg>
#include <cstdio>

extern "C" {
#include <libavutil/opt.h>
}

namespace octet::vision {
namespace {

// Decoders of one thread log where they are called.
thread_local std::string last_log;

void keep_log(void* context, int level, const char* format, std::va_list arguments) {
    if (level > AV_LOG_ERROR) return;
    std::array<char, 512> line{};
    int print_prefix = 0;
    av_log_format_line2(context, level, format, arguments, line.data(), static_cast<int>(line.size()), &print_prefix);
    last_log = line.data();
    while (!last_log.empty() && last_log.back() == '\n') last_log.pop_back();
}

class Libav : public VideoLibrary {
  public:
    Result<std::unique_ptr<VideoReader>> open(const VideoSource& source) const override { return open_video(source); }
    Result<std::unique_ptr<VideoWriter>> create(const std::string& path, const VideoInfo& info,
                                                const std::string& encoder) const override {
        return create_video(path, info, encoder);
    }
    Result<std::string> encoder_for(const std::string& name) const override { return find_encoder(name); }
};

}  // namespace

std::string libav_reason(int code) {
    std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
    av_strerror(code, text.data(), text.size());
    std::string reason = text.data();
    if (!last_log.empty()) reason += fmt::format(" ({})", last_log);
    last_log.clear();
    return reason;
}

void keep_libav_logs() {
    av_log_set_callback(keep_log);
}

Result<Owned<SwsContext>> make_conversion(const Conversion& conversion) {
    const auto failure = [&] {
        const char* from = av_get_pix_fmt_name(conversion.from);
        const char* to = av_get_pix_fmt_name(conversion.to);
        return fail(ErrorCode::unsupported, "pixels of the format {} cannot be converted to {}", from ? from : "?",
                    to ? to : "?");
    };
    Owned<SwsContext> context(sws_alloc_context());
    if (!context) return failure();
    const auto set = [&](const char* name, std::int64_t value) { av_opt_set_int(context.get(), name, value, 0); };
    set("srcw", conversion.width);
    set("srch", conversion.height);
    set("dstw", conversion.width);
    set("dsth", conversion.height);
    set("src_format", conversion.from);
    set("dst_format", conversion.to);
    set("sws_flags", SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP);
    const bool to_rgb = conversion.to == AV_PIX_FMT_RGB24;
    set(to_rgb ? "src_h_chr_pos" : "dst_h_chr_pos", conversion.chroma_x);
    set(to_rgb ? "src_v_chr_pos" : "dst_v_chr_pos", conversion.chroma_y);
    const int* matrix = sws_getCoefficients(conversion.matrix);
    const int full = conversion.is_full_range ? 1 : 0;
    constexpr int one = 1 << 16;
    sws_setColorspaceDetails(context.get(), matrix, to_rgb ? full : 1, matrix, to_rgb ? 1 : full, 0, one, one);
    if (sws_init_context(context.get(), nullptr, nullptr) < 0) return failure();
    return context;
}

}  // namespace octet::vision

extern "C" __attribute__((visibility("default"))) const octet::vision::VideoLibrary* octet_video_library() {
    static const octet::vision::Libav library;
    octet::vision::keep_libav_logs();
    return &library;
}
