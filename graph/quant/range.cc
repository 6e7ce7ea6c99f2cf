#include "graph/quant/range.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

namespace octet::quant {
namespace {

constexpr std::array<std::pair<std::string_view, Method>, 4> method_names{{
    {"minmax", Method::minmax},
    {"percentile", Method::percentile},
    {"entropy", Method::entropy},
    {"mse", Method::mse},
}};

// D(i) of the header; inside: how many of the `total` values lie below bin i.
double divergence(std::span<const std::uint64_t> bins, std::size_t i, std::size_t levels, std::uint64_t inside,
                  std::uint64_t total) {
    constexpr double epsilon = 1e-9;
    if (inside == 0) return std::numeric_limits<double>::infinity();
    double sum = 0;
    for (std::size_t level = 0; level < levels; ++level) {
        const std::size_t begin = level * i / levels;
        const std::size_t end = (level + 1) * i / levels;
        std::uint64_t mass = 0;
        std::size_t filled = 0;
        for (std::size_t b = begin; b < end; ++b) {
            mass += bins[b];
            filled += bins[b] != 0;
        }
        const double q = filled ? static_cast<double>(mass) / static_cast<double>(filled * inside) : 0.0;
        for (std::size_t b = begin; b < end; ++b) {
            const std::uint64_t count = bins[b] + (b == i - 1 ? total - inside : 0);
            if (count == 0) continue;
            const double p = static_cast<double>(count) / static_cast<double>(total);
            sum += p * std::log(p / (bins[b] != 0 ? q : epsilon));
        }
    }
    return sum;
}

Extent joint_extent(std::span<const Member> members) {
    Extent joint;
    for (const Member& member : members) joint.merge(member.extent);
    return joint;
}

Range holding_zero(Range range) {
    return {std::min(range.lo, 0.0F), std::max(range.hi, 0.0F)};
}

Range clip(Range range, float threshold) {
    return {std::max(range.lo, -threshold), std::min(range.hi, threshold)};
}

Grid grid_for(Range range, const RangeOptions& options) {
    return options.symmetric ? symmetric_grid(range, options.dtype) : asymmetric_grid(range, options.dtype);
}

// The members' counts on one axis: bin centre and count of everything on one side of zero, outermost first.
std::vector<std::pair<float, std::uint64_t>> outermost_first(std::span<const Member> members, bool negative) {
    std::vector<std::pair<float, std::uint64_t>> bins;
    for (const Member& member : members) {
        const auto& counts = negative ? member.histogram->negative() : member.histogram->positive();
        for (std::size_t i = 0; i < counts.size(); ++i) {
            if (counts[i] == 0) continue;
            bins.emplace_back(static_cast<float>(static_cast<double>(i + 1) * member.histogram->width()), counts[i]);
        }
    }
    std::sort(bins.begin(), bins.end(), std::greater<>());
    return bins;
}

// The magnitude beyond which `dropped` values of the bins lie.
float quantile(const std::vector<std::pair<float, std::uint64_t>>& bins, double dropped) {
    double seen = 0;
    for (const auto& [edge, count] : bins) {
        seen += static_cast<double>(count);
        if (seen > dropped) return edge;
    }
    return 0;
}

Range percentile_range(std::span<const Member> members, Range full, double percentile) {
    std::uint64_t total = 0;
    for (const Member& member : members) total += member.histogram->total();
    const double dropped = static_cast<double>(total) * (100.0 - percentile) / 200.0;
    const Range range{-quantile(outermost_first(members, true), dropped),
                      quantile(outermost_first(members, false), dropped)};
    return {std::max(range.lo, full.lo), std::min(range.hi, full.hi)};
}

double total_error(std::span<const Member> members, const Grid& grid) {
    double sum = 0;
    for (const Member& member : members) sum += squared_error(*member.histogram, grid);
    return sum;
}

// Coordinate descent over the two ends of the range, from coarse to fine; each end moves within (0, full].
Range mse_range(std::span<const Member> members, Range full, const RangeOptions& options) {
    constexpr int coarse_steps = 64;
    constexpr int rounds = 2;
    Range best = full;
    double best_error = total_error(members, grid_for(best, options));
    const auto consider = [&](Range candidate) {
        const double error = total_error(members, grid_for(candidate, options));
        if (error < best_error) {
            best_error = error;
            best = candidate;
        }
    };
    for (int round = 0; round < rounds; ++round) {
        for (const bool upper : {true, false}) {
            const float end = upper ? full.hi : full.lo;
            if (end == 0) continue;
            for (int i = 1; i <= coarse_steps; ++i) {
                // The square spaces candidates closely where small ranges differ most.
                const float part = static_cast<float>(i) / coarse_steps;
                const float moved = end * part * part;
                consider(upper ? Range{best.lo, moved} : Range{moved, best.hi});
            }
        }
    }
    for (float step = 0.05F; step > 0.004F; step /= 2) {
        for (const float factor : {1 - step, 1 + step}) {
            consider(Range{best.lo, std::min(best.hi * factor, full.hi)});
            consider(Range{std::max(best.lo * factor, full.lo), best.hi});
        }
    }
    return best;
}

}  // namespace

std::optional<Method> method_from_name(std::string_view name) {
    for (const auto& [text, method] : method_names) {
        if (text == name) return method;
    }
    return std::nullopt;
}

std::string_view method_name(Method method) {
    return method_names[static_cast<std::size_t>(method)].first;
}

int entropy_levels(const Range& full, bool symmetric) {
    const float longer = std::max(-full.lo, full.hi);
    if (symmetric || !(longer > 0)) return 128;
    return static_cast<int>(std::lround(256 * static_cast<double>(longer) / (static_cast<double>(full.hi) - full.lo)));
}

EntropyResult entropy_threshold(const Histogram& histogram, int levels) {
    const std::vector<std::uint64_t> bins = histogram.magnitudes();
    const std::uint64_t total = histogram.total();
    EntropyResult result;
    result.levels = levels;
    if (total == 0 || histogram.limit() == 0) return result;
    std::uint64_t inside = 0;
    const auto first = static_cast<std::size_t>(levels);
    for (std::size_t b = 0; b < first; ++b) inside += bins[b];
    double least = std::numeric_limits<double>::infinity();
    std::size_t best = histogram_bins - 1;
    for (std::size_t i = first; i < histogram_bins; ++i) {
        const double d = divergence(bins, i, first, inside, total);
        result.divergence.push_back(static_cast<float>(d));
        const bool allowed = static_cast<double>(total - inside) <= entropy_outliers * static_cast<double>(total);
        if (allowed && d < least) {
            least = d;
            best = i;
        }
        inside += bins[i];
    }
    result.chosen = static_cast<int>(best);
    result.threshold = static_cast<float>((result.chosen + 0.5) * histogram.width());
    return result;
}

double squared_error(const Histogram& histogram, const Grid& grid) {
    const double width = histogram.width();
    const double step = grid.scale;
    const auto [lo, hi] = reach(grid);
    const bool fine = step < 4 * width;
    double sum = 0;
    for (const bool negative : {false, true}) {
        const auto& counts = negative ? histogram.negative() : histogram.positive();
        for (std::size_t i = 0; i < counts.size(); ++i) {
            std::uint64_t count = counts[i];
            if (!negative && i == 0) count -= histogram.zeros();
            if (count == 0) continue;
            const double centre = (static_cast<double>(i) + 0.5) * (negative ? -width : width);
            double error;
            if (centre < lo || centre > hi) {
                const double distance = centre < lo ? lo - centre : centre - hi;
                error = distance * distance + (fine ? 0.0 : width * width / 12);
            } else if (fine) {
                error = step * step / 12;
            } else {
                const double off = centre - std::nearbyint(centre / step) * step;
                error = off * off + width * width / 12;
            }
            sum += static_cast<double>(count) * error;
        }
    }
    return sum;
}

Range choose_range(std::span<const Member> members, const RangeOptions& options) {
    assert(!members.empty());
    const Extent joint = joint_extent(members);
    const Range full = holding_zero({joint.lo, joint.hi});
    switch (options.method) {
        case Method::minmax:
            return full;
        case Method::percentile:
            return percentile_range(members, full, options.percentile);
        case Method::entropy: {
            float threshold = 0;
            const int levels = entropy_levels(full, options.symmetric);
            for (const Member& member : members) {
                threshold = std::max(threshold, entropy_threshold(*member.histogram, levels).threshold);
            }
            return clip(full, threshold);
        }
        case Method::mse:
            return mse_range(members, full, options);
    }
    return full;
}

}  // namespace octet::quant
