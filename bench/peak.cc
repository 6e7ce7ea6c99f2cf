#include "bench/peak.h"

#include <cstdint>
#include <ctime>
#include <map>
#include <span>

namespace octet::bench {
namespace {

using kernels::CpuFeatures;
namespace features = kernels::features;
namespace needs = kernels::needs;

struct Loop {
    CpuFeatures needs;
    void (*run)(std::int64_t iterations);
    double macs;  // of an iteration
};

#ifdef OCTET_HAVE_X86_KERNELS

// Twelve independent accumulators hide every latency. Written as assembly so that no compiler can shorten it.
#define OCTET_12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

#define VPDPBUSD(N) "vpdpbusd %%zmm30, %%zmm31, %%zmm" #N "\n\t"
#define VPDPBUSD_EVEX(N) "%{evex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #N "\n\t"
#define VPDPBUSD_VEX(N) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #N "\n\t"
#define VFMA_Z(N) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #N "\n\t"
#define VFMA_Y(N) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #N "\n\t"
#define MADDUBS(N)                             \
    "vpmaddubsw %%ymm14, %%ymm15, %%ymm12\n\t" \
    "vpmaddwd %%ymm12, %%ymm13, %%ymm12\n\t"   \
    "vpaddd %%ymm12, %%ymm" #N ", %%ymm" #N "\n\t"

#define CLOBBER_Y                                                                                              \
    "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", \
        "ymm13", "ymm14", "ymm15"

__attribute__((target("avx512f"))) void vpdpbusd_loop(std::int64_t n) {
    asm volatile("1:\n\t" OCTET_12(VPDPBUSD) "dec %0\n\tjnz 1b\n\tvzeroupper" : "+r"(n)::CLOBBER_Y, "cc");
}
__attribute__((target("avx2"))) void vpdpbusd_evex_loop(std::int64_t n) {
    asm volatile("1:\n\t" OCTET_12(VPDPBUSD_EVEX) "dec %0\n\tjnz 1b\n\tvzeroupper" : "+r"(n)::CLOBBER_Y, "cc");
}
__attribute__((target("avx2"))) void vpdpbusd_vex_loop(std::int64_t n) {
    asm volatile("1:\n\t" OCTET_12(VPDPBUSD_VEX) "dec %0\n\tjnz 1b\n\tvzeroupper" : "+r"(n)::CLOBBER_Y, "cc");
}
__attribute__((target("avx512f"))) void fma_zmm_loop(std::int64_t n) {
    asm volatile("vpxorq %%zmm30, %%zmm30, %%zmm30\n\tvpxorq %%zmm31, %%zmm31, %%zmm31\n\tvzeroall\n1:\n\t" OCTET_12(
                     VFMA_Z) "dec %0\n\tjnz 1b\n\tvzeroupper"
                 : "+r"(n)::CLOBBER_Y, "cc");
}
__attribute__((target("avx2,fma"))) void maddubs_loop(std::int64_t n) {
    asm volatile("1:\n\t" OCTET_12(MADDUBS) "dec %0\n\tjnz 1b\n\tvzeroupper" : "+r"(n)::CLOBBER_Y, "cc");
}
__attribute__((target("avx2,fma"))) void fma_ymm_loop(std::int64_t n) {
    asm volatile("vzeroall\n1:\n\t" OCTET_12(VFMA_Y) "dec %0\n\tjnz 1b\n\tvzeroupper" : "+r"(n)::CLOBBER_Y, "cc");
}

// The fastest first.
constexpr Loop int8_loops[] = {
    {features::avx512f | features::avx512vnni, vpdpbusd_loop, 12 * 64},
    {needs::avxvnni_evex, vpdpbusd_evex_loop, 12 * 32},
    {needs::avxvnni, vpdpbusd_vex_loop, 12 * 32},
    {features::avx2, maddubs_loop, 12 * 32},
};
constexpr Loop f32_loops[] = {
    {features::avx512f, fma_zmm_loop, 12 * 16},
    {needs::avx2, fma_ymm_loop, 12 * 8},
};

#else

constexpr std::span<const Loop> int8_loops, f32_loops;

#endif

// Of this thread, so that other programs on the machine count as little as in the benchmarks themselves.
double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// macs: of one loop iteration. The best of a few runs.
double measure(void (*loop)(std::int64_t), double macs) {
    constexpr std::int64_t iterations = 2'000'000;
    double best = 0;
    for (int run = 0; run < 5; ++run) {
        const double begin = cpu_seconds();
        loop(iterations);
        const double rate = macs * static_cast<double>(iterations) / (cpu_seconds() - begin) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

const Loop* find_loop(std::span<const Loop> loops, CpuFeatures features) {
    if (!kernels::runs(features)) return nullptr;
    for (const Loop& loop : loops) {
        if (features.contains(loop.needs)) return &loop;
    }
    return nullptr;
}

double peak(std::span<const Loop> loops, CpuFeatures features) {
    static std::map<const Loop*, double> rates;
    const Loop* loop = find_loop(loops, features);
    if (loop == nullptr) return 0;
    double& rate = rates[loop];
    if (rate == 0) rate = measure(loop->run, loop->macs);
    return rate;
}

}  // namespace

double int8_peak_gmacs(CpuFeatures needs) {
    return peak(int8_loops, needs);
}
double run_int8_peak(CpuFeatures needs) {
    constexpr std::int64_t iterations = 300'000;
    const Loop* loop = find_loop(int8_loops, needs);
    if (loop == nullptr) return 0;
    loop->run(iterations);
    return loop->macs * iterations;
}
double f32_peak_gmacs(CpuFeatures needs) {
    return peak(f32_loops, needs);
}

}  // namespace octet::bench
