#pragma once

// What octet-bench measures, as JSON and as tables.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/common/statistics.h"
#include "apps/common/table.h"
#include "base/result.h"
#include "engine/program.h"

namespace octet::apps {

// A step of the plan; `ms` is the median over the observed runs.
struct LayerTime {
    std::string name, kernel;
    double ms = 0;
    std::int64_t macs = 0;
};

// All steps of one kernel.
struct KernelTime {
    std::string kernel;
    int steps = 0;
    double ms = 0;
    std::int64_t macs = 0;
};

struct BenchReport {
    std::string model, cpu, isa, input;  // input: "float" or "pixels"
    int threads = 0;
    int warmup_runs = 0;  // after the first one
    double load_ms = 0;   // file to session: import, passes, plan, packed weights
    double first_run_ms = 0;
    std::vector<double> latencies_ms = {};
    double peak_memory_mb = 0;                          // 10⁶ bytes
    std::vector<LayerTime> layers = {};                 // in the order of the plan; empty when they were not measured
    std::vector<engine::FloatLayer> float_layers = {};  // quantized in the file, run in float, and why

    LatencySummary summary() const { return summarize_latencies(latencies_ms); }
};

// 10⁹ multiply-accumulates a second; 0 when no time was measured.
double gmac_per_s(std::int64_t macs, double ms);

// Slowest kernel first.
std::vector<KernelTime> sum_by_kernel(std::span<const LayerTime> layers);

Table layer_table(std::span<const LayerTime> layers);
Table kernel_table(std::span<const LayerTime> layers);

// A layer before and after. Layers belong together by name; where a name comes several times, by their order.
struct LayerChange {
    std::string name;
    std::optional<double> old_ms, new_ms;  // none: the layer is not in that report
    std::string old_kernel, new_kernel;
};

// The layers of `now` in their order, then those that only `old` has.
std::vector<LayerChange> compare_layers(std::span<const LayerTime> old, std::span<const LayerTime> now);

// new / old of the medians, p90s, minimums …; less is better.
Table comparison_table(const BenchReport& old, const BenchReport& now);
Table layer_comparison_table(std::span<const LayerChange> changes);

// With `old`, what came of comparing with it is a member "comparison".
std::string to_json(const BenchReport& report, const BenchReport* old = nullptr);
// Hostile until checked; `name` stands in errors. Members that a comparison does not need may be missing.
Result<BenchReport> parse_bench_report(const std::string& text, const std::string& name);

}  // namespace octet::apps
