#pragma once

// How many threads are worth starting.

#include <string>

namespace octet {

// The CPUs that this process may keep busy at once, at least 1: those of its affinity mask, but not more than the whole
// CPUs of its quota.
int usable_cpus();

// The CPU quota of this process's control group and those around it (cgroups v1 and v2): the smallest, in CPUs;
// infinity where there is none. Reads `root`/proc/self/cgroup and the groups below `root`/sys/fs/cgroup.
double cpu_quota(const std::string& root = "");

}  // namespace octet
