#pragma once

// How often each magnitude occurs in a tensor, counted with integers, so that merging the counts of many images or
// threads gives the same result in any order.

#include <cstdint>
#include <span>
#include <vector>

#include "graph/quant/grid.h"

namespace octet::quant {

inline constexpr int histogram_bins = 2048;

// bins of |x| on each side of 0, all of the width limit / 2048:
//   positive[i] counts  i·width <= x < (i+1)·width,   negative[i] counts  i·width < −x < (i+1)·width
// `limit` itself falls into the last bin, magnitudes beyond it too. Values of exactly 0 lie in positive[0], and are
// also counted in `zeros`: no grid errs on them.
class Histogram {
  public:
    Histogram() = default;
    // limit > 0, or 0 for a tensor that is 0 everywhere.
    explicit Histogram(float limit);

    void add(std::span<const float> values);
    // Both must have the same limit.
    void merge(const Histogram& other);

    float limit() const { return limit_; }
    double width() const { return static_cast<double>(limit_) / histogram_bins; }
    const std::vector<std::uint64_t>& positive() const { return positive_; }
    const std::vector<std::uint64_t>& negative() const { return negative_; }
    std::uint64_t zeros() const { return zeros_; }
    std::uint64_t total() const;
    // Counts of |x|.
    std::vector<std::uint64_t> magnitudes() const;

    // From stored counts; the vectors must have histogram_bins entries.
    static Histogram from_counts(float limit, std::vector<std::uint64_t> positive, std::vector<std::uint64_t> negative,
                                 std::uint64_t zeros);

  private:
    float limit_ = 0;
    std::uint64_t zeros_ = 0;
    std::vector<std::uint64_t> positive_ = std::vector<std::uint64_t>(histogram_bins);
    std::vector<std::uint64_t> negative_ = std::vector<std::uint64_t>(histogram_bins);
};

// Smallest and largest value, and how many values are NaN or infinite (those do not move the range).
struct Extent {
    float lo = 0;
    float hi = 0;
    std::uint64_t count = 0;
    std::uint64_t not_finite = 0;

    void add(std::span<const float> values);
    void merge(const Extent& other);
    float limit() const;  // max(|lo|, |hi|)
};

}  // namespace octet::quant
