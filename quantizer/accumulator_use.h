#pragma once

// How wide the accumulators of a quantized network's convolutions have to be.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/npu_emu/accumulators.h"
#include "quantizer/calibration_images.h"

namespace octet::quantizer {

struct AccumulatorUse {
    std::string name;                               // of the convolution
    int bits = 1;                                   // hold its sums, whatever the input
    std::optional<engine::npu_emu::SumRange> seen;  // on pictures
};

// The profile that runs whatever there is: convolutions sum integers in it, and the rest may be float.
inline constexpr const char* accumulator_profile = "onnxruntime-x86-fused";

// By the weights alone.
std::vector<AccumulatorUse> accumulator_use(const engine::Program& program);

// What `limit` pictures use of it too, evenly spread over them; 0: all. The executable is the npu-emu
// backend's. Fails where the network takes no one picture.
Result<std::vector<AccumulatorUse>> accumulator_use(std::shared_ptr<const engine::Executable> executable,
                                                    const CalibrationImages& images, std::int64_t limit, int threads);

}  // namespace octet::quantizer
