#pragma once

// Which convolutions fit accumulators of 16, 24 and 32 bits.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/table.h"
#include "engine/backend.h"
#include "quantizer/calibration_images.h"

namespace octet::apps {

// Of one convolution over all pictures.
struct SeenAccumulators {
    std::string name;
    std::int64_t min = 0, max = 0;
};

// Runs an executable of the npu-emu backend on the pictures, letterboxed and normalized as ImageNet's. Fails where the
// network takes no one picture.
Result<std::vector<SeenAccumulators>> see_accumulators(std::shared_ptr<const engine::Executable> executable,
                                                       const quantizer::CalibrationImages& images);

// A row a convolution: the bits that hold its sums whatever the input, whether 16, 24 and 32 do, and where `seen` has
// it what was seen and the bits for that.
Table accumulator_table(const engine::Program& program, const std::vector<SeenAccumulators>& seen);

}  // namespace octet::apps
