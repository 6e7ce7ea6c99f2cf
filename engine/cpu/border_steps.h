#pragma once

// Steps with float on one side: the network's input and outputs, and the seams around operators that run in float.
// A float tensor of a plane is [n, c, h, w], of which a step's run takes one image.

#include "engine/cpu/integer_steps.h"

namespace octet::engine::cpu {

// `rows`: of the plane; `shape`: of the float tensor.
StepResult make_quantize_step(kernels::CpuFeatures features, const std::string& name, ValueId in, const Grid& grid,
                              int rows, PlaneRef out);
StepResult make_dequantize_step(kernels::CpuFeatures features, const std::string& name, const Grid& grid, int rows,
                                PlaneRef in, ValueId out, const Shape& shape);
StepResult make_pixels_step(kernels::CpuFeatures features, const std::string& name, const PixelsOp& pixels,
                            PlaneRef out);

// In fixed point (kernels/sigmoid.h); `shape` is the output's.
StepResult make_sigmoid_step(kernels::CpuFeatures features, const std::string& name, const SigmoidOp& sigmoid,
                             PlaneRef in, const Shape& shape);

// In fixed point (kernels/detect_decode.h). `levels`: a plane for each.
StepResult make_detect_step(kernels::CpuFeatures features, const std::string& name, const DetectOp& detect,
                            std::vector<PlaneRef> levels, const Shape& shape);

// The operator's reference.
std::unique_ptr<Step> make_float_step(kernels::CpuFeatures features, const Op& op);

}  // namespace octet::engine::cpu
