#pragma once

// What of a program a profile's hardware takes, and what that costs there: a report before any compiler has been at
// hand.
//
// An operator is *taken* where the profile has a rule for it that holds its scales and it lies inside the limits
// (profile.h); otherwise it is *refused*, with the reason, and runs on the CPU. Quantize and Dequantize, the ports among
// them, are *conversions*: neither, for they stand where the CPU takes over.
//
// A *partition* is what is handed to the NPU at once. They are made in stages, as a delegate's are: all that the CPU can
// run from the inputs, all that the NPU can run then, and so on:
//
//     input → a → b → c → d → output        a, b, d, e, f taken, c refused:
//               ↘ e → f ↗                   npu 1 is a, b, e, f; then c on the CPU; npu 2 is d
//
// So no path leaves a partition and comes back (it is convex), none can take more without that, and there are as many as
// the path that changes sides the most needs. A partition need not be connected.
//
// Memory, in bytes: weights are int8 with an int32 bias a channel, int64 beside 16-bit activations. The arena holds
// every tensor that a partition reads or writes, at multiples of 16, for as long as it is needed (engine/arena.h): the
// network's inputs from the beginning, its outputs to the end. Element by element operators and reshapes write over an
// input that nobody reads later.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/npu_emu/profile.h"
#include "engine/program.h"
#include "kernels/cpu.h"

namespace octet::engine::npu_emu {

struct OffloadTensor {
    std::string name;
    DType dtype = DType::int8;
    Shape shape;
    std::int64_t bytes = 0;
};

enum class OffloadPlace : std::uint8_t { npu, cpu, conversion };

struct OffloadNode {
    std::string name, op;
    std::vector<std::string> fused;       // the nodes of the file that it computes
    std::optional<OffloadTensor> result;  // nothing: float
    std::int64_t macs = 0, weight_bytes = 0;
    OffloadPlace place = OffloadPlace::cpu;
    int partition = -1;  // of those that are taken
    std::string reason;  // of those that are refused
};

struct Partition {
    std::vector<std::size_t> nodes;              // of Offload::nodes
    std::vector<OffloadTensor> inputs, outputs;  // what goes over its border, as it is stored
    std::int64_t macs = 0, weight_bytes = 0, input_bytes = 0, output_bytes = 0;
};

struct Offload {
    std::vector<OffloadNode> nodes;  // in the program's order
    std::vector<Partition> partitions;
    std::vector<std::string> rewrites;  // what the hardware has in another form (rewrite.h); a line each
    std::int64_t weight_bytes = 0;      // of the partitions
    std::int64_t arena_bytes = 0;
    std::int64_t peak_bytes = 0;  // of tensors that are needed at the same time: no arena is smaller
    std::optional<OffloadTensor> largest;

    std::size_t count(OffloadPlace place) const;
    std::int64_t macs(OffloadPlace place) const;
};

// Of a program made for this profile's backend (engine/compile.h: to_program).
Offload plan_offload(Program program, const Profile& profile, kernels::CpuFeatures features);

}  // namespace octet::engine::npu_emu
