#include "apps/common/statistics.h"

#include <algorithm>
#include <cassert>

namespace octet::apps {

double quantile(std::span<const double> values, double fraction) {
    assert(fraction >= 0 && fraction <= 1);
    if (values.empty()) return 0;
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const double position = fraction * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(position);
    const std::size_t high = std::min(low + 1, sorted.size() - 1);
    return sorted[low] + (position - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

double median(std::span<const double> values) {
    return quantile(values, 0.5);
}

double LatencySummary::variation() const {
    return median_ms > 0 ? (p90_ms - median_ms) / median_ms : 0;
}

LatencySummary summarize_latencies(std::span<const double> latencies_ms) {
    return {.min_ms = quantile(latencies_ms, 0),
            .median_ms = median(latencies_ms),
            .p90_ms = quantile(latencies_ms, 0.9),
            .p99_ms = quantile(latencies_ms, 0.99)};
}

std::vector<double> column_medians(std::span<const std::vector<double>> rows) {
    std::vector<double> medians;
    if (rows.empty()) return medians;
    std::vector<double> column(rows.size());
    for (std::size_t i = 0; i < rows.front().size(); ++i) {
        for (std::size_t r = 0; r < rows.size(); ++r) {
            assert(rows[r].size() == rows.front().size());
            column[r] = rows[r][i];
        }
        medians.push_back(median(column));
    }
    return medians;
}

}  // namespace octet::apps
