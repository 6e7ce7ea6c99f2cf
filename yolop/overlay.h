#pragma once

#include "vision/image.h"
#include "yolop/yolop.h"

namespace octet::yolop {

// The frame with the drivable area in green, lane lines in red, vehicles boxed with their scores, and a legend. Masks
// are frame_mask()'s: one channel, the frame's size.
vision::Image draw_overlay(vision::Image frame, std::span<const Detection> vehicles, const vision::Image& drivable,
                           const vision::Image& lane);

// Pixels that are not 0, in per cent.
double covered_pct(const vision::Image& mask);

}  // namespace octet::yolop
