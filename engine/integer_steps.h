#pragma once

// Steps that run a kernel on planes. Each factory takes real-valued parameters and says why when integers cannot hold
// them.

#include <memory>
#include <optional>
#include <string>
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
    kernels::ConvParams params;        // of the whole convolution
    std::vector<std::int8_t> weights;  // [cout][kernel_h][kernel_w][cin / groups]
    std::vector<double> weight_scales;
    std::vector<double> bias;  // real values; empty: none
    QuantGrid in_grid;
    QuantGrid out_grid;
    ActivationSpec activation;
    std::optional<QuantGrid> residual_grid;
    PlaneRef in, out, residual;
    std::int64_t macs = 0;

    // A 1x1 convolution over a Concat of which one input is upsampled: y(2i + a, 2j + b) = U x'(i, j) + V x(2i + a, 2j
    // + b), where U x' is computed once for four pixels, in integers and unrounded. Then `in` is x.
    struct UpsampledPart {
        PlaneRef in;            // x', of half the height and width
        PlaneRef sums;          // U x', int32
        int first_channel = 0;  // of x' in the Concat: 0, or behind x
    };
    std::optional<UpsampledPart> upsampled_part;
};
struct ConvStepResult {
    std::unique_ptr<Step> upsampled_part;  // runs first, where there is one
    std::unique_ptr<Step> step;
    // Of the plane written. For int16 it may be coarser than out_grid, where the accumulators are.
    QuantGrid grid;
};
Result<ConvStepResult> make_conv_step(kernels::CpuFeatures features, const ConvSpec& spec);

struct BatchNormSpec {
    std::string name;
    std::vector<std::int16_t> weights;  // y = (x - zx) * weight * weight_scale * x_scale + bias
    double weight_scale = 1;
    std::vector<double> bias;
    QuantGrid in_grid, out_grid;
    ActivationSpec activation;
    PlaneRef in, out;
    int rows = 0;  // of the output
};
StepResult make_batchnorm_step(kernels::CpuFeatures features, const BatchNormSpec& spec);

// `rows`: of the output.
StepResult make_add_step(kernels::CpuFeatures features, std::string name, int rows, const QuantGrid& a_grid, PlaneRef a,
                         const QuantGrid& b_grid, PlaneRef b, const QuantGrid& out_grid, PlaneRef out,
                         const ActivationSpec& activation);
// One input of a Concat that could not be written in place.
StepResult make_copy_step(kernels::CpuFeatures features, std::string name, int rows, const QuantGrid& in_grid,
                          PlaneRef in, const QuantGrid& out_grid, PlaneRef out);

struct PoolSpec {
    int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0;
};
StepResult make_maxpool_step(kernels::CpuFeatures features, std::string name, int rows, const PoolSpec& spec,
                             PlaneRef in, PlaneRef out);
// source_y[out_h], source_x[out_w]: the pixel that each output pixel copies.
StepResult make_resize_step(kernels::CpuFeatures features, std::string name, std::vector<std::int32_t> source_y,
                            std::vector<std::int32_t> source_x, PlaneRef in, PlaneRef out);
// table[256]
StepResult make_lut_step(kernels::CpuFeatures features, std::string name, int rows, std::vector<std::uint8_t> table,
                         PlaneRef in, PlaneRef out);
// Fills the halo of a plane with its halo_values.
std::unique_ptr<Step> make_halo_step(std::string name, PlaneRef plane);

}  // namespace octet::engine
