#pragma once

// Convolutions that need no upsampled pixels, though the program has a nearest Resize to twice the size before them.
// Exact in integers, since only the order changes in which products are added.

#include <optional>
#include <vector>

#include "engine/program.h"

namespace octet::engine::cpu {

// By QuantId: the operator that writes the tensor, nullptr for none.
using Producers = std::vector<const Op*>;

// A 1x1 convolution over a Concat of which one input is upsampled does the same sums for four pixels in a row:
//
//     Conv(Concat(Resize(a), b)) = Resize(U a) + V b          U, V: the weights of either part
struct UpsampledConcat {
    QuantId low = no_quant;   // a
    QuantId full = no_quant;  // b
    int first_channel = 0;    // of a in the Concat: 0, or behind b
};

// What the convolution reads, when that is such a Concat, all on one grid.
std::optional<UpsampledConcat> upsampled_concat(const Program& program, const Producers& producers, const ConvOp& conv);

// What a 3x3 convolution with padding 1 reads before the upsampling (kernels/conv.h: ConvParams::upsampled).
std::optional<QuantId> upsampled_input(const Producers& producers, const ConvOp& conv);

}  // namespace octet::engine::cpu
