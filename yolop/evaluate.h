#pragma once

// A network's accuracy on a labelled set.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "yolop/dataset.h"
#include "yolop/metrics.h"
#include "yolop/yolop.h"

namespace octet::yolop {

// What the reference evaluates with.
inline constexpr DetectionOptions evaluation_options{.confidence = 0.001F, .iou = 0.6F};

// One image's contribution. Masks are compared at the size of the letterbox's content; a ground-truth pixel is
// foreground when its area-averaged grey value is > 1.
ImageRecord evaluate_image(const YolopResult& result, const Sample& sample);

// The images of `dataset` at `indices` through the network of the file `model`, side by side (pipeline.h); the result does
// not depend on the number of threads (0: usable_cpus()). `done` is called after each image, in their order. The first
// image that fails is the error.
Result<std::vector<ImageRecord>> evaluate(const std::shared_ptr<const engine::Executable>& executable,
                                          const std::string& model, const Dataset& dataset,
                                          const std::vector<std::int64_t>& indices, int threads,
                                          const std::function<void()>& done);

// A part of an evaluation, as a file keeps it. The digests tell parts of different evaluations apart.
struct PartialEvaluation {
    std::string model;         // path, for people
    std::string model_digest;  // of the file's bytes
    std::string input;         // shape of the network's input, which the file may leave open
    std::string set_digest;    // of the names of the whole evaluation
    std::int64_t set_images = 0;
    std::vector<ImageRecord> records;
};

std::string to_json(const PartialEvaluation& partial);
// Hostile until checked; `name` stands in errors.
Result<PartialEvaluation> parse_partial(const std::string& text, const std::string& name);
// All records, when the parts belong together and have every image of the set exactly once.
Result<std::vector<ImageRecord>> merge(const std::vector<PartialEvaluation>& parts,
                                       const std::vector<std::string>& part_names);

}  // namespace octet::yolop
