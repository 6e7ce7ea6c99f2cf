#pragma once

// A 1x1 convolution over a Concat of which one input is upsampled to twice the size does the same sums for four pixels
// in a row:
//
//     Conv(Concat(Resize(a), b)) = Resize(U a) + V b          U, V: the weights of either part
//
// Exact in integers, since it only changes the order in which products are added.

#include <optional>
#include <set>

#include "engine/patterns.h"

namespace octet::engine {

struct UpsampledConcat {
    ValueId low = no_value;   // a, quantized
    ValueId full = no_value;  // b, quantized
    int first_channel = 0;    // of a in the Concat: 0, or behind b
};

// What the convolution reads, when that is such a Concat, all on one grid. in_float: QuantizeLinear nodes whose
// patterns do not run in integers.
std::optional<UpsampledConcat> upsampled_concat(const Graph& graph, const PatternMatcher& matcher, const Pattern& conv,
                                                const std::set<NodeId>& in_float);

}  // namespace octet::engine
