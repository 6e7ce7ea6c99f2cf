#include "apps/common/host.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace octet::apps {
namespace {

TEST(Host, DescribesTheCpuOfCpuinfo) {
    const std::string cpuinfo =
        "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 33\n"
        "model name\t: AMD Ryzen 9 5950X 16-Core Processor\nstepping\t: 0\n\nprocessor\t: 1\nmodel name\t: another\n";
    EXPECT_EQ(cpu_description(cpuinfo, 16), "AMD Ryzen 9 5950X 16-Core Processor (family 25, model 33), 16 cores");
}

TEST(Host, SurvivesCpuinfoWithoutNames) {
    EXPECT_EQ(cpu_description("", 1), "unknown CPU, 1 core");
    EXPECT_EQ(cpu_description("no colon\n: no key\nmodel name", 2), "unknown CPU, 2 cores");
}

TEST(Host, NamesArmCoresByTheirId) {
    const std::uint64_t a53 = 0x410FD034, a76 = 0x413FD0B0, unknown = 0x7F0F1230;
    EXPECT_EQ(arm_core_name(a53), "Cortex-A53");
    EXPECT_EQ(arm_cpu_description(std::vector{a53}, 4), "Cortex-A53 r0p4, 4 cores");
    EXPECT_EQ(arm_cpu_description(std::vector{a53, a53, a76}, 3), "2 x Cortex-A53 r0p4 + 1 x Cortex-A76 r3p0, 3 cores");
    EXPECT_EQ(arm_cpu_description(std::vector{unknown}, 1), "Arm core of implementer 0x7f, part 0x123 r0p0, 1 core");
    EXPECT_EQ(arm_cpu_description({}, 2), "unknown CPU, 2 cores");
}

TEST(Host, PeakMemoryCountsWhatWasTouched) {
    const double before = peak_memory_mb();
    if (before == 0) GTEST_SKIP() << "this system has no /proc/self/status";
    const std::vector<char> memory(100'000'000, 1);
    EXPECT_GE(peak_memory_mb(), 100);
    EXPECT_EQ(memory.back(), 1);
}

}  // namespace
}  // namespace octet::apps
