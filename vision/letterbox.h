#pragma once

// The frame fitted into the network's input: scaled so that it just fits, centred, the rest grey.
//
//   ratio        = min(canvas_width / frame_width, canvas_height / frame_height)
//   content      = round(frame · ratio), at least 1 pixel
//   pad_left/top = floor((canvas − content) / 2)          (the odd pixel goes to the right and bottom)
//   canvas x     = frame x · scale_x + pad_left,  scale_x = content_width / frame_width;  the same for y
//
// Shrinking averages areas (OpenCV's INTER_AREA), enlarging is bilinear with pixel centres at +0.5 (INTER_LINEAR).

#include <cstdint>

#include "vision/image.h"

namespace octet::vision {

inline constexpr std::uint8_t letterbox_grey = 114;

struct LetterboxTransform {
    int canvas_width = 0, canvas_height = 0;
    int frame_width = 0, frame_height = 0;
    int content_width = 0, content_height = 0;
    int pad_left = 0, pad_top = 0;

    float scale_x() const { return static_cast<float>(content_width) / static_cast<float>(frame_width); }
    float scale_y() const { return static_cast<float>(content_height) / static_cast<float>(frame_height); }
};

struct Letterboxed {
    Image canvas;  // RGB
    LetterboxTransform transform;
};

// All sizes at least 1.
LetterboxTransform letterbox_transform(int frame_width, int frame_height, int canvas_width, int canvas_height);

Letterboxed letterbox(const Image& frame, int canvas_width, int canvas_height, std::uint8_t grey = letterbox_grey);

}  // namespace octet::vision
