#pragma once

// Summaries of repeated measurements.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace octet::apps {

// The value below which `fraction` of the sorted values lie, interpolated linearly between neighbours:
//   position = fraction · (n − 1), i = ⌊position⌋,  value = v[i] + (position − i) · (v[i + 1] − v[i])
// 0.5 is the median. `fraction` in [0, 1]; 0 when there are no values.
double quantile(std::span<const double> values, double fraction);
double median(std::span<const double> values);

struct LatencySummary {
    double min_ms = 0, median_ms = 0, p90_ms = 0, p99_ms = 0;

    // How far the slow runs lie above the usual one: (p90 − median) / median; 0 when the median is 0.
    double variation() const;
    bool noisy() const { return variation() > 0.1; }
};

LatencySummary summarize_latencies(std::span<const double> latencies_ms);

// For each column the median over the rows; all rows are as long as the first.
std::vector<double> column_medians(std::span<const std::vector<double>> rows);

}  // namespace octet::apps
