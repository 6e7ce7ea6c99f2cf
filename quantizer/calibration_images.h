#pragma once

// The pictures that a quantizer calibrates on.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "graph/ir/tensor.h"
#include "graph/quant/calibration.h"
#include "graph/quant/prepare.h"
#include "vision/image.h"
#include "vision/image_files.h"
#include "vision/preprocessing.h"

namespace octet::quantizer {

struct CalibrationImages {
    std::vector<std::string> paths;  // readable images, sorted by their digests: their names and order do not matter
    std::string digest;              // of all of them
    // Readable images that nothing is calibrated on, for measurements: what `limit` left out, or else one of eight.
    std::vector<std::string> held_out;
    std::vector<std::pair<std::string, std::string>> skipped;  // path; why, with the path
    std::string passed_over;                                   // of ImageFolder
};

// The image files of a folder, or of its subfolder images/ when it has one; a single image file is a set of one.
Result<vision::ImageFolder> calibration_files(const std::string& path);

// Those of calibration_files(). Each is decoded once, and left out with its reason when that fails. `limit`: at most so
// many, evenly spread over them; 0: all. 16 or more images spare some to be held out, 32 at most. Files are read side by
// side on the pool's threads; `progress(done, total)` counts them, from one thread at a time. Fails when no readable
// image is left.
Result<CalibrationImages> find_calibration_images(const std::string& path, std::int64_t limit, ThreadPool& pool,
                                                  const std::function<void(std::int64_t, std::int64_t)>& progress);

// Letterboxed to the input's shape [N,3,H,W] and normalized: as many batches as the pictures fill, one at least, for
// which they are repeated. `paths` must outlive the result.
quant::Dataset image_dataset(const std::vector<std::string>& paths, const Shape& input,
                             const vision::Preprocessing& preprocessing);

}  // namespace octet::quantizer
