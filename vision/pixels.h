#pragma once

// Pixels to network input and network masks to pixels.

#include "base/normalization.h"
#include "graph/ir/tensor.h"
#include "vision/image.h"
#include "vision/letterbox.h"

namespace octet::vision {

// [1,3,H,W] float32. The image is RGB.
Tensor normalized_input(const Image& rgb, const Normalization& normalization = {});
// [1,H,W,3] uint8: the pixels themselves, for engine::Port::accepts_pixels.
Tensor pixel_input(const Image& rgb);

// `segmentation` is [1,2,H,W] float32 with H x W the canvas, channel 0 background and 1 the class.
// The argmax (1: the class), cropped to the letterbox's content: content_width x content_height, one channel.
Image content_mask(const Tensor& segmentation, const LetterboxTransform& transform);
// The same at the frame's size, for display: the margin between the two channels is interpolated bilinearly before it
// is compared with 0, so edges are smooth.
Image frame_mask(const Tensor& segmentation, const LetterboxTransform& transform);

}  // namespace octet::vision
