#pragma once

#include <cstdint>
#include <vector>

#include "graph/ir/graph.h"

namespace octet {

// Whether every output of a Resize is one of its inputs: mode nearest, and no extrapolation around a crop.
bool copies_values(const Node& resize);

// Which pixel along `axis` (2: rows, 3: columns) each output pixel of a nearest Resize [N,C,h,w] → [N,C,H,W] copies: H
// or W coordinates. An error when the Resize does anything else, or its inputs but the first are not constant.
Result<std::vector<std::int32_t>> nearest_sources(const Graph& graph, const Node& resize, int axis);

// Whether each output of a Resize is a mean of at most two inputs an axis: mode linear, neither with antialias nor with
// extrapolation around a crop.
bool interpolates_linearly(const Node& resize);

struct LinearSource {
    std::int32_t first = 0, second = 0;
    double weight = 0;  // the second's, in [0, 1]; the first's is 1 - weight
};
// What each output pixel of such a Resize [N,C,h,w] → [N,C,H,W] reads along `axis`, as nearest_sources().
Result<std::vector<LinearSource>> linear_sources(const Graph& graph, const Node& resize, int axis);

// Whether a nearest Resize makes 2×2 copies of each pixel.
bool doubles_pixels(const Graph& graph, const Node& resize);

}  // namespace octet
