#pragma once

// YOLOP from a picture to boxes and masks: preprocessing, the network, postprocessing.

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/session.h"
#include "vision/letterbox.h"
#include "vision/pixels.h"
#include "vision/preprocessing.h"
#include "yolop/detections.h"

namespace octet::yolop {

struct YolopTimes {
    double preprocess_ms = 0;   // letterbox, normalization
    double inference_ms = 0;    // the network
    double postprocess_ms = 0;  // box decoding and suppression
};

struct YolopResult {
    vision::LetterboxTransform transform;
    std::vector<Detection> vehicles;  // in frame pixels, best first
    // The network's outputs as they came: det_out [1,N,5+classes], the masks [1,2,H,W].
    Tensor det_out, drivable, lane;
    YolopTimes times;
};

class Yolop {
  public:
    // Any number of Yolops may share an executable, one a thread. `name` of the model stands in errors. `unstated`:
    // where the model does not state its preprocessing.
    static Result<Yolop> create(std::shared_ptr<const engine::Executable> executable, const std::string& name,
                                const engine::SessionOptions& options, const vision::Preprocessing& unstated = {});

    // `frame` is RGB.
    Result<YolopResult> run(const vision::Image& frame, const DetectionOptions& options);
    // One batch: batch() frames, or fewer, the last of which then fills what is left. Of the times each gets its share.
    Result<std::vector<YolopResult>> run(std::span<const vision::Image> frames, const DetectionOptions& options);

    int threads() const { return session_.threads(); }
    // Of the network's input.
    int input_width() const { return width_; }
    int input_height() const { return height_; }
    int batch() const { return static_cast<int>(session_.inputs()[0].shape[0]); }

  private:
    explicit Yolop(engine::Session session) : session_(std::move(session)) {}
    Result<void> recognize();
    Result<void> recognize_input();
    Result<void> recognize_outputs();

    engine::Session session_;
    int width_ = 0, height_ = 0;
    vision::Preprocessing preprocessing_;
    std::size_t det_ = 0, drivable_ = 0, lane_ = 0;  // indices of the outputs
    float box_scale_ = 1;
};

}  // namespace octet::yolop
