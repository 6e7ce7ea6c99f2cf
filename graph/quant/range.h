#pragma once

// Which part of a tensor's range an 8-bit grid should cover: what lies outside saturates, what lies inside is rounded
// to steps that grow with the range.

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "graph/quant/grid.h"
#include "graph/quant/histogram.h"

namespace octet::quant {

enum class Method {
    minmax,      // everything that was seen
    percentile,  // all but the outermost (100 − percentile) % of the values, half of it on either side
    entropy,     // Migacz 2017: the threshold whose 128-level histogram is nearest to the original in the KL divergence
    mse,         // the least mean squared error, by search
};

std::optional<Method> method_from_name(std::string_view name);
std::string_view method_name(Method method);

// The KL algorithm. With H the histogram of |x|, for i = L … 2047:
//   P = H[0:i], the outliers added to P[i−1]
//   Q = H[0:i] merged into L levels, the mass of each spread evenly over its non-empty bins
//   D(i) = Σ P·ln(P/Q) with both normalized to 1
// L: how many steps the grid has for magnitudes, 128 where it is symmetric. divergence[k] is D(L + k). Q is 0 where
// only outliers lie in the last bin: ε = 1e-9 stands for it, which keeps D finite. threshold = (argmin D + 0.5) · bin
// width, over the i that leave at most entropy_outliers of the values outside. D counts how many values are cut, not
// how far they are moved: without the bound it cuts the rare large values in which a segmentation head says "lane",
// and with them most of a tensor's energy.
inline constexpr double entropy_outliers = 1e-4;
struct EntropyResult {
    float threshold = 0;
    int levels = 128;  // L
    int chosen = 0;    // the i of the threshold; 0 for a tensor that is 0 everywhere
    std::vector<float> divergence;
};
EntropyResult entropy_threshold(const Histogram& histogram, int levels = 128);

// One of several tensors that share a grid.
struct Member {
    const Histogram* histogram = nullptr;
    Extent extent;
};

struct RangeOptions {
    Method method = Method::mse;
    double percentile = 99.999;
    bool symmetric = false;
    DType dtype = DType::uint8;
};

// The L of the KL algorithm for 8 bits: a grid that is not symmetric has on its longer side the share of its 256 steps
// that this side has of the range.
int entropy_levels(const Range& full, bool symmetric);

// The range for a grid shared by `members` (at least one). The result lies within what the members reach, and holds 0.
Range choose_range(std::span<const Member> members, const RangeOptions& options);

// Σ (x − dequantize(quantize(x)))² over the values of a histogram: inside the grid's reach step²/12 where the step is
// narrower than four bins, else exact on the bins' centres; outside the squared distance to the end of the reach.
double squared_error(const Histogram& histogram, const Grid& grid);

}  // namespace octet::quant
