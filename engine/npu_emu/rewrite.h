#pragma once

// What a profile's hardware computes in another form than the file has it:
//
//     Concat of other grids          a requantization in front of each input             equal
//     MaxPool, Resize … to another   a requantization behind it                          equal
//     uneven padding                 a Pad in front of the convolution                   equal
//     Sigmoid                        its result on the grid that the hardware has        another grid
//
// Tensors that come to be are named after the node: "/c1/Concat_in0", "/d1/Conv/pad", "/spp/MaxPool/input_scale".

#include <string>
#include <vector>

#include "engine/npu_emu/profile.h"
#include "engine/program.h"

namespace octet::engine::npu_emu {

// A line for each rewrite.
std::vector<std::string> rewrite(Program& program, const Profile& profile);

}  // namespace octet::engine::npu_emu
