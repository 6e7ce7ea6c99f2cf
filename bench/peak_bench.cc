// What registers allow, by threads: how far a machine can speed up at all.

#include <benchmark/benchmark.h>

#include <string>

#include "bench/peak.h"

namespace octet::bench {
namespace {

void peak(benchmark::State& state, kernels::CpuFeatures needs) {
    double macs = 0;
    for (auto _ : state) macs += run_int8_peak(needs);
    state.counters["GMAC/s"] = benchmark::Counter(macs * 1e-9, benchmark::Counter::kIsRate);
}

const int registered = [] {
    for (const kernels::Level& level : kernels::levels()) {
        if (run_int8_peak(level.features) == 0) continue;
        const std::string name = std::string("peak_int8_") + level.name;
        benchmark::RegisterBenchmark(name.c_str(), [&level](benchmark::State& state) { peak(state, level.features); })
            ->Threads(1)
            ->Threads(2)
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond);
    }
    return 0;
}();

}  // namespace
}  // namespace octet::bench
