#pragma once

// Videos, through FFmpeg's libraries. Those and the hundred others that they need are loaded when the first video is
// opened: the code that calls them is in a module of its own, vision/video/, which may be missing.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "vision/image.h"

namespace octet::vision {

// Extensions of containers and of bare streams: .mp4 .mov .mkv .webm .avi .ts … in any case.
bool is_video_name(const std::string& path);
// Numbered pictures, which make a video too: frames/%06d.png, where no file has that very name.
bool is_frame_pattern(const std::string& path);

struct Ratio {
    int numerator = 0, denominator = 1;
    double value() const { return static_cast<double>(numerator) / denominator; }
};

// Frames without a header, one behind the other.
struct RawFrames {
    int width = 0, height = 0;
    std::string pixel_format = "rgb24";  // FFmpeg's names: yuv420p, nv12, bgr24, gray …
};

struct VideoSource {
    std::string path;  // a file, a pattern, a device of a camera; "-": stdin
    std::optional<RawFrames> raw = {};
    bool is_camera = false;  // a device of Video4Linux
    // Of what states none, raw frames and numbered pictures, and what a camera is asked for.
    double frame_rate = 25;
    // Only the first of so many frames is given, and the next first …
    std::int64_t every = 1;
    // Asked while input is waited for; true ends the video.
    std::function<bool()> is_interrupted = {};
};

struct VideoInfo {
    int width = 0, height = 0;                // of the upright frames
    Ratio time_base{1, 25};                   // seconds of a unit of VideoFrame::time_stamp
    Ratio frame_rate{};                       // the average; 0/1 where nobody knows
    Ratio pixel_aspect{1, 1};                 // width to height, upright
    std::optional<std::int64_t> frames = {};  // that next() may give, where the source tells
    std::string codec{};
    std::string matrix{};  // of its YCbCr, "bt709" for one; empty where pixels are RGB
    bool is_full_range = false;
    int primaries = 2, transfer = 2;  // ITU-T H.273; 2: unspecified
};

struct VideoFrame {
    Image image;             // RGB, upright
    std::int64_t index = 0;  // in the source, from 0
    std::int64_t time_stamp = 0;
    double time_s = 0;
};

// Colour is converted by the matrix and the range that the stream states, else by those that players assume: BT.709 from
// 1280 columns or 577 rows on, BT.601 below, limited range. A display matrix that turns by right angles or mirrors is
// obeyed. Time stamps are the stream's; where one is missing or goes back, the one before plus a frame's time.
class VideoReader {
  public:
    virtual ~VideoReader() = default;
    virtual const VideoInfo& info() const = 0;
    // Nothing: the end. Errors name the source.
    virtual Result<std::optional<VideoFrame>> next() = 0;
    // Packets and frames that were damaged; what decoders make of the frames is given nevertheless.
    virtual std::int64_t damaged() const = 0;
};

// An MP4 file with the time stamps of what it is made from; it appears under its name when it is complete.
class VideoWriter {
  public:
    virtual ~VideoWriter() = default;
    virtual Result<void> write(const Image& frame, std::int64_t time_stamp) = 0;
    virtual Result<void> finish() = 0;
};

class VideoLibrary {
  public:
    virtual ~VideoLibrary() = default;
    virtual Result<std::unique_ptr<VideoReader>> open(const VideoSource& source) const = 0;
    // `encoder` is one of encoder_for().
    virtual Result<std::unique_ptr<VideoWriter>> create(const std::string& path, const VideoInfo& info,
                                                        const std::string& encoder) const = 0;
    // The FFmpeg encoder of that name, or the first there is of libx264 and mpeg4 where the name is empty. An error names
    // those that there are.
    virtual Result<std::string> encoder_for(const std::string& name) const = 0;
};

// An error says how to get it.
Result<const VideoLibrary*> video_library();

}  // namespace octet::vision
