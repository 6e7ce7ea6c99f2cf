#pragma once

// Convolutions that need no upsampled pixels, though the graph has a nearest Resize to twice the size before them.
// Exact in integers, since only the order changes in which products are added.

#include <optional>
#include <set>

#include "engine/patterns.h"

namespace octet::engine {

// A 1x1 convolution over a Concat of which one input is upsampled does the same sums for four pixels in a row:
//
//     Conv(Concat(Resize(a), b)) = Resize(U a) + V b          U, V: the weights of either part
struct UpsampledConcat {
    ValueId low = no_value;   // a, quantized
    ValueId full = no_value;  // b, quantized
    int first_channel = 0;    // of a in the Concat: 0, or behind b
};

// What the convolution reads, when that is such a Concat, all on one grid. in_float: QuantizeLinear nodes whose
// patterns do not run in integers.
std::optional<UpsampledConcat> upsampled_concat(const Graph& graph, const PatternMatcher& matcher, const Pattern& conv,
                                                const std::set<NodeId>& in_float);

// What a 3x3 convolution with padding 1 reads before the upsampling (kernels/conv.h: ConvParams::upsampled), quantized.
std::optional<ValueId> upsampled_input(const Graph& graph, const PatternMatcher& matcher, const Pattern& conv,
                                       const std::set<NodeId>& in_float);

}  // namespace octet::engine
