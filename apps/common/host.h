#pragma once

// What a measurement was made on, and what it cost.

#include <cstdint>
#include <span>
#include <string>

namespace octet::apps {

// The CPU as the system names it, with family and model because virtual machines hide the product's name:
// "AMD EPYC (family 26, model 2), 2 cores". The cores are those that this process may use.
std::string cpu_description();
// The same from the text of /proc/cpuinfo.
std::string cpu_description(const std::string& cpuinfo, int cores);

// Arm has no names in /proc/cpuinfo. By each core's MIDR_EL1: "4 x Cortex-A55 r1p0 + 4 x Cortex-A76 r3p0, 8 cores".
std::string arm_cpu_description(std::span<const std::uint64_t> midrs, int cores);
std::string arm_core_name(std::uint64_t midr);

// The most memory that this process has had resident so far, in 10⁶ bytes; 0 where the system does not tell.
double peak_memory_mb();

}  // namespace octet::apps
