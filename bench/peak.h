#pragma once

// What this machine's registers allow: the multiply-accumulate instruction of a level in a loop that touches no memory.

#include "kernels/dispatch.h"

namespace octet::bench {

// GMAC/s of one thread, measured once a process. int8: vpdpbusd zmm; vpmaddubsw, vpmaddwd, vpaddd ymm. 0: no such
// level.
double int8_peak_gmacs(kernels::Isa isa);
// Runs that loop for about a millisecond, and says how many products it summed. 0: no such level.
double run_int8_peak(kernels::Isa isa);
// GFMA/s of one thread: zmm, ymm.
double f32_peak_gmacs(kernels::Isa isa);

}  // namespace octet::bench
