#pragma once

// One convolution as C arrays, for the unit test of a driver or kernel.

#include <string>

#include "engine/npu_emu/profile.h"
#include "engine/program.h"
#include "graph/ir/tensor.h"

namespace octet::apps {

// The convolution that computes `layer`, a node's name or that of its result. nullptr: there is none.
const engine::Op* find_conv(const engine::Program& program, const std::string& layer);

// Weights [cout][kernel_h][kernel_w][cin / groups], bias, multiplier and shift of each channel, the input [h][w][cin]
// and the output [out_h][out_w][cout] that is expected, of the first image, all with a comment on what they are. Fails
// where the profile's rule has no multipliers.
Result<std::string> conv_as_c_header(const engine::Op& op, const engine::Program& program,
                                     const engine::npu_emu::Profile& profile, const Tensor& input,
                                     const Tensor& output);

}  // namespace octet::apps
