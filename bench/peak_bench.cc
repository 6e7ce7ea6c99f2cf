// What registers allow, by threads: how far a machine can speed up at all.

#include <benchmark/benchmark.h>

#include <string>

#include "bench/peak.h"

namespace octet::bench {
namespace {

void peak(benchmark::State& state, kernels::Isa isa) {
    double macs = 0;
    for (auto _ : state) macs += run_int8_peak(isa);
    state.counters["GMAC/s"] = benchmark::Counter(macs * 1e-9, benchmark::Counter::kIsRate);
}

const int registered = [] {
    for (const kernels::Isa isa : {kernels::Isa::avx2, kernels::Isa::avx512vnni}) {
        if (!kernels::isa_available(isa)) continue;
        const std::string name = "peak_int8_" + std::string(kernels::isa_name(isa));
        benchmark::RegisterBenchmark(name.c_str(), [isa](benchmark::State& state) { peak(state, isa); })
            ->Threads(1)
            ->Threads(2)
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond);
    }
    return 0;
}();

}  // namespace
}  // namespace octet::bench
