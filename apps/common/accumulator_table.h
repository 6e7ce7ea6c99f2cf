#pragma once

// Which convolutions fit accumulators of 16, 24 and 32 bits.

#include <vector>

#include "apps/common/table.h"
#include "quantizer/accumulator_use.h"

namespace octet::apps {

// A row a convolution: the bits that hold its sums whatever the input, whether 16, 24 and 32 do, and where pictures were
// run what was seen and the bits for that.
Table accumulator_table(const std::vector<quantizer::AccumulatorUse>& uses);

}  // namespace octet::apps
