#pragma once

#include "apps/common/image.h"
#include "apps/common/yolop.h"

namespace octet::apps {

// The frame with the drivable area in green, lane lines in red, vehicles boxed with their scores, and a legend. Masks
// are frame_mask()'s: one channel, the frame's size.
Image draw_overlay(const Image& frame, std::span<const Detection> vehicles, const Image& drivable, const Image& lane);

// Pixels that are not 0, in per cent.
double covered_pct(const Image& mask);

}  // namespace octet::apps
