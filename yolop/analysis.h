#pragma once

// What YOLOP finds on a picture, at the picture's size.

#include "vision/image.h"
#include "yolop/yolop.h"

namespace octet::yolop {

struct Analysis {
    YolopResult result{};
    vision::Image drivable{}, lane{};  // frame_mask()'s: one channel, the frame's size
    double drivable_pct = 0, lane_pct = 0;
};

// The time for the masks counts as postprocessing.
Result<Analysis> analyse(Yolop& network, const vision::Image& frame, const DetectionOptions& options);

}  // namespace octet::yolop
