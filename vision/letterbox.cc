#include "vision/letterbox.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "vision/resize.h"

namespace octet::vision {

LetterboxTransform letterbox_transform(int frame_width, int frame_height, int canvas_width, int canvas_height) {
    assert(frame_width > 0 && frame_height > 0 && canvas_width > 0 && canvas_height > 0);
    LetterboxTransform result;
    result.canvas_width = canvas_width;
    result.canvas_height = canvas_height;
    result.frame_width = frame_width;
    result.frame_height = frame_height;
    const double ratio =
        std::min(static_cast<double>(canvas_width) / frame_width, static_cast<double>(canvas_height) / frame_height);
    result.content_width = std::clamp(static_cast<int>(std::lround(frame_width * ratio)), 1, canvas_width);
    result.content_height = std::clamp(static_cast<int>(std::lround(frame_height * ratio)), 1, canvas_height);
    result.pad_left = (canvas_width - result.content_width) / 2;
    result.pad_top = (canvas_height - result.content_height) / 2;
    return result;
}

Letterboxed letterbox(const Image& frame, int canvas_width, int canvas_height, std::uint8_t grey) {
    Letterboxed result{Image(canvas_width, canvas_height, frame.channels),
                       letterbox_transform(frame.width, frame.height, canvas_width, canvas_height)};
    const LetterboxTransform& transform = result.transform;
    Image& canvas = result.canvas;
    std::fill(canvas.pixels.begin(), canvas.pixels.end(), grey);

    const std::size_t frame_stride = static_cast<std::size_t>(frame.width) * frame.channels;
    const std::size_t canvas_stride = static_cast<std::size_t>(canvas_width) * frame.channels;
    const ConstPixels source{frame.pixels.data(), frame.width, frame.height, frame.channels, frame_stride};
    const Pixels content{canvas.row(transform.pad_top) + static_cast<std::size_t>(transform.pad_left) * frame.channels,
                         transform.content_width, transform.content_height, frame.channels, canvas_stride};
    resize(source, content);
    return result;
}

}  // namespace octet::vision
