#pragma once

// What this machine's registers allow: the multiply-accumulate instruction of a level in a loop that touches no memory.

#include "kernels/cpu.h"

namespace octet::bench {

// GMAC/s of one thread, measured once a process, with the best instruction that kernels of these needs have. int8:
// vpdpbusd zmm; vpmaddubsw, vpmaddwd, vpaddd ymm. 0: no such instruction, or not on this CPU.
double int8_peak_gmacs(kernels::CpuFeatures needs);
// Runs that loop for about a millisecond, and says how many products it summed; 0 likewise.
double run_int8_peak(kernels::CpuFeatures needs);
// GFMA/s of one thread: zmm, ymm.
double f32_peak_gmacs(kernels::CpuFeatures needs);

}  // namespace octet::bench
