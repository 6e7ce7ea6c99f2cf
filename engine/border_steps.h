#pragma once

// Steps with float on one side: the network's input and outputs, and the seams around operators that run in float.
// A float tensor of a plane is [1, c, h, w].

#include "engine/integer_steps.h"

namespace octet::engine {

StepResult make_quantize_step(kernels::CpuFeatures features, std::string name, ValueId in, const QuantGrid& grid,
                              PlaneRef out, const Shape& shape, Arithmetic arithmetic);
StepResult make_dequantize_step(kernels::CpuFeatures features, std::string name, const QuantGrid& grid, PlaneRef in,
                                ValueId out, const Shape& shape, Arithmetic arithmetic);

// The graph input `in` as uint8 pixels. It may be given as just those, [1, h, w, c]; a float tensor becomes
// in * gain[c] + offset[c], which undoes the normalization, and is rounded.
StepResult make_pixels_step(kernels::CpuFeatures features, std::string name, ValueId in, std::vector<float> gain,
                            std::vector<float> offset, PlaneRef out);

// Sigmoid of int16 logits in fixed point (kernels/sigmoid.h), the result to float; with `block` > 1 through a
// DepthToSpace of that block size, mode CRD. `shape` is the output's.
StepResult make_sigmoid_step(kernels::CpuFeatures features, std::string name, const QuantGrid& grid, PlaneRef in,
                             ValueId out, const Shape& shape, Arithmetic arithmetic, int block);

struct DetectLevel {
    PlaneRef logits;  // int16, channels = anchors * (5 + classes)
    QuantGrid grid;
    int stride = 1;               // pixels
    std::vector<double> anchors;  // width and height of each in pixels
    int h = 0, w = 0;
};
// Box decode in fixed point (kernels/detect_decode.h), the result to float: [1, sum(anchors * h * w), 5 + classes], the
// box columns multiplied by box_scale.
StepResult make_detect_step(kernels::CpuFeatures features, std::string name, std::vector<DetectLevel> levels,
                            int classes, double box_scale, ValueId out, const Shape& shape, Arithmetic arithmetic);

}  // namespace octet::engine
