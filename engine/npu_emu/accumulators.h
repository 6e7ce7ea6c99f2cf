#pragma once

// How wide accumulators have to be.

#include <cstdint>
#include <vector>

#include "engine/program.h"

namespace octet::engine::npu_emu {

// Of a channel, whatever the input: sum of (x - zx) * w, with the bias as steps of the accumulator's scale. Sums of
// some of the products lie in it too, so it holds in any order of additions.
struct SumRange {
    std::int64_t min = 0, max = 0;
};

// bias[c] on the accumulator's scale: the file's integers, or the real value rounded to nearest even. Saturated to 62
// bits.
std::vector<std::int64_t> accumulator_bias(const ConvOp& conv);
// One an output channel. `padding`: what is read outside of the image.
std::vector<SumRange> sum_ranges(const ConvOp& conv, int padding);
// The smallest width that holds the range in two's complement.
int bits_of(SumRange range);

}  // namespace octet::engine::npu_emu
