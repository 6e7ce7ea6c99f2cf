#pragma once

// What a measurement was made on, and what it cost.

#include <string>

namespace octet::apps {

// The CPU as the system names it, with family and model because virtual machines hide the product's name:
// "AMD EPYC (family 26, model 2), 2 cores". The cores are those that this process may use.
std::string cpu_description();
// The same from the text of /proc/cpuinfo.
std::string cpu_description(const std::string& cpuinfo, int cores);

// The most memory that this process has had resident so far, in 10⁶ bytes; 0 where the system does not tell.
double peak_memory_mb();

}  // namespace octet::apps
