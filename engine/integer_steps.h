#pragma once

// Steps that run a kernel on planes. Each factory takes real-valued parameters and says why when integers cannot hold them.

#include <memory>
#include <vector>

#include "engine/patterns.h"
#include "engine/plan.h"
#include "kernels/add.h"
#include "kernels/conv.h"
#include "kernels/make_fixed16.h"

namespace octet::engine {

using StepResult = Result<std::unique_ptr<Step>>;

struct ConvSpec {
    std::string name;
    kernels::ConvParams params;
    std::vector<std::int8_t> weights;  // [cout][kernel_h][kernel_w][cin / groups]
    std::vector<double> weight_scales;
    std::vector<double> bias;  // real values; empty: none
    QuantGrid in_grid;
    QuantGrid out_grid;
    ActivationSpec activation;
    std::optional<QuantGrid> residual_grid;
    PlaneRef in, out, residual;
    std::int64_t macs = 0;
};
StepResult make_conv_step(kernels::Isa isa, const ConvSpec& spec);

struct BatchNormSpec {
    std::string name;
    std::vector<std::int16_t> weights;  // y = (x - zx) * weight * weight_scale * x_scale + bias
    double weight_scale = 1;
    std::vector<double> bias;
    QuantGrid in_grid, out_grid;
    ActivationSpec activation;
    PlaneRef in, out;
};
StepResult make_batchnorm_step(kernels::Isa isa, const BatchNormSpec& spec);

StepResult make_add_step(kernels::Isa isa, std::string name, QuantGrid a_grid, PlaneRef a, QuantGrid b_grid, PlaneRef b,
                         QuantGrid out_grid, PlaneRef out, const ActivationSpec& activation);
// One input of a Concat that could not be written in place.
StepResult make_copy_step(kernels::Isa isa, std::string name, QuantGrid in_grid, PlaneRef in, QuantGrid out_grid,
                          PlaneRef out);

struct PoolSpec {
    int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0;
};
StepResult make_maxpool_step(kernels::Isa isa, std::string name, const PoolSpec& spec, PlaneRef in, PlaneRef out);
// source_y[out_h], source_x[out_w]: the pixel that each output pixel copies.
StepResult make_resize_step(kernels::Isa isa, std::string name, std::vector<std::int32_t> source_y,
                            std::vector<std::int32_t> source_x, PlaneRef in, PlaneRef out);
StepResult make_lut_step(kernels::Isa isa, std::string name, std::vector<std::uint8_t> table, PlaneRef in, PlaneRef out);
// Fills the halo of a plane.
StepResult make_halo_step(PlaneRef plane);

// Borders. The float tensor is [1, c, h, w].
StepResult make_quantize_step(kernels::Isa isa, std::string name, ValueId in, QuantGrid grid, PlaneRef out,
                              Arithmetic arithmetic);
StepResult make_dequantize_step(kernels::Isa isa, std::string name, QuantGrid grid, PlaneRef in, ValueId out,
                                Shape shape, Arithmetic arithmetic);
// Network input: uint8 pixels [1, h, w, c] are copied; a float tensor is first put through `chain` (Mul, Add).
StepResult make_pixels_step(kernels::Isa isa, std::string name, const Graph& graph, const Pattern& pattern,
                            PlaneRef out);
// sigmoid of int16 logits in fixed point, then to float.
StepResult make_sigmoid_step(kernels::Isa isa, std::string name, QuantGrid grid, PlaneRef in, ValueId out, Shape shape);

struct DetectLevel {
    PlaneRef logits;
    int f = 0;  // grid 2^-f
    double stride = 1;
    std::vector<double> anchors;  // w, h of each anchor in pixels
    int h = 0, w = 0;
};
StepResult make_detect_step(kernels::Isa isa, std::string name, std::vector<DetectLevel> levels, int classes,
                            double box_scale, ValueId out, Shape shape);

}  // namespace octet::engine
