#pragma once

// A labelled set of frames in a folder. Labels belong to the upright frame, the one that viewers and annotation tools
// show: where a frame has an EXIF orientation, boxes and sizes are those of the turned picture.
//   list.txt             a NAME a line
//   images/NAME.jpg      or another extension of image_files.h
//   boxes/NAME.txt       a vehicle a line: x1 y1 x2 y2 in frame pixels
//   drivable/NAME.png    > 0: drivable area; the frame's size
//   lane/NAME.png        > 0: lane line; the frame's size

#include <string>
#include <vector>

#include "vision/image.h"
#include "yolop/detections.h"

namespace octet::yolop {

struct Dataset {
    std::string folder;
    std::vector<std::string> names;
};

// Errors name the file: no list, an empty one, a name that is none or comes twice.
Result<Dataset> load_dataset(const std::string& folder);

// All that an evaluation reads of it.
std::vector<std::string> dataset_files(const Dataset& dataset);

struct Sample {
    vision::Image frame;           // RGB
    std::vector<Box> vehicles;     // in frame pixels
    vision::Image drivable, lane;  // one channel, the frame's size
};

Result<Sample> load_sample(const Dataset& dataset, const std::string& name);

// Box lines from memory; `name` stands in errors.
Result<std::vector<Box>> parse_boxes(const std::string& text, const std::string& name);

}  // namespace octet::yolop
