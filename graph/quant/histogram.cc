#include "graph/quant/histogram.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace octet::quant {

Histogram::Histogram(float limit) : limit_(limit) {
    assert(limit >= 0 && std::isfinite(limit));
}

void Histogram::add(std::span<const float> values) {
    const double per_bin = limit_ > 0 ? histogram_bins / static_cast<double>(limit_) : 0.0;
    constexpr double last = histogram_bins - 1;
    for (const float value : values) {
        const auto bin = static_cast<std::size_t>(std::min(std::fabs(static_cast<double>(value)) * per_bin, last));
        if (value < 0) {
            ++negative_[bin];
        } else {
            ++positive_[bin];
            zeros_ += value == 0 ? 1 : 0;
        }
    }
}

void Histogram::merge(const Histogram& other) {
    assert(limit_ == other.limit_);
    for (std::size_t i = 0; i < histogram_bins; ++i) {
        positive_[i] += other.positive_[i];
        negative_[i] += other.negative_[i];
    }
    zeros_ += other.zeros_;
}

std::uint64_t Histogram::total() const {
    return std::accumulate(positive_.begin(), positive_.end(), std::uint64_t{0}) +
           std::accumulate(negative_.begin(), negative_.end(), std::uint64_t{0});
}

std::vector<std::uint64_t> Histogram::magnitudes() const {
    std::vector<std::uint64_t> sum(positive_);
    for (std::size_t i = 0; i < histogram_bins; ++i) sum[i] += negative_[i];
    return sum;
}

Histogram Histogram::from_counts(float limit, std::vector<std::uint64_t> positive, std::vector<std::uint64_t> negative,
                                 std::uint64_t zeros) {
    assert(positive.size() == histogram_bins && negative.size() == histogram_bins);
    Histogram histogram(limit);
    histogram.positive_ = std::move(positive);
    histogram.negative_ = std::move(negative);
    histogram.zeros_ = zeros;
    return histogram;
}

void Extent::add(std::span<const float> values) {
    Extent more;
    more.count = values.size();
    more.lo = std::numeric_limits<float>::infinity();
    more.hi = -std::numeric_limits<float>::infinity();
    for (const float value : values) {
        // Infinity and NaN are the only floats whose difference with themselves is not 0.
        if (value - value == 0) {
            more.lo = std::min(more.lo, value);
            more.hi = std::max(more.hi, value);
        } else {
            ++more.not_finite;
        }
    }
    merge(more);
}

void Extent::merge(const Extent& other) {
    const bool was_empty = count == not_finite;
    const bool other_empty = other.count == other.not_finite;
    if (!other_empty) {
        lo = was_empty ? other.lo : std::min(lo, other.lo);
        hi = was_empty ? other.hi : std::max(hi, other.hi);
    }
    count += other.count;
    not_finite += other.not_finite;
}

float Extent::limit() const {
    return std::max(std::fabs(lo), std::fabs(hi));
}

}  // namespace octet::quant
