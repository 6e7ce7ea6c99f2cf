#pragma once

// Steps that run a kernel on planes. The operators are those that arithmetic.h has integers for; the factories fail
// where it does.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cpu/moves.h"
#include "engine/cpu/plan.h"
#include "kernels/conv.h"

namespace octet::engine::cpu {

using StepResult = Result<std::unique_ptr<Step>>;

// Where a convolution reads and writes.
struct ConvPlacement {
    PlaneRef in, out, residual;
    bool upsampled = false;  // `in` is what a Resize to twice the size reads (kernels/conv.h)

    // A 1x1 convolution over a Concat of which one input is upsampled: y(2i + a, 2j + b) = U x'(i, j) + V x(2i + a, 2j
    // + b), where U x' is computed once for four pixels, in integers and unrounded. Then `in` is x.
    struct UpsampledPart {
        PlaneRef in;            // x', of half the height and width
        PlaneRef sums;          // U x', int32
        int first_channel = 0;  // of x' in the Concat: 0, or behind x
    };
    std::optional<UpsampledPart> upsampled_part;
};
kernels::ConvParams conv_params(const ConvOp& conv, bool upsampled = false);
// [cout][kernel_h][kernel_w][cin / groups]
std::vector<std::int8_t> kernel_weights(const Tensor& oihw);
// One step, or two where there is an upsampled part.
Result<std::vector<std::unique_ptr<Step>>> make_conv_steps(kernels::CpuFeatures features, const Op& op, const Grid& y,
                                                           const ConvPlacement& placement);

// `rows`: of the output.
StepResult make_batchnorm_step(kernels::CpuFeatures features, const std::string& name, const BatchNormOp& norm,
                               const Grid& y, int rows, PlaneRef in, PlaneRef out);
StepResult make_add_step(kernels::CpuFeatures features, const std::string& name, const AddOp& add, const Grid& y,
                         int rows, PlaneRef a, PlaneRef b, PlaneRef out);
StepResult make_mul_step(kernels::CpuFeatures features, const std::string& name, const MulOp& mul, const Grid& y,
                         int rows, PlaneRef a, PlaneRef b, PlaneRef out);
// One input of a Concat that could not be written in place; its first row and column in `out`.
StepResult make_copy_step(kernels::CpuFeatures features, const std::string& name, const Grid& x, const Grid& y,
                          int rows, PlaneRef in, PlaneRef out, int first_row = 0, int first_column = 0);
// `y`: the grid of both.
StepResult make_move_step(kernels::CpuFeatures features, const std::string& name, MoveTables tables, const Grid& y,
                          int rows, PlaneRef in, PlaneRef out);
StepResult make_avgpool_step(kernels::CpuFeatures features, const std::string& name, const AveragePoolOp& pool,
                             const Grid& y, int rows, PlaneRef in, PlaneRef out);
StepResult make_maxpool_step(kernels::CpuFeatures features, const std::string& name, const Window& window, int rows,
                             PlaneRef in, PlaneRef out);
StepResult make_resize_step(kernels::CpuFeatures features, const std::string& name, const ResizeOp& resize, PlaneRef in,
                            PlaneRef out);
StepResult make_resize_linear_step(kernels::CpuFeatures features, const std::string& name, const ResizeLinearOp& resize,
                                   PlaneRef in, PlaneRef out);
StepResult make_table_step(kernels::CpuFeatures features, const std::string& name, const TableOp& table, int rows,
                           PlaneRef in, PlaneRef out);
// Fills the halo of a plane with its halo_values.
std::unique_ptr<Step> make_halo_step(const std::string& name, PlaneRef plane);

}  // namespace octet::engine::cpu
