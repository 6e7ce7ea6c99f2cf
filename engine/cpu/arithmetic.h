#pragma once

// From a program's real-valued operators to the integers that the kernels take: fixed16 (kernels/requantize.h) and its
// kin. Each fails, with the reason, where these integers cannot hold the operator.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "engine/program.h"
#include "kernels/add.h"
#include "kernels/avgpool.h"
#include "kernels/concat.h"
#include "kernels/make_fixed16.h"
#include "kernels/mul.h"

namespace octet::engine::cpu {

// Of a 16-bit y: fails where the accumulators are too coarse for y's grid.
Result<kernels::Fixed16Storage> conv_epilogue(const ConvOp& conv, const Grid& y);

// acc = x * weights[c]
struct IntegerBatchNorm {
    std::vector<std::int16_t> weights;
    kernels::Fixed16Storage epilogue;
};
Result<IntegerBatchNorm> integer_batchnorm(const BatchNormOp& norm, const Grid& y);

Result<kernels::AddParams> add_params(const AddOp& add, const Grid& y);
Result<kernels::MulParams> mul_params(const MulOp& mul, const Grid& y);
Result<kernels::AvgPoolParams> avgpool_params(const AveragePoolOp& pool, const Grid& y);
Result<kernels::RequantizeCopyParams> copy_params(const Grid& x, const Grid& y);

// f of a grid 2^-f.
int fraction_bits(const Grid& grid);

}  // namespace octet::engine::cpu
